import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Statement query")
struct StatementQueryTests {
    typealias Found = StatementScene.Found
    static let day = StatementScene.day

    @Test("the balance of now is taken back to the cut-off, to the second")
    func cutOff() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 1)
            // At the cut-off itself: it belongs to the next statement.
            try await scene.paid(2, credits: 30, secondsBefore: 0)
            try await scene.run(
                """
                INSERT INTO task_credit_reservation (agency_id, credits, created_at, released_at) VALUES
                    (1, 10, to_timestamp(\(StatementScene.cutOff - 5)), NULL),
                    (1, 4, to_timestamp(\(StatementScene.cutOff - 5)), to_timestamp(\(StatementScene.cutOff + 5))),
                    (1, 3, to_timestamp(\(StatementScene.cutOff + 1)), NULL),
                    (1, 2, to_timestamp(\(StatementScene.cutOff - 9)), to_timestamp(\(StatementScene.cutOff - 1)));
                INSERT INTO task_credit_adjustment (agency_id, credits, created_at) VALUES
                    (1, 5, to_timestamp(\(StatementScene.cutOff - 1))), (1, -1, to_timestamp(\(StatementScene.cutOff)));
                """)
            // 130 bought, 13 reserved, 4 adjusted.
            try await scene.balance(1, 130 - 13 + 4)
            let line = try #require(try await scene.figures().agencies.first)
            #expect(line.name == "Sunrise")
            #expect((line.boughtLocally, line.consumed, line.adjustments) == (100, 14, 5))
            #expect(line.recorded == Int64(91))
            #expect(try scene.statement(try await scene.figures()).state == .clean)
        }
    }

    /// Stripe's and the local word of a difference, and what it adds to the local side in credits.
    @Test(
        "what a finding adds follows from both sides' words",
        arguments: [
            ("paid", "open", Int64(-7)), ("paid", "cancelled", -7), ("open", "paid", 7), ("absent", "paid", 7),
            ("void", "paid", 7), ("paid", "paid", 0), ("draft", "open", 0), ("uncollectible", "open", 0),
        ])
    func effects(_ stripe: String, _ local: String, _ effect: Int64) async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 50)
            if local == "paid" { try await scene.paid(900, credits: 7, secondsBefore: 3_600) }
            try await scene.found(Found(stripeStatus: stripe, localState: local))
            try await scene.balance(1, local == "paid" ? 107 : 100)
            let figures = try await scene.figures()
            let statement = try scene.statement(figures)
            #expect(figures.items.first?.item.creditsEffect == effect)
            #expect(statement.totals.difference == effect)
            #expect(statement.totals.unexplained == 0)
            #expect(statement.state == .explained)
            #expect(figures.items.first?.item.amountEffects.first?.minorUnits ?? 0 == effect * 20_000)
        }
    }

    @Test("an invoice without an order counts the credits that its amount buys, for the agency that it names")
    func missingLocally() async throws {
        try await StatementScene.with { scene in
            let facts = "{\"stripe\": {\"created\": 1, \"paidAt\": \(StatementScene.cutOff - 9), \"agencyID\": \"2\"}}"
            var found = Found(kind: .missingLocally, localID: "", localState: "absent", localAmount: nil)
            found.credits = nil
            found.agency = nil
            found.facts = facts
            try await scene.found(found)
            found.stripeID = "in_901"
            // Not a whole number of credits: no number of them is made up.
            found.stripeAmount = 140_001
            found.facts = facts.replacing("\"2\"", with: "\"x\"")
            try await scene.found(found)
            try await scene.balance(2, 0)
            let statement = try scene.statement(try await scene.figures())
            #expect(statement.agencies.map(\.activity.agencyID) == [2, nil])
            #expect(statement.agencies.first?.activity.boughtAtStripe == 7)
            #expect(statement.totals.difference == -7 && statement.totals.unexplained == 0)
            #expect(statement.items.map(\.agencyID) == [2, nil])
        }
    }

    @Test("an invoice that two rows name counts once at Stripe, whatever became of the rows")
    func duplicateRows() async throws {
        try await StatementScene.with { scene in
            for (row, paid) in [("901", true), ("902", true), ("903", false)] {
                if paid { try await scene.paid(Int64(row) ?? 0, credits: 7, secondsBefore: 3_600) }
                try await scene.found(
                    Found(kind: .duplicateLocal, localID: row, localState: paid ? "paid" : "open"))
            }
            // Their ids are that of in_900 but for white space: Stripe knows one invoice.
            try await scene.run("DELETE FROM trueup.stripe_payment WHERE id <> 'in_900'")
            try await scene.balance(1, 14)
            let statement = try scene.statement(try await scene.figures())
            #expect(statement.items.map(\.creditsEffect) == [0, 7, 0])
            #expect(statement.totals.boughtAtStripe == 7 && statement.totals.boughtLocally == 14)
            #expect(statement.totals.unexplained == 0)
        }
    }

    @Test("what happened after the cut-off is no item, and a notice that was never sent moves nothing")
    func leftOut() async throws {
        try await StatementScene.with { scene in
            try await scene.found(Found(secondsBefore: 0))
            try await scene.found(Found(stripeID: "in_2", secondsBefore: 1))
            try await scene.found(
                Found(
                    kind: .missedFinalizedNotice, stripeID: "in_3", localID: "", localState: "absent",
                    comparison: "notices"))
            let figures = try await scene.figures()
            #expect(figures.items.map(\.stripeID) == ["in_2", "in_3"])
            #expect(figures.items.map(\.item.creditsEffect) == [-7, 0])
        }
    }

    @Test("a difference that no finding accounts for stays unexplained")
    func unexplained() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 5)
            try await scene.balance(1, 96)
            let statement = try scene.statement(try await scene.figures())
            #expect(statement.totals.unexplained == -4)
            #expect(statement.state == .unexplained)
        }
    }

    @Test("charges: what Stripe took and what the tables record, by currency")
    func charges() async throws {
        try await StatementScene.with { scene in
            try await scene.run(
                """
                INSERT INTO agency_charge (id, agency_id, stripe_payment_intent_id, amount_cents, currency, status,
                    created_at, succeeded_at) VALUES
                    (1, 1, 'pi_1', 500, 'usd', 'succeeded', '2026-01-01', to_timestamp(\(StatementScene.cutOff - 1))),
                    (2, 1, 'pi_2', 300, 'jpy', 'succeeded', '2026-01-01', to_timestamp(\(StatementScene.cutOff - 1))),
                    (3, 2, 'pi_3', 900, 'usd', 'pending', '2026-01-01', NULL),
                    (4, 1, 'pi_4', 70, 'usd', 'succeeded', '2026-01-01', to_timestamp(\(StatementScene.cutOff)))
                """)
            for (id, amount, currency, before) in [
                ("pi_1", 500, "usd", 1), ("pi_2", 300, "jpy", 1), ("pi_4", 70, "usd", 0),
            ] {
                try await scene.readPaid(
                    id, object: "payment_intent", amount: Int64(amount), currency: currency,
                    secondsBefore: Int64(before))
            }
            try await scene.found(
                Found(
                    kind: .missedSucceeded, job: "agency-charges", stripeID: "pi_3", localID: "3",
                    stripeStatus: "succeeded", localState: "pending", stripeAmount: 900, localAmount: 900, credits: nil,
                    agency: 2, comparison: "charges"))
            let figures = try await scene.figures()
            let statement = try scene.statement(figures)
            #expect(statement.chargeTotals.map(\.currency) == ["jpy", "usd"])
            #expect(statement.chargeTotals.map(\.difference) == [0, -900])
            #expect(statement.chargeTotals.last?.charged == Tally(count: 2, amount: 1_400))
            #expect(statement.chargeTotals.last?.unexplained == 0)
            #expect(figures.items.first?.item.creditsEffect == 0)
        }
    }

    @Test("a sum that leaves 64 bits is an error that says so, in the database and in the program")
    func overflow() async throws {
        try await StatementScene.with { scene in
            try await scene.run(
                """
                INSERT INTO task_credit_adjustment (agency_id, credits, created_at)
                SELECT 1, 9223372036854775807, '2026-01-01' FROM generate_series(1, 2)
                """)
            await #expect(throws: StatementError.self) { try await scene.figures() }
        }
    }

    @Test("a missing table is named, and so is one whose rows are hidden")
    func unusable() async throws {
        let pool = try await TestServer.pool(size: 2)
        let orders = try await pool.withConnection { connection in
            try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:], customerColumn: "x", on: connection
            )
        }
        try await pool.withConnection { try await $0.run(script: "DROP TABLE task_credit_adjustment") }
        let query = StatementQuery(
            StatementScope(
                job: "r", cutOffSeconds: 1, orders: orders, creditJobs: ["credit-invoices"], creditPriceCents: 20_000))
        await #expect(throws: ContractError.noTable("public.task_credit_adjustment")) {
            try await StatementQuery.snapshot(pool) { try await query.figures(on: $0) }
        }
        await pool.close()
    }

    @Test("paid orders of the period that no finding is about are what agrees")
    func matched() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 1, secondsBefore: 5)
            try await scene.paid(2, credits: 1, secondsBefore: 9 * Self.day)
            try await scene.paid(3, credits: 1, secondsBefore: 0)
            try await scene.paid(900, credits: 7, secondsBefore: 5)
            try await scene.found(Found(kind: .refunded, localState: "paid"))
            let query = StatementQuery(scene.scope())
            let rows = Collected()
            try await StatementQuery.snapshot(scene.pool) { connection in
                try await query.forEachMatched(
                    of: 1, fromSeconds: StatementScene.cutOff - Self.day, on: connection
                ) { await rows.add($0) }
            }
            #expect(await rows.all.map(\.rowKey) == [1])
            #expect(await rows.all.first?.amount == Money(minorUnits: 20_000, currency: "usd"))
        }
    }

    private actor Collected {
        var all: [MatchedOrder] = []
        func add(_ rows: [MatchedOrder]) { all += rows }
    }
}
