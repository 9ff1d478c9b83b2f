import Foundation
import Support
import Testing

@Suite("What is offered, and what a key answers")
struct OrderOfferTests {
    private struct Options: Decodable {
        struct Option: Decodable {
            var id: Int64
        }
        var options: [Option]
    }

    @Test("exactly the packages that are offered can be ordered; a price that grants nothing is in the log, once")
    func offered() async throws {
        try await Counter.with { counter in
            try await counter.run(
                """
                INSERT INTO task_credit_order_options VALUES (4, 10, 199999, true), (5, NULL, 200000, true),
                    (6, 10, NULL, true), (7, 0, 0, true), (8, -1, -20000, true), (9, 10, 200000, NULL),
                    (10, 1000000000000000, 1, true), (11, 1, 20000, true), (13, 4999, 99980000, true),
                    (14, 5000, 100000000, true)
                """)
            var offered: [Int64] = []
            for _ in 0..<2 {
                let reply = try await counter.ask(
                    .get, Counter.orders + "/credit_order_options", token: counter.token)
                offered = try reply.decoded(Options.self).options.map(\.id)
            }
            #expect(offered == [11, 1, 2, 13])
            for option in Int64(1)...14 {
                let rows = "SELECT count(*) FROM task_credit_stripe_invoice"
                let before = try await counter.number(rows)
                let reply = try await counter.askForOrder(option: option)
                #expect(try await counter.number(rows) == before + (offered.contains(option) ? 1 : 0), "\(option)")
                #expect(reply.status == (offered.contains(option) ? 201 : 422), "\(option): \(reply.text)")
            }
            for package in [4, 5, 6, 7, 8, 10, 14] {
                let words = "package \(package) is active and is not offered: its price of"
                #expect(counter.logs.text.components(separatedBy: words).count == 2, "once: \(package)")
            }
            #expect(!counter.logs.text.contains("package 3 ") && !counter.logs.text.contains("package 9 "))
        }
    }

    @Test("a key whose order was cancelled is a conflict, also with an invoice; one whose order is paid is the order")
    func replay() async throws {
        try await Counter.with { counter in
            let order = try await counter.place(key: "one")
            #expect(try await counter.place(key: "one").id == order.id)
            let gone = try await counter.ask(
                .delete, Counter.orders + "/credit_orders/\(order.id)", token: counter.token)
            #expect(gone.status == 200)
            let again = try await counter.askForOrder(key: "one")
            #expect(again.status == 409 && again.code == "order_cancelled", "\(again.text)")
            #expect(again.message?.contains("Order \(order.id)") == true, "\(again.text)")
            let paid = try await counter.place(key: "two")
            try counter.server.world(of: "task_health").pay(try #require(paid.stripeInvoiceId))
            // Stripe is asked by the replay itself: no webhook has come yet.
            let replayed = try await counter.place(key: "two")
            #expect(replayed.id == paid.id && replayed.state == "paid")
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 2)
        }
    }

    @Test(
        "a key of bytes that are no text is refused, since two of them would be one", arguments: ["a\tb", "é\u{fffd}"])
    func keys(_ key: String) async throws {
        try await Counter.with { counter in
            let reply = try await counter.askForOrder(key: key)
            #expect(reply.status == 400 && reply.code == "invalid_request", "\(reply.text)")
            #expect(try await counter.place(key: "Bestellung für Müller, 12 €").state == "open")
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 1)
        }
    }
}
