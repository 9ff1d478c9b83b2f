import Curl
import Foundation
import Jobs
import Logging
import Runner
import Sandbox
import Service
import Stripe

/// The service that takes the webhooks of a torture in. It may listen, or be handed them.
final class WebhookCounter: Sendable {
    private let service: LiveService
    private let serving: Task<Void, any Error>?
    private let port: Int?
    private let http: HTTPClient

    /// Whether the effect at hand is cut off before its COMMIT.
    @TaskLocal static var isCutOff = false

    static func secret(_ account: String) -> String { "whsec_\(account)" }

    init(_ town: Town, listens: Bool) async throws {
        guard let address = ListenAddress("127.0.0.1:0") else { throw TownError("no address") }
        let accounts = town.tables.byAccount.keys.sorted().compactMap { name in
            town.tables.byAccount[name].map {
                LiveAccount(
                    name: name, secrets: [Secret(Self.secret(name))], tables: $0,
                    client: town.client(name, attempts: 1))
            }
        }
        var setup = LiveService.Setup(
            listen: address, accounts: accounts, jobs: JobSet(settings: Settings(accounts: []), jobs: town.jobs),
            canSend: true, logger: Logger(label: "torture") { _ in SwiftLogNoOpLogHandler() },
            now: { Int64(Date().timeIntervalSince1970) })
        setup.limits.verifySeconds = 1
        setup.webhookCheckpoint = { if Self.isCutOff { throw Crash() } }
        let service = try await LiveService.open(setup, target: town.target)
        self.service = service
        http = town.http
        guard listens else {
            (serving, port) = (nil, nil)
            return
        }
        serving = Task { try await service.run(stoppingOn: []) }
        port = await service.port()
        if port == nil { throw TownError("the service does not listen") }
    }

    func close() async {
        guard let serving else { return await service.close() }
        serving.cancel()
        _ = await serving.result
    }

    /// Posts a webhook.
    /// - Parameter isCutOff: the process ends before the effect is committed.
    /// - Returns: the status of the answer.
    /// - Throws: ``Crash``.
    func take(_ delivery: Delivery, isCutOff: Bool) async throws -> Int {
        let path = delivery.account == "task_health" ? "/stripe/credits-webhook" : "/stripe/webhook"
        let signature = SandboxWebhook.signature(of: delivery.body, secret: Self.secret(delivery.account))
        if let port, !isCutOff {
            return try await http.send(
                HTTPRequest(
                    .post, url: "http://127.0.0.1:\(port)\(path)", headers: [("Stripe-Signature", signature)],
                    body: delivery.body)
            ).status
        }
        return try await Self.$isCutOff.withValue(isCutOff) {
            try await service.take(webhook: path, body: delivery.body, signature: signature)
        }
    }
}

extension Torture {
    /// How often Stripe tries.
    private static let attemptsMax = 12

    /// The accounts whose events somebody waits for.
    private static let accounts = ["task_health", "medflyt"]

    func collect() async throws {
        for account in Self.accounts {
            let known = with { $0.known[account] ?? [] }
            for delivery in try await town.deliveries(of: account, without: known) {
                let fate = draw(10)
                with { state in
                    state.known[account, default: []].insert(delivery.eventID)
                    // Of ten events two are lost for ever and one comes twice.
                    guard fate >= 2 else { return }
                    state.waiting.append(delivery)
                    if fate == 2 { state.waiting.append(delivery) }
                }
            }
        }
    }

    /// One of those that wait, whichever: order is not promised.
    func deliverOne() async throws {
        let taken = with { state -> Delivery? in
            guard !state.waiting.isEmpty else { return nil }
            return state.waiting.remove(at: Int.random(in: 0..<state.waiting.count, using: &state.random))
        }
        guard var delivery = taken else { return }
        let crashes = oneIn(6)
        log("deliver \(delivery.type) \(delivery.objectID)\(crashes ? ", cut off" : "")")
        do {
            try await habits.deliver(self, delivery, crashes)
        } catch is Crash {
            // No 200: Stripe sends it again, but not for ever.
            delivery.failures += 1
            if delivery.failures < Self.attemptsMax { with { $0.waiting.append(delivery) } }
            return
        }
        // The answer got lost: it comes again all the same.
        if oneIn(8) { with { $0.waiting.append(delivery) } }
    }

    /// As the product takes it.
    static func deliver(_ torture: Torture, _ delivery: Delivery, crashes: Bool) async throws {
        let status = try await torture.desk.take(delivery, isCutOff: crashes)
        guard status == 200 else {
            torture.log("answered \(status)")
            throw Crash()
        }
    }
}
