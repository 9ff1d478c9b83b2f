import Credits
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Synchronization
import Testing

@Suite("Runs over notices of invoices")
struct NoticeRunTests {
    /// Both accounts that invoice agencies.
    static func setup(seed: UInt64, version: String = "2023-10-16") throws -> NightSetup {
        var setup = try NightSetup.charges(seed: seed, plants: [:])
        setup.others = ["default": try NightSetup.patients(seed: seed, plants: [:]).history]
        setup.apiVersion = version
        return setup
    }

    /// The invoices that nobody was told of.
    static func missed(_ night: Night) throws -> Set<String> {
        Set(try night.agencyHistory.unnoticedInvoiceIDs + night.patientHistory.unnoticedInvoiceIDs)
    }

    /// The invoices that a mail waits for, with repetitions.
    static func queued(_ night: Night) async throws -> [String] {
        try await night.query("SELECT about->>'notice' AS id FROM trueup.outbox ORDER BY 1").map { try $0["id"] }
    }

    @Test(
        "every missed notice is queued once, with its mail", arguments: Seeds.range(501, 2),
        ["2023-10-16", "2026-07-29.dahlia"])
    func queues(seed: UInt64, version: String) async throws {
        try await Night.with(try Self.setup(seed: seed, version: version)) { night in
            let missed = try Self.missed(night)
            let before = try await night.number("SELECT count(*) FROM agency_invoice_notice")
            let first = try await night.run(definition: night.notices(), canSend: true)
            #expect(first.outcome.state == .repaired && first.outcome.problems.isEmpty)
            #expect(Set(first.findings.map(\.stripeID)) == missed)
            #expect(first.tallies.repaired == ["missed_finalized_notice": missed.count])
            #expect(try await Self.queued(night) == missed.sorted())
            let unsent = try await night.query(
                "SELECT stripe_invoice_id AS id FROM agency_invoice_notice WHERE sent_at IS NULL")
            #expect(Set(try unsent.map { try $0["id"] as String }) == missed)
            #expect(try await night.number("SELECT count(*) FROM agency_invoice_notice") == before + missed.count)
            // Each goes to the agency that has the invoice's customer.
            for row in try await night.query(
                """
                SELECT o.recipient, a.email, n.account = o.about->>'account' AS is_same FROM trueup.outbox o
                JOIN agency_invoice_notice n ON n.stripe_invoice_id = o.about->>'notice'
                JOIN agency a ON a.id = n.agency_id
                """)
            {
                #expect(try row["recipient"] as String == row["email"] as String)
                #expect(try row["is_same"] as Bool)
            }
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            #expect(try await night.run(definition: night.notices(), canSend: true).outcome.state == .clean)
            #expect(try await Self.queued(night) == missed.sorted())
            let revert = try await night.revert(first.run.id, definition: night.notices())
            #expect(revert.items.isEmpty && revert.impossible.count == missed.count)
        }
    }

    @Test("without a way for mail they are found and left to a person, and are sent once there is one")
    func cannotSend() async throws {
        try await Night.with(try Self.setup(seed: 511)) { night in
            let missed = try Self.missed(night)
            let first = try await night.run(definition: night.notices())
            #expect(Set(first.findings.map(\.stripeID)) == missed && first.tallies.repaired.isEmpty)
            #expect(first.outcome.state == .drift && first.findings.allSatisfy { $0.action == .review })
            #expect(try await Self.queued(night).isEmpty)
            let plan = try #require(
                try await night.run(plan: true, definition: night.notices(), canSend: true).plan)
            #expect(plan.items.count == missed.count && plan.items.allSatisfy { $0.effect == "notice" })
            #expect(try await Self.queued(night).isEmpty)
            let result = try await night.apply(plan, definition: night.notices(), canSend: true)
            #expect(result.exitCode == 0 && result.applied == missed.count, "\(result)")
            #expect(try await Self.queued(night) == missed.sorted())
            let again = try await night.apply(plan, definition: night.notices(), canSend: true)
            #expect(again.applied == 0 && again.failures.isEmpty)
            #expect(try await Self.queued(night) == missed.sorted())
        }
    }

    @Test("what cannot be delivered is left to a person: no agency, two agencies, no address")
    func nobodyToTell() async throws {
        try await Night.with(try Self.setup(seed: 521)) { night in
            let invoices = try Self.missed(night).sorted()
            var customers: [String] = []
            for id in invoices {
                let found = try night.server.world(of: "medflyt").invoice(id)
                if let customer = try found?.customerID ?? night.server.world(of: "default").invoice(id)?.customerID {
                    customers.append(customer)
                }
            }
            #expect(customers.count == invoices.count)
            _ = try await night.query(
                "UPDATE agency SET email = ' not an address ' WHERE \"stripeCustomerId\" = ANY($1)", customers)
            let result = try await night.run(definition: night.notices(), canSend: true)
            #expect(Set(result.findings.map(\.stripeID)) == Set(invoices))
            #expect(result.findings.allSatisfy { $0.action == .review && $0.closedHow == nil })
            #expect(try await Self.queued(night).isEmpty)
            _ = try await night.query(
                """
                INSERT INTO agency SELECT id + 1000, name, 'two@example.com', "stripeCustomerId" FROM agency
                WHERE "stripeCustomerId" = ANY($1)
                """, customers)
            let second = try await night.run(definition: night.notices(), canSend: true)
            #expect(second.tallies.repaired.isEmpty)
            #expect(second.findings.allSatisfy { $0.explanation.contains("2 agencies") })
            _ = try await night.query("DELETE FROM agency WHERE \"stripeCustomerId\" = ANY($1)", customers)
            let third = try await night.run(definition: night.notices(), canSend: true)
            #expect(third.findings.count == invoices.count && third.tallies.repaired.isEmpty)
            #expect(third.findings.allSatisfy { $0.explanation.contains("no agency has its customer") })
            #expect(try await Self.queued(night).isEmpty)
        }
    }

    @Test("whenever the webhooks come, every notice is queued once", arguments: Seeds.range(531, 4))
    func races(seed: UInt64) async throws {
        try await Night.with(try Self.setup(seed: seed)) { night in
            let missed = try Self.missed(night)
            let isRepairing = Atomic<Bool>(false)
            let handler = Pool(night.target, size: 4, applicationName: "webhooks")
            async let done = Self.deliver(night, seed, handler, when: isRepairing)
            let result = try await night.run(definition: night.notices(), canSend: true) {
                if case .repairing = $0 { isRepairing.store(true, ordering: .releasing) }
            }
            let byWebhook = try await done
            await handler.close()
            #expect(try await Self.queued(night) == missed.sorted())
            let repairs = try await night.number("SELECT count(*) FROM trueup.repair")
            #expect(repairs + byWebhook == missed.count)
            #expect(result.findings.allSatisfy { $0.closedHow == .repaired || $0.closedHow == .lateWebhook })
            #expect(try await night.run(definition: night.notices(), canSend: true).outcome.state == .clean)
        }
    }

    /// What the webhook handler does, twice for each invoice, a little after the repairs began.
    /// - Returns: how many did anything.
    private static func deliver(
        _ night: Night, _ seed: UInt64, _ pool: Pool, when isRepairing: borrowing Atomic<Bool>
    ) async throws -> Int {
        var seeded = Seeded(seed)
        var calls: [(FinalizedInvoice, Int)] = []
        for account in ["default", "medflyt"] {
            let world = try night.server.world(of: account)
            for invoice in try missed(night).sorted().compactMap({ world.invoice($0) }) {
                let finalized = FinalizedInvoice(
                    account: account, id: invoice.id, number: nil, amountDue: invoice.amountDue,
                    currency: invoice.currency, dueSeconds: invoice.dueSeconds, hostedURL: nil,
                    customer: invoice.customerID)
                for _ in 0..<2 { calls.append((finalized, Int.random(in: 0...200, using: &seeded))) }
            }
        }
        while !isRepairing.load(ordering: .acquiring) { try await Task.sleep(for: .microseconds(200)) }
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for (invoice, pause) in calls {
                group.addTask {
                    try await Task.sleep(for: .microseconds(pause * 100))
                    return try await pool.transaction { connection in
                        let table = try await NoticeTable.resolve(
                            schema: "public", table: "agency_invoice_notice", columns: [:],
                            customerColumn: "stripeCustomerId", on: connection)
                        let outcome = try await NoticeEffects(table: table).queue(invoice, on: connection)
                        if case .done = outcome { return 1 }
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
    }
}
