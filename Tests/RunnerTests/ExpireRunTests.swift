import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Expiry of drafts and intents")
struct ExpireRunTests {
    /// What an expiry of every account has to take away. A draft whose order counts as paid is no expiry's business:
    /// it stands against what the tables say.
    static func expected(_ night: Night) throws -> (drafts: Set<String>, intents: Set<String>) {
        var drafts: Set<String> = []
        var intents: Set<String> = []
        for history in night.setup.histories.values {
            let expected: ExpectedExpiry
            switch history {
            case .credits(let credits): expected = credits.expectedExpiry
            case .agency(let agency): expected = agency.expectedExpiry
            case .patients(let patients): expected = patients.expectedExpiry
            case .plain, .empty: continue
            }
            drafts.formUnion(expected.draftIDs)
            intents.formUnion(expected.intentIDs)
        }
        for case .credits(let history) in night.setup.histories.values {
            for order in history.orders where order.plant == .draftStalePaid {
                if let invoice = order.invoice { drafts.remove(invoice.id) }
            }
        }
        return (drafts, intents)
    }

    /// Every object of every account, by id: how it stands.
    static func objects(_ night: Night) throws -> [String: String] {
        var objects: [String: String] = [:]
        for name in night.setup.histories.keys {
            let world = try night.server.world(of: name)
            for invoice in world.allInvoices() { objects[invoice.id] = invoice.status.rawValue }
            for intent in world.allPaymentIntents() { objects[intent.id] = intent.status.rawValue }
        }
        return objects
    }

    /// Rows of orders and charges that still wait for something.
    static func waiting(_ night: Night) async throws -> Set<String> {
        let rows = try await night.query(
            """
            SELECT stripe_invoice_id AS id FROM task_credit_stripe_invoice
            WHERE NOT paid AND cancelled_at IS NULL AND stripe_invoice_id IS NOT NULL
            UNION ALL SELECT stripe_payment_intent_id FROM agency_charge
            WHERE status = 'pending' AND stripe_payment_intent_id IS NOT NULL
            """)
        return Set(try rows.map { try $0["id"] as String })
    }

    @Test(
        "exactly what is stale disappears, with the rows that wait for it, and a second run finds nothing",
        arguments: Seeds.range(601, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func exact(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.all(seed: seed)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let expected = try Self.expected(night)
            let before = try Self.objects(night)
            let waiting = try await Self.waiting(night)
            let settled = try await night.query("SELECT count(*) AS n FROM task_credit_stripe_invoice WHERE paid")
            let first = try await night.run(definition: night.expire())
            #expect(first.outcome.state == .repaired && first.outcome.problems.isEmpty, "\(first.outcome.problems)")
            #expect(first.tallies.found["stale_draft"] == expected.drafts.count)
            #expect(first.tallies.found["stale_intent"] == expected.intents.count)
            #expect(first.tallies.repaired == first.tallies.found)
            let after = try Self.objects(night)
            let gone = Set(before.keys).subtracting(after.keys)
            #expect(gone == expected.drafts)
            let changed = Set(after.filter { before[$0.key] != $0.value }.keys)
            #expect(changed == expected.intents && changed.allSatisfy { after[$0] == "canceled" })
            let left = try await Self.waiting(night)
            #expect(waiting.subtracting(left) == waiting.intersection(expected.drafts.union(expected.intents)))
            #expect(left.isSubset(of: waiting))
            let paid = try await night.query("SELECT count(*) AS n FROM task_credit_stripe_invoice WHERE paid")
            #expect(try paid[0]["n"] as Int64 == settled[0]["n"] as Int64)
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL") == 0)
            let count = night.requests().count
            let second = try await night.run(definition: night.expire())
            #expect(second.outcome.state == .clean && second.findings.isEmpty)
            #expect(night.requests(since: count).allSatisfy { $0.method == "GET" })
            #expect(try Self.objects(night) == after)
        }
    }

    @Test("what is stale by a second is found, and what is a second short of it is not")
    func edge() async throws {
        try await Night.with(try .charges(seed: 611, charges: 50, invoices: 0, missedNotices: 0, plants: [:])) {
            night in
            let edge = NightSetup.nowSeconds - 7 * 86_400
            let stale = try night.world.insertPaymentIntent(amount: 500, createdSeconds: edge - 1)
            let young = try night.world.insertPaymentIntent(amount: 500, createdSeconds: edge)
            let draft = try night.world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: edge - 1))
            let late = try night.world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: edge))
            let rows: [(id: Int64, intent: String)] = [(1, stale), (2, young)]
            for row in rows {
                _ = try await night.query(
                    """
                    INSERT INTO agency_charge (id, agency_id, stripe_payment_intent_id, amount_cents, currency,
                        created_at)
                    VALUES ($1, 900, $2, 500, 'usd', to_timestamp($3))
                    """, row.id, row.intent, Double(edge))
            }
            let result = try await night.run(definition: night.expire())
            #expect(Set(result.findings.map(\.stripeID)) == [stale, draft])
            #expect(night.world.paymentIntent(stale)?.status == .canceled)
            #expect(night.world.paymentIntent(young)?.status == .requiresPaymentMethod)
            #expect(night.world.invoice(draft) == nil && night.world.invoice(late) != nil)
            #expect(try await night.number("SELECT id FROM agency_charge WHERE id < 3 AND status = 'canceled'") == 1)
        }
    }

    @Test(
        "what changes between the list and the fresh read is left alone",
        arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func changesMeanwhile(version: String) async throws {
        var setup = try NightSetup.charges(seed: 621, invoices: 400)
        setup.apiVersion = version
        guard case .agency(let history) = setup.history else { throw NightError("no history of charges") }
        let expected = history.expectedExpiry
        let (finalized, paid) = (try #require(expected.draftIDs.first), try #require(expected.draftIDs.last))
        let (succeeded, confirmed) = (try #require(expected.intentIDs.first), try #require(expected.intentIDs.last))
        setup.scripts = [
            SandboxScript(
                account: "medflyt", list: "/v1/invoices", page: 1, [.finalize(.id(finalized)), .pay(.id(paid))]),
            SandboxScript(
                account: "medflyt", list: "/v1/payment_intents", page: 1,
                [
                    .succeed(.id(succeeded)),
                    .run { world, _ in try world.fail(paymentIntent: confirmed) },
                ]),
        ]
        try await Night.with(setup) { night in
            let result = try await night.run(definition: night.expire())
            let changed: Set<String> = [finalized, paid, succeeded, confirmed]
            #expect(night.server.scripted.count == 4 && night.server.scripted.allSatisfy { $0.refusal == nil })
            #expect(Set(result.findings.map(\.stripeID)).isDisjoint(with: changed))
            #expect(result.findings.count == expected.draftIDs.count + expected.intentIDs.count - 4)
            #expect(night.world.invoice(finalized)?.status == .open && night.world.invoice(paid)?.status == .paid)
            #expect(night.world.paymentIntent(succeeded)?.status == .succeeded)
            #expect(night.world.paymentIntent(confirmed)?.status == .requiresPaymentMethod)
            #expect(try await night.run(definition: night.expire()).findings.isEmpty)
        }
    }

    @Test("a plan of an expiry does, when it is applied, what a run does")
    func plan() async throws {
        let setup = try NightSetup.all(seed: 631)
        try await Night.with(setup) { night in
            let expected = try Self.expected(night)
            let before = try Self.objects(night)
            let plan = try #require(try await night.run(plan: true, definition: night.expire()).plan)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            #expect(Set(plan.items.map(\.stripeID)) == expected.drafts.union(expected.intents))
            // One that changes after the plan is left alone.
            let world = try night.server.world(of: "medflyt")
            let moved = try #require(try night.agencyHistory.staleIntentIDs.first)
            try world.succeed(paymentIntent: moved)
            let result = try await night.apply(plan, definition: night.expire())
            #expect(result.applied == plan.items.count - 1 && result.leftAlone.count == 1, "\(result)")
            let after = try Self.objects(night)
            #expect(Set(before.keys).subtracting(after.keys) == expected.drafts)
            #expect(world.paymentIntent(moved)?.status == .succeeded)
            let again = try await night.apply(plan, definition: night.expire())
            #expect(again.applied == 0 && again.failures.isEmpty)
            #expect(try Self.objects(night) == after)
        }
    }
}
