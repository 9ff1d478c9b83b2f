import PostgreSQL
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

/// What happens between a plan and its approval, at Stripe and in the tables.
@Suite("Plans that waited")
struct StalePlanTests {
    @Test(
        "money that was taken back after the plan is not granted for",
        arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func takenBack(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 3)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            var taken: [String] = []
            for item in plan.items where item.effect == "grant" && taken.count < 2 {
                guard let intent = night.world.invoice(item.stripeID)?.paymentIntentID else { continue }
                _ = taken.isEmpty ? try night.world.refund(intent) : try night.world.dispute(intent)
                taken.append(item.localID)
            }
            #expect(taken.count == 2)
            // Asked again, it says so again.
            for applied in [plan.items.count - 2, 0] {
                let result = try await night.apply(plan)
                #expect(result.exitCode == 2 && result.applied == applied, "\(result)")
                #expect(result.leftAlone.count == 2 && result.doneBefore == plan.items.count - 2 - applied)
                for id in taken {
                    #expect(
                        result.leftAlone.contains {
                            $0.hasPrefix("order \(id): ") && $0.contains("is not what the plan")
                        })
                }
            }
            let ids = taken.joined(separator: ", ")
            let paid = try await night.number(
                "SELECT count(*) FROM task_credit_stripe_invoice WHERE paid AND id IN (\(ids))"
            )
            #expect(paid == 0)
        }
    }

    @Test("a draft whose order moved after the plan is not deleted at Stripe")
    func drafts() async throws {
        try await Night.with(try .credits(seed: 4)) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let drafts = plan.items.filter { $0.effect == "delete_draft" && !$0.localID.isEmpty }
            #expect(drafts.count >= 5)
            let changes = [
                "UPDATE task_credit_stripe_invoice SET amount_cents = amount_cents + 5 WHERE id = ",
                "UPDATE task_credit_stripe_invoice SET cancelled_at = CASE WHEN cancelled_at IS NULL THEN now() END "
                    + "WHERE id = ",
                "DELETE FROM task_credit_stripe_invoice WHERE id = ",
                // Nothing that the decision rests on, but not the row that was approved.
                "UPDATE task_credit_stripe_invoice SET hosted_invoice_url = 'x' WHERE id = ",
            ]
            let moved = drafts.prefix(changes.count)
            for (item, change) in zip(moved, changes) { _ = try await night.query(change + item.localID) }
            for applied in [plan.items.count - moved.count, 0] {
                let result = try await night.apply(plan)
                #expect(result.exitCode == 2 && result.applied == applied, "\(result)")
                #expect(result.leftAlone.count == moved.count, "\(result.leftAlone)")
            }
            let status = Dictionary(uniqueKeysWithValues: night.world.allInvoices().map { ($0.id, $0.status) })
            for item in moved { #expect(status[item.stripeID] == .draft, "\(item.what)") }
            #expect(drafts.dropFirst(changes.count).allSatisfy { status[$0.stripeID] != .draft })
            let writes = try await night.number(
                "SELECT count(*) FROM trueup.stripe_write WHERE stripe_id IN ("
                    + moved.map { "'\($0.stripeID)'" }.joined(separator: ", ") + ")")
            #expect(writes == 0, "nothing was even begun")
        }
    }

    @Test("an intent whose charge moved after the plan is not cancelled, and a refunded one does not succeed")
    func charges() async throws {
        try await Night.with(try .charges(seed: 5)) { night in
            let job = night.charges()
            let plan = try #require(try await night.run(plan: true, definition: job).plan)
            let changes = [
                "UPDATE agency_charge SET amount_cents = amount_cents + 5 WHERE id = ",
                "UPDATE agency_charge SET description = 'x' WHERE id = ",
                "UPDATE agency_charge SET status = 'succeeded' WHERE id = ",
                "DELETE FROM agency_charge WHERE id = ",
            ]
            let stale = plan.items.filter { $0.effect == "cancel_intent" && !$0.localID.isEmpty }
                .prefix(changes.count)
            try #require(stale.count == changes.count)
            for (item, change) in zip(stale, changes) { _ = try await night.query(change + item.localID) }
            let paid = try #require(plan.items.first { $0.effect == "succeed" })
            try night.world.refund(paid.stripeID)
            let result = try await night.apply(plan, definition: job)
            #expect(result.applied == plan.items.count - 5 && result.leftAlone.count == 5, "\(result)")
            for item in stale {
                let intent = try await night.client().paymentIntent(item.stripeID)
                #expect(intent.value.status != .canceled, "\(item.what)")
            }
            let succeeded = try await night.number(
                "SELECT count(*) FROM agency_charge WHERE status = 'succeeded' AND id = \(paid.localID)")
            #expect(succeeded == 0)
        }
    }

    @Test(
        "a run does not delete the draft of an order that moved after it was compared",
        arguments: ["amount_cents = amount_cents + 5", "cancelled_at = now()", "paid = true"])
    func movedUnderRun(_ change: String) async throws {
        try await Night.with(try .credits(seed: 6)) { night in
            // Whoever looks at the order right before its draft is deleted finds another one.
            let before = Set(night.world.allInvoices().filter { $0.status == .draft }.map(\.id))
            let named = try await night.query(
                """
                SELECT stripe_invoice_id AS id FROM task_credit_stripe_invoice
                WHERE stripe_invoice_id IS NOT NULL AND cancelled_at IS NULL AND NOT paid
                """
            ).map { try $0["id"] as String }
            try await Self.moving(night, "task_credit_stripe_invoice", "stale_draft", change) {
                _ = try await night.run()
            }
            let after = Set(night.world.allInvoices().filter { $0.status == .draft }.map(\.id))
            let deleted = before.subtracting(after).intersection(named)
            #expect(!before.intersection(named).isEmpty && deleted.isEmpty, "\(deleted)")
        }
    }

    @Test(
        "a run does not cancel the intent of a charge that moved after it was compared",
        arguments: ["amount_cents = amount_cents + 5", "status = 'succeeded'"])
    func movedChargeUnderRun(_ change: String) async throws {
        try await Night.with(try .charges(seed: 6)) { night in
            let before = Set(night.world.allPaymentIntents().filter { $0.status != .canceled }.map(\.id))
            let named = try await night.query(
                """
                SELECT stripe_payment_intent_id AS id FROM agency_charge
                WHERE stripe_payment_intent_id IS NOT NULL AND status = 'pending'
                """
            ).map { try $0["id"] as String }
            var stale: Set<String> = []
            try await Self.moving(night, "agency_charge", "stale_intent", change) {
                let findings = try await night.run(definition: night.charges()).findings
                stale = Set(findings.filter { $0.kind == .staleIntent }.map(\.stripeID)).intersection(named)
            }
            let after = Set(night.world.allPaymentIntents().filter { $0.status != .canceled }.map(\.id))
            #expect(!stale.isEmpty && before.subtracting(after).intersection(named).isEmpty)
        }
    }

    /// Changes the row of each finding of a kind as soon as the finding is there, and so before it is repaired.
    private static func moving(
        _ night: Night, _ table: String, _ kind: String, _ change: String, _ body: () async throws -> Void
    ) async throws {
        _ = try await night.query(
            """
            CREATE FUNCTION public.move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                UPDATE public.\(table) SET \(change)
                WHERE id::text = NEW.local_id AND NEW.kind = '\(kind)'; RETURN NULL; END $$
            """)
        _ = try await night.query(
            "CREATE TRIGGER move AFTER INSERT ON trueup.finding FOR EACH ROW EXECUTE FUNCTION public.move()")
        try await body()
        _ = try await night.query("DROP TRIGGER move ON trueup.finding")
        _ = try await night.query("DROP FUNCTION public.move()")
    }

    @Test("a plan of another database is refused, also where that one has a run of the same number")
    func elsewhere() async throws {
        var made: [Plan] = []
        let setup = try NightSetup.credits(seed: 7, payments: NightSetup.somePayments)
        try await Night.with(setup) { night in
            made.append(try #require(try await night.run(plan: true).plan))
        }
        try await Night.with(setup) { night in
            let later = NightSetup.nowSeconds + 1
            made.append(try #require(try await night.run(plan: true, nowSeconds: later).plan))
        }
        for (index, plan) in made.enumerated() {
            #expect(plan.run == 1)
            try await Night.with(setup) { night in
                // None, and then one of another job, or of the same job over another period.
                for number in 0...1 {
                    await #expect(throws: PlanError.otherDatabase("plan.json", run: plan.run)) {
                        _ = try await night.apply(plan)
                    }
                    let runs = try await night.number("SELECT count(*) FROM trueup.run")
                    #expect(runs == number)
                    guard number == 0 else { continue }
                    _ = try await night.run(plan: true, definition: index == 0 ? night.payments() : night.definition())
                }
            }
        }
    }
}
