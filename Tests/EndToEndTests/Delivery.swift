import Credits
import Curl
import Foundation
import PostgreSQL
import Reconciliation
import Runner
import Stripe

/// A webhook on its way: the event as Stripe wrote it, with the object as it was then.
struct Delivery: Sendable {
    var eventID: String
    var type: String
    var invoice: InvoiceFacts
}

extension Town {
    /// The events of Task Health's invoices that are not among `known`, the oldest first.
    func deliveries(without known: Set<String>) async throws -> [Delivery] {
        var found: [Delivery] = []
        var cursor = ""
        while true {
            let request = HTTPRequest(
                .get, url: "\(server.url)/v1/events?limit=100\(cursor)",
                headers: [("Authorization", "Bearer sk_test_sandbox_task_health"), ("Stripe-Version", "2023-10-16")])
            // The sandbox may fail here too: a webhook that is late is none that is lost.
            guard let response = try? await http.send(request), response.status == 200 else { continue }
            let body = response.body.withUnsafeBytes { Data($0) }
            guard let page = try JSONSerialization.jsonObject(with: body) as? [String: Any],
                let events = page["data"] as? [[String: Any]]
            else { throw TownError("no page of events") }
            for event in events {
                guard let id = event["id"] as? String, let type = event["type"] as? String else { continue }
                if known.contains(id) { return found.reversed() }
                guard type.hasPrefix("invoice."), type != "invoice.deleted",
                    let object = (event["data"] as? [String: Any])?["object"] as? [String: Any]
                else { continue }
                let bytes = Array(try JSONSerialization.data(withJSONObject: object))
                let invoice = InvoiceFacts(try BodyDecoding.invoice(bytes))
                found.append(Delivery(eventID: id, type: type, invoice: invoice))
            }
            guard page["has_more"] as? Bool == true, let last = events.last?["id"] as? String else {
                return found.reversed()
            }
            cursor = "&starting_after=\(last)"
        }
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

    static let right = Habits()
}
