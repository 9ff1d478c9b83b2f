import Foundation
import Sandbox
import Service
import Support
import Synchronization
import Testing

@Suite("Orders while Stripe hangs")
struct HangingStripeTests {
    /// Three orders hang at their first call, for longer than everything else takes.
    private static var setup: CounterSetup {
        var setup = CounterSetup()
        setup.limits.orderConnections = 3
        setup.limits.waitSeconds = 1
        setup.limits.turnSeconds = 1
        setup.stripeTimeoutMilliseconds = 25_000
        setup.faults = SandboxFaults(
            scripts: (1...3).map { .init(.timeout, occurrence: $0, method: "POST", pathContains: "/v1/invoices") })
        return setup
    }

    private static func poll(_ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("it did not come to that")
    }

    private final class Ended: Sendable {
        let count = Mutex(0)
    }

    /// Asks for an order, and comes back as soon as its row is there.
    private static func hang(
        _ key: String?, _ counter: Counter, _ ended: Ended
    ) async throws -> Task<Counter.Reply, any Error> {
        let rows = "SELECT count(*) FROM task_credit_stripe_invoice"
        let before = try await counter.number(rows)
        let task = Task {
            let reply = try await counter.askForOrder(key: key)
            ended.count.withLock { $0 += 1 }
            return reply
        }
        try await poll { try await counter.number(rows) > before }
        return task
    }

    @Test("further orders are told that it is busy, the rest is answered, and each is told what is left of it")
    func busy() async throws {
        try await Counter.with(Self.setup) { counter in
            let ended = Ended()
            let first = try await Self.hang("k", counter, ended)
            let bare = try await Self.hang(nil, counter, ended)
            let turn = try await counter.askForOrder(key: "k")
            #expect(turn.status == 503 && turn.code == "busy", "\(turn.text)")
            #expect(turn.message?.hasPrefix("Another call is at order 1 ") == true, "\(turn.text)")
            let third = try await Self.hang("third", counter, ended)
            for key in ["fourth", nil] {
                let reply = try await counter.askForOrder(key: key)
                #expect(reply.status == 503 && reply.code == "busy", "\(reply.text)")
                #expect(reply.message?.contains("Nothing was begun") == true, "\(reply.text)")
                #expect(reply.headers["Retry-After"] != nil)
            }
            for path in ["/credit_order_options", "/credit_orders", "/credit_balance"] {
                let reply = try await counter.ask(.get, Counter.orders + path, token: counter.token)
                #expect(reply.status == 200, "\(reply.text)")
            }
            #expect(ended.count.withLock { $0 } == 0, "all that was answered while three hang")
            for (task, words) in [
                (first, "ask again with the same Idempotency-Key"), (third, "ask again with the same Idempotency-Key"),
                (bare, "without an Idempotency-Key nothing goes on"),
            ] {
                let reply = try await task.value
                #expect(reply.status == 503 && reply.code == "stripe_unavailable", "\(reply.text)")
                #expect(reply.message?.contains(words) == true, "\(reply.text)")
                #expect(reply.message?.contains("Nothing was changed") == false, "\(reply.text)")
            }
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 3)
            let order = try await counter.place(key: "k")
            #expect(order.id == 1 && order.hostedInvoiceUrl != nil, "it goes on where it stopped")
        }
    }

    @Test("an order that could not be cancelled is not said to be as before")
    func cancelling() async throws {
        var setup = CounterSetup()
        setup.faults = SandboxFaults(scripts: [.init(.unavailable, method: "POST", pathContains: "/void")])
        try await Counter.with(setup) { counter in
            let order = try await counter.place()
            let path = Counter.orders + "/credit_orders/\(order.id)"
            let first = try await counter.ask(.delete, path, token: counter.token)
            #expect(first.status == 503 && first.code == "stripe_unavailable", "\(first.text)")
            #expect(first.message?.hasSuffix("ask again, and it will be.") == true, "\(first.text)")
            let second = try await counter.ask(.delete, path, token: counter.token)
            #expect(try second.decoded(Counter.OneOrder.self).order.state == "cancelled", "\(second.text)")
        }
    }
}
