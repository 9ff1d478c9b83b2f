import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Effects on one order")
struct OrderEffectTests {
    static let paidAt: Int64 = 1_767_225_600

    @Test("a grant pays the order and adds its credits, and a second one changes nothing")
    func grantsOnce() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order()
            #expect(try await shop.apply(.grant(paidAtSeconds: Self.paidAt), expectation).isDone)
            #expect(try await shop.balance() == 60)
            #expect(try await shop.value("paid") == "true")
            #expect(try await shop.value("paid_at") == "2026-01-01T00:00:00+00:00")
            let after = try await shop.contents()
            #expect(try await shop.apply(.grant(paidAtSeconds: Self.paidAt + 9), expectation) == .alreadyDone)
            #expect(try await shop.contents() == after)
        }
    }

    @Test("a cancellation writes Stripe's time and no credits, and a second one changes nothing")
    func cancelsOnce() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order()
            #expect(try await shop.apply(.cancel(atSeconds: Self.paidAt), expectation).isDone)
            #expect(try await shop.value("cancelled_at") == "2026-01-01T00:00:00+00:00")
            #expect(try await shop.value("paid") == "false")
            #expect(try await shop.balance() == 10)
            let after = try await shop.contents()
            #expect(try await shop.apply(.cancel(atSeconds: nil), expectation) == .alreadyDone)
            #expect(try await shop.contents() == after)
        }
    }

    @Test("a cancellation without a time is made now")
    func cancelsNow() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order()
            #expect(try await shop.apply(.cancel(atSeconds: nil), expectation).isDone)
            let isNow: Bool = try await shop.pool.withConnection {
                try await $0.query(
                    "SELECT now() - cancelled_at < interval '1 minute' AS yes FROM task_credit_stripe_invoice")[0][
                        "yes"]
            }
            #expect(isNow)
        }
    }

    @Test("a link writes the id, and a second one changes nothing")
    func linksOnce() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order(invoice: nil)
            #expect(try await shop.apply(.link(invoiceID: "in_9"), expectation).isDone)
            #expect(try await shop.value("stripe_invoice_id") == "in_9")
            #expect(try await shop.balance() == 10)
            let after = try await shop.contents()
            #expect(try await shop.apply(.link(invoiceID: "in_9"), expectation) == .alreadyDone)
            #expect(try await shop.contents() == after)
            #expect(try await shop.apply(.link(invoiceID: "in_8"), expectation).refusal?.contains("by now") == true)
            #expect(try await shop.contents() == after)
        }
    }

    @Test("an id that another order has cannot be linked, and nothing is left behind")
    func linkTaken() async throws {
        try await Shop.with { shop in
            _ = try await shop.order(1, invoice: "in_9")
            let expectation = try await shop.order(2, invoice: nil)
            let before = try await shop.contents()
            let error = await #expect(throws: PostgresError.self) {
                try await shop.apply(.link(invoiceID: "in_9"), to: 2, expectation)
            }
            #expect(error?.isUniqueViolation == true)
            #expect(try await shop.contents() == before)
        }
    }

    /// What may happen to a row between the decision and the repair, and which effects that stops.
    static let moves: [(sql: String, effects: [OrderEffect])] = [
        ("DELETE FROM task_credit_stripe_invoice", [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]),
        ("UPDATE task_credit_stripe_invoice SET cancelled_at = now()", [.grant(paidAtSeconds: 1)]),
        ("UPDATE task_credit_stripe_invoice SET paid = true", [.cancel(atSeconds: 1)]),
        ("UPDATE task_credit_stripe_invoice SET paid = true, cancelled_at = now()", [.cancel(atSeconds: 1)]),
        (
            "UPDATE task_credit_stripe_invoice SET amount_cents = amount_cents + 1",
            [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
        ),
        (
            "UPDATE task_credit_stripe_invoice SET credits = credits + 1",
            [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
        ),
        (
            "UPDATE task_credit_stripe_invoice SET currency = 'eur'",
            [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
        ),
        ("UPDATE task_credit_stripe_invoice SET agency_id = 8", [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]),
        (
            "UPDATE task_credit_stripe_invoice SET stripe_invoice_id = 'in_2'",
            [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
        ),
        (
            "UPDATE task_credit_stripe_invoice SET stripe_invoice_id = NULL",
            [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
        ),
    ]

    @Test("a row that moved since the decision is refused and left alone")
    func refusesMoved() async throws {
        try await Shop.with { shop in
            for move in Self.moves {
                try await shop.empty()
                let expectation = try await shop.order()
                try await shop.run(move.sql)
                let before = try await shop.contents()
                for effect in move.effects {
                    let outcome = try await shop.apply(effect, expectation)
                    #expect(outcome.refusal?.contains("order 1") == true, "\(effect.word), \(move.sql): \(outcome)")
                    #expect(try await shop.contents() == before)
                }
            }
        }
    }

    @Test("a link is refused where the order changed")
    func refusesMovedLink() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order(invoice: nil)
            try await shop.run("UPDATE task_credit_stripe_invoice SET credits = 51")
            #expect(try await shop.apply(.link(invoiceID: "in_9"), expectation).refusal != nil)
            #expect(try await shop.value("stripe_invoice_id") == nil)
        }
    }

    @Test("an agency without a balance gets one")
    func makesBalance() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order(balance: nil)
            #expect(try await shop.apply(.grant(paidAtSeconds: 1), expectation).isDone)
            #expect(try await shop.balance() == 50)
        }
    }

    @Test("a balance that would overflow is an error that leaves nothing")
    func overflows() async throws {
        try await Shop.with { shop in
            let expectation = try await shop.order(balance: .max - 49)
            let before = try await shop.contents()
            let error = await #expect(throws: PostgresError.self) {
                try await shop.apply(.grant(paidAtSeconds: 1), expectation)
            }
            #expect(error?.sqlState == "22003")
            #expect(try await shop.contents() == before)
            try await shop.run("UPDATE task_credit_agency_balance SET balance = balance - 1")
            #expect(try await shop.apply(.grant(paidAtSeconds: 1), expectation).isDone)
            #expect(try await shop.balance() == .max)
        }
    }

    @Test("before and after are what the tables held")
    func tellsTheTruth() async throws {
        let effects: [OrderEffect] = [
            .grant(paidAtSeconds: 1_767_225_600), .cancel(atSeconds: 5), .link(invoiceID: "in_9"),
        ]
        try await Shop.with { shop in
            for effect in effects {
                for balance in [nil, 0, -12] as [Int64?] {
                    try await shop.empty()
                    let expectation = try await shop.order(
                        invoice: effect.word == "link" ? nil : "in_1", balance: balance)
                    let before = try await shop.snapshot()
                    guard case .done(let told, let toldAfter) = try await shop.apply(effect, expectation) else {
                        Issue.record("\(effect.word) was not done")
                        continue
                    }
                    #expect(try await shop.canonical(told) == before)
                    #expect(try await shop.canonical(toldAfter) == (try await shop.snapshot()))
                }
            }
        }
    }
}
