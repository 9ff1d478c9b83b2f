import Curl
import Foundation
import PostgreSQL
import Reconciliation
import Runner
import Stripe

/// A webhook on its way: the event as Stripe wrote it, with the object as it was then.
struct Delivery: Sendable {
    /// The account's name.
    var account: String
    var eventID: String
    var type: String
    /// The invoice or payment intent.
    var objectID: String
    /// What is posted.
    var body: [UInt8]
    /// How often it was tried in vain: Stripe gives up in the end.
    var failures = 0

    /// The types that change something somewhere.
    static let types = [
        "invoice.paid", "invoice.voided", "invoice.finalized", "payment_intent.succeeded", "payment_intent.canceled",
        "payment_intent.payment_failed",
    ]

    /// The bytes of the object.
    private func object() throws -> [UInt8] {
        let event = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
        guard let object = (event?["data"] as? [String: Any])?["object"] else { throw TownError("no data.object") }
        return Array(try JSONSerialization.data(withJSONObject: object))
    }

    /// The invoice in it.
    func invoice() throws -> Invoice { try BodyDecoding.invoice(try object()) }
}

extension Town {
    /// The events of an account that change something and are not among `known`, the oldest first.
    func deliveries(of account: String, without known: Set<String>) async throws -> [Delivery] {
        try await events(of: account, types: Delivery.types, without: known)
    }

    /// The events of one type.
    func events(of account: String, type: String) async throws -> [Delivery] {
        try await events(of: account, types: [type], without: [])
    }

    private func events(
        of account: String, types: [String], without known: Set<String>
    ) async throws -> [Delivery] {
        let types = types.enumerated().map { "&types[\($0.offset)]=\($0.element)" }.joined()
        var found: [Delivery] = []
        var cursor = ""
        // The sandbox may fail here too: a webhook that is late is none that is lost.
        for _ in 0..<1_000 {
            let request = HTTPRequest(
                .get, url: "\(server.url)/v1/events?limit=20\(types)\(cursor)",
                headers: [
                    ("Authorization", "Bearer sk_test_sandbox_\(account)"), ("Stripe-Version", "2023-10-16"),
                ])
            guard let response = try? await http.send(request), response.status == 200 else { continue }
            let body = response.body.withUnsafeBytes { Data($0) }
            guard let page = try JSONSerialization.jsonObject(with: body) as? [String: Any],
                let events = page["data"] as? [[String: Any]]
            else { throw TownError("no page of events") }
            for event in events {
                guard let id = event["id"] as? String, let type = event["type"] as? String,
                    let object = (event["data"] as? [String: Any])?["object"] as? [String: Any],
                    let objectID = object["id"] as? String
                else { throw TownError("an event without id, type or object") }
                if known.contains(id) { return found.reversed() }
                let bytes = Array(try JSONSerialization.data(withJSONObject: event))
                found.append(Delivery(account: account, eventID: id, type: type, objectID: objectID, body: bytes))
            }
            guard page["has_more"] as? Bool == true, let last = events.last?["id"] as? String else {
                return found.reversed()
            }
            cursor = "&starting_after=\(last)"
        }
        throw TownError("the events of \(account) do not come to an end")
    }
}

/// How the live side behaves in a torture. A planted bug is one of these done wrong; the product has no switch for it.
struct Habits: Sendable {
    var name = "as it is"
    /// Runs once, before anything happens.
    var sabotage = ""
    var reconciles = true
    var deliver: @Sendable (Torture, Delivery, _ crashes: Bool) async throws -> Void = Torture.deliver
    var place: @Sendable (Torture, NewCreditOrder, String, OrderStep?) async throws -> Void = Torture.place
    var cancel: @Sendable (Torture, Int64, Int64, OrderStep?) async throws -> Void = Torture.cancel
    var reserve: @Sendable (Torture, Int64, Int64) async throws -> Void = Torture.reserve
    /// One run of a job.
    var night: @Sendable (Torture, String) async throws -> Void = { try await $0.town.run($1) }
    var charge: @Sendable (Torture, NewCharge, String, ChargeStep?) async throws -> Void = Torture.charge

    static let right = Habits()
}
