import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Synchronization
import Testing

/// Orders that were cut off between the row and the draft.
@Suite("Orders whose client never asks again")
struct UnfinishedOrderTests {
    private static let order = OrderingTests.order

    /// Another agency's order: where Stripe shows nothing at all, no share of it may be repaired.
    private static func neighbour(_ town: Town) async throws {
        _ = try await town.ordering().place(NewCreditOrder(agencyID: 2, memberID: 20, optionID: 1))
    }

    private static func invoices(_ town: Town) throws -> [SandboxInvoice] {
        try town.world().allInvoices().filter { $0.customerID == town.customers[1] }
    }

    /// Leaves a row without an invoice, made eight days ago.
    private static func cutOff(_ town: Town, key: String? = nil) async throws {
        try await neighbour(town)
        let cut = town.ordering { if $0 == .row { throw Crash() } }
        await #expect(throws: Crash.self) { try await cut.place(order, idempotencyKey: key) }
        town.server.clock.advance(bySeconds: 8 * 86_400)
    }

    private static func isCancelled(_ town: Town) async throws -> Bool {
        try await town.query(
            "SELECT cancelled_at IS NOT NULL AS gone FROM task_credit_stripe_invoice WHERE agency_id = 1")[0]["gone"]
    }

    /// An invoice that names order 1, made right now: no list of the run's period shows it.
    @discardableResult
    private static func invoice(_ town: Town) async throws -> String {
        let order: Int64 = try await town.query("SELECT id FROM task_credit_stripe_invoice WHERE agency_id = 1")[0][
            "id"]
        let world = try town.world()
        let id = try world.insert(
            SandboxInvoiceDraft(
                amount: 200_000, customerID: town.customers[1], metadata: ["order_id": "\(order)", "agency_id": "1"],
                daysUntilDue: 30))
        try world.finalize(id)
        return id
    }

    @Test("the night cancels it, with the audit of a repair, and a revert takes that back", arguments: ["k", nil])
    func cancelled(_ key: String?) async throws {
        try await Town.with { town in
            try await Self.cutOff(town, key: key)
            let run = try await town.run()
            #expect(run.outcome.state == .repaired)
            #expect(try await Self.isCancelled(town))
            let audit = try await town.query("SELECT kind, effect, stripe_request_id AS request FROM trueup.repair")
            try #require(audit.count == 1)
            #expect(try audit[0]["kind"] as String == "unlinked_order" && audit[0]["effect"] as String == "cancel")
            #expect(try audit[0]["request"] as String != "", "the request that said so is kept")
            if let key {
                let again = try await town.ordering().place(Self.order, idempotencyKey: key)
                #expect(again.state == .cancelled && again.invoiceID == nil)
            }
            #expect(try Self.invoices(town).isEmpty)
            #expect(try await town.run().outcome.state == .clean)

            #expect(try await town.revert(run).applied == 1)
            #expect(try await Self.isCancelled(town) == false)
            try await town.run()
            #expect(try await Self.isCancelled(town) == false, "what a person took back stays")
        }
    }

    @Test("a plan says so, changes nothing, and is applied as any other")
    func planned() async throws {
        try await Town.with { town in
            try await Self.cutOff(town)
            let plan = try #require(try await town.plan())
            #expect(plan.items.map(\.effect) == ["cancel"])
            #expect(try await Self.isCancelled(town) == false)
            #expect(try await town.apply(plan).applied == 1)
            #expect(try await Self.isCancelled(town))
        }
    }

    @Test("one that is younger, or that the application made, is for a person")
    func left() async throws {
        try await Town.with { town in
            try await Self.neighbour(town)
            let cut = town.ordering { if $0 == .row { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(Self.order) }
            town.server.clock.advance(bySeconds: 6 * 86_400)
            let young = try await town.run()
            #expect(young.findings.map(\.kind) == [.unlinkedOrder] && young.outcome.state == .drift)
            _ = try await town.query("DELETE FROM trueup.client_request")
            town.server.clock.advance(bySeconds: 6 * 86_400)
            #expect(try await town.run().outcome.state == .drift)
            #expect(try await Self.isCancelled(town) == false)
        }
    }

    @Test("an invoice that no list of the run shows is found by asking, and linked", arguments: [false, true])
    func linked(_ isPaid: Bool) async throws {
        try await Town.with { town in
            try await Self.cutOff(town)
            let id = try await Self.invoice(town)
            if isPaid { try town.world().pay(id) }
            try await town.run()
            let row = try await town.query(
                "SELECT stripe_invoice_id, paid, cancelled_at FROM task_credit_stripe_invoice WHERE agency_id = 1")[0]
            #expect(try row["stripe_invoice_id"] as String? == id)
            #expect(try row["cancelled_at"] as Timestamp? == nil)
            #expect(try row["paid"] as Bool == isPaid)
            #expect(try await town.balances()[1] ?? 0 == (isPaid ? 10 : 0))
        }
    }

    @Test("where Stripe cannot be asked, or somebody is placing it, nothing is done until the next night")
    func unasked() async throws {
        let failing = (1...12).map {
            SandboxFaults.Script(.serverError, occurrence: $0, method: "GET", pathContains: "customer=")
        }
        try await Town.with(faults: SandboxFaults(scripts: failing)) { town in
            try await Self.cutOff(town)
            let first = try await town.run()
            #expect(first.outcome.state == .drift && first.outcome.problems.count == 1)
            #expect(try await Self.isCancelled(town) == false)
            try await town.pool.withConnection { connection in
                let order: Int64 = try await connection.query(
                    "SELECT id FROM task_credit_stripe_invoice WHERE agency_id = 1")[0]["id"]
                _ = try await connection.query(
                    "SELECT pg_advisory_lock(hashtextextended('trueup.order.' || $1, 0))", String(order))
                let second = try await town.run()
                #expect(second.outcome.state == .drift)
                _ = try await connection.query("SELECT pg_advisory_unlock_all()")
            }
            #expect(try await Self.isCancelled(town) == false)
            #expect(try await town.run().outcome.state == .repaired)
            #expect(try await Self.isCancelled(town))
        }
    }

    @Test("a list that cannot be read to its end does not say that no invoice names it")
    func unreadableList() async throws {
        let faults = SandboxFaults(scripts: [.init(.emptyPage, method: "GET", pathContains: "customer=")])
        try await Town.with(faults: faults) { town in
            try await Self.cutOff(town)
            let id = try await Self.invoice(town)
            let first = try await town.run()
            #expect(first.outcome.state == .drift && first.outcome.problems.count == 1)
            #expect(try await Self.isCancelled(town) == false)
            try await town.run()
            let linked = try await town.query(
                "SELECT stripe_invoice_id FROM task_credit_stripe_invoice WHERE agency_id = 1")[0]
            #expect(try linked["stripe_invoice_id"] as String? == id)
            #expect(try await Self.isCancelled(town) == false)
        }
    }

    @Test("who was frozen between the row and the draft finds it cancelled, and makes no invoice")
    func frozen() async throws {
        try await Town.with { town in
            try await Self.neighbour(town)
            let frozen = town.ordering { step in
                guard step == .row else { return }
                town.server.clock.advance(bySeconds: 8 * 86_400)
                try await town.run()
            }
            let placed = try await frozen.place(Self.order, idempotencyKey: "k")
            #expect(placed.state == .cancelled && placed.invoiceID == nil)
            #expect(try Self.invoices(town).isEmpty)
        }
    }

    @Test("who lost the turn while frozen, and makes the draft of a cancelled order, leaves nothing that can be paid")
    func lostTurn() async throws {
        try await Town.with { town in
            try await Self.neighbour(town)
            let late = town.ordering { step in
                guard step == .draft else { return }
                _ = try await town.query(
                    "UPDATE task_credit_stripe_invoice SET cancelled_at = now() WHERE agency_id = 1")
                // The connection that held the turn is gone as well.
                _ = try await town.query(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_locks
                    WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    """)
            }
            await #expect(throws: (any Error).self) { try await late.place(Self.order, idempotencyKey: "k") }
            #expect(try Self.invoices(town).map(\.status) == [.draft])
            for _ in 0..<2 {
                town.server.clock.advance(bySeconds: 8 * 86_400)
                try await town.run()
            }
            #expect(try Self.invoices(town).isEmpty, "the draft goes as any that nobody finishes")
            #expect(try await Self.isCancelled(town))
            #expect(try await town.balances()[1] ?? 0 == 0)
        }
    }
}
