import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("What happened to orders after payment, and what only events show")
struct AftermathRunTests {
    @Test(
        "refunds, disputes and late events are found in the first run",
        arguments: Seeds.range(301, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func first(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.credits(seed: seed, plants: NightSetup.someOfAll)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.history
            let before = try await night.balances()
            let first = try await night.run()
            PlantedTests.check(first, history)
            #expect(first.outcome.problems.isEmpty)
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == history.expectedGrants[agency] ?? 0, "agency \(agency)")
            }
            try await Self.expectAmounts(night)
            // What was taken back of payments names their invoices, but in later versions.
            let intents = night.requests().filter { $0.path.hasPrefix("/v1/payment_intents") }
            let joins = night.requests().filter { $0.path.hasPrefix("/v1/invoice_payments") }
            #expect(intents.isEmpty && joins.isEmpty == (version == "2023-10-16"))
            let second = try await night.run()
            #expect(second.tallies.repaired.isEmpty)
            #expect(Set(second.findings.map(\.id)) == Set(first.findings.filter { $0.closedHow == nil }.map(\.id)))
        }
    }

    @Test("what a webhook was refused for is settled by the repair of its object, and of no other")
    func refused() async throws {
        let setup = try NightSetup.credits(seed: 321, orders: 300, plants: [.paidOpen: 2])
        try await Night.with(setup) { night in
            _ = try await night.query(Self.refusals(of: try night.history))
            let result = try await night.run()
            #expect(result.tallies.repaired["missed_paid"] == 2)
            let left = try await night.number(
                "SELECT count(*) FILTER (WHERE object_id = 'in_1Another') * 10 + count(*) FROM trueup.webhook_refusal")
            #expect(left == 11)
        }
    }

    /// SQL for a refusal of each invoice that was paid unnoticed, and of another.
    private static func refusals(of history: CreditHistory) -> String {
        var ids = ["in_1Another"]
        for order in history.orders where order.plant == .paidOpen {
            if let invoice = order.invoice { ids.append(invoice.id) }
        }
        let rows = ids.map { "('task_health', '\($0)', 'invoice.paid', 'evt_\($0)', 'amount_mismatch')" }
        return "INSERT INTO trueup.webhook_refusal (account, object_id, type, event_id, reason) VALUES "
            + rows.joined(separator: ", ") + " RETURNING 1 AS one"
    }

    private static func expectAmounts(_ night: Night) async throws {
        let history = try night.history
        var invoices: [String: CreditInvoice] = [:]
        for order in history.orders where history.plant(at: order.index) != nil {
            if let invoice = order.invoice { invoices[invoice.id] = invoice }
        }
        for row in try await night.query(
            """
            SELECT stripe_id, kind, coalesce((facts->'reversed'->>'refunded')::bigint, 0) AS refunded,
                coalesce((facts->'reversed'->>'disputed')::bigint, 0) AS disputed,
                (facts->'stripe'->>'postPaymentCredit')::bigint AS credited
            FROM trueup.finding WHERE kind IN ('refunded', 'disputed', 'credited')
            """)
        {
            let invoice = try #require(invoices[try row["stripe_id"]])
            #expect(try row["refunded"] as Int64 == invoice.refunded)
            #expect(try row["disputed"] as Int64 == (invoice.isDisputed ? invoice.amountPaid : 0))
            #expect(try row["credited"] as Int64 == invoice.postPaymentCredit)
        }
    }

    @Test(
        "they stay open when what happened is older than the period", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func ages(version: String) async throws {
        let plants = Dictionary(uniqueKeysWithValues: (Plant.afterPayment + Plant.eventsOnly).map { ($0, 2) })
        var setup = try NightSetup.credits(seed: 311, orders: 500, plants: plants)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let first = try await night.run()
            PlantedTests.check(first, try night.history)
            let later = NightSetup.nowSeconds + 60 * 86_400
            night.server.clock.set(seconds: later)
            let second = try await night.run(nowSeconds: later)
            #expect(Set(first.findings.map(\.id)).isSubset(of: second.findings.map(\.id)))
            let closed = try await night.number(
                "SELECT count(*) FROM trueup.finding WHERE state <> 'open' AND first_run_id = \(first.run.id)")
            #expect(closed == 0)
            try await Self.expectAmounts(night)
        }
    }
}
