import PostgreSQL
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

/// What keeps a plan that waited from doing what is not right any more, beside what `StalePlanTests` has.
@Suite("Guards of plans")
struct PlanGuardTests {
    @Test("an invoice and an intent that are gone by now are said to be, and the rest is done")
    func gone() async throws {
        try await Night.with(try .credits(seed: 41)) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let item = try #require(plan.items.first { $0.effect == "grant" })
            try night.world.erase(item.stripeID)
            let result = try await night.apply(plan)
            #expect(result.applied == plan.items.count - 1 && result.failures.isEmpty, "\(result)")
            #expect(result.leftAlone == ["\(item.what): \(item.stripeID) does not exist any more"])
        }
        try await Night.with(try .charges(seed: 42)) { night in
            let plan = try #require(try await night.run(plan: true, definition: night.charges()).plan)
            let item = try #require(plan.items.first { $0.effect == "succeed" })
            try night.world.erase(item.stripeID)
            let result = try await night.apply(plan, definition: night.charges())
            #expect(result.applied == plan.items.count - 1 && result.failures.isEmpty, "\(result)")
            #expect(result.leftAlone == ["\(item.what): \(item.stripeID) does not exist any more"])
        }
    }

    @Test("a charge whose intent came to another end than the plan says is not changed")
    func otherEnd() async throws {
        try await Night.with(try .charges(seed: 43)) { night in
            let plan = try #require(try await night.run(plan: true, definition: night.charges()).plan)
            let failed = plan.items.filter { $0.effect == "fail" }
            try #require(failed.count >= 2)
            // Both are something to be done all the same: the charge succeeded, or was canceled.
            try night.world.succeed(paymentIntent: failed[0].stripeID)
            try night.world.cancel(paymentIntent: failed[1].stripeID)
            let result = try await night.apply(plan, definition: night.charges())
            #expect(result.applied == plan.items.count - 2 && result.leftAlone.count == 2, "\(result)")
            let pending = try await night.number(
                """
                SELECT count(*) FROM agency_charge
                WHERE status = 'pending' AND id IN (\(failed[0].localID), \(failed[1].localID))
                """)
            #expect(pending == 2)
        }
    }

    @Test("a draft or an intent that had no row, and has one by now, is left alone")
    func adopted() async throws {
        try await Night.with(try .all(seed: 44)) { night in
            let orphan = try #require(try night.agencyHistory.staleIntentIDs.first)
            _ = try await night.query("DELETE FROM agency_charge WHERE stripe_payment_intent_id = $1", orphan)
            let plan = try #require(try await night.run(plan: true, definition: night.expire()).plan)
            let draft = try #require(
                plan.items.first {
                    $0.effect == "delete_draft" && $0.localID.isEmpty && $0.account == "task_health"
                })
            let intent = try #require(
                plan.items.first { $0.effect == "cancel_intent" && $0.localID.isEmpty && $0.stripeID == orphan })
            _ = try await night.query(
                """
                INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                    stripe_invoice_id)
                SELECT 900000001, min(id), 1, 20000, 'usd', $1 FROM agency
                """, draft.stripeID)
            _ = try await night.query(
                """
                INSERT INTO agency_charge (id, agency_id, amount_cents, currency, stripe_payment_intent_id)
                SELECT 900000001, min(id), 1, 'usd', $1 FROM agency
                """, intent.stripeID)
            let result = try await night.apply(plan, definition: night.expire())
            #expect(result.applied == plan.items.count - 2, "\(result)")
            #expect(
                Set(result.leftAlone) == [
                    "order 900000001 names \(draft.stripeID) by now",
                    "charge 900000001 names \(intent.stripeID) by now",
                ])
            let objects = try ExpireRunTests.objects(night)
            #expect(objects[draft.stripeID] == "draft" && objects[intent.stripeID] != "canceled")
        }
    }

    @Test("the audit names the request of the approval's own reading")
    func requests() async throws {
        try await Night.with(try .credits(seed: 45)) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            #expect(try await night.apply(plan).exitCode == 0)
            for effect in ["grant", "cancel", "link"] {
                let items = plan.items.filter { $0.effect == effect }
                #expect(!items.isEmpty, "\(effect)")
                for item in items {
                    let told = try await night.query(
                        "SELECT stripe_request_id AS id FROM trueup.repair WHERE effect = $1 AND local_id = $2", effect,
                        item.localID
                    ).map { try $0["id"] as String }
                    #expect(told.count == 1 && told.first != item.requestID && told.first?.isEmpty == false)
                }
            }
        }
    }

    @Test("what a run did in the meantime is not told as done by the plan, and not done again")
    func overtaken() async throws {
        try await Night.with(try .credits(seed: 46, orders: 300, plants: [.paidOpen: 3, .voidOpen: 2])) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let run = try await night.run()
            #expect(run.tallies.repaired.values.reduce(0, +) == 5)
            let repairs = try await night.number("SELECT count(*) FROM trueup.repair")
            let result = try await night.apply(plan)
            #expect(result.applied == 0 && result.doneBefore == 0 && result.leftAlone.count == 5, "\(result)")
            #expect(result.exitCode == 2)
            let who = ": run \(run.run.id) has done it already"
            #expect(result.leftAlone.allSatisfy { $0.hasSuffix(who) }, "\(result.leftAlone)")
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == repairs)
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state <> 'closed'") == 0)
            // No difference remains of it.
            #expect(try await night.lastRun().state == "clean")
        }
    }

    @Test("of two plans of the same differences the second one says which run has done them, and with which plan")
    func twoPlans() async throws {
        let plants: [Plant: Int] = [.paidOpen: 2, .voidOpen: 1, .absentOpen: 1, .draftStaleOpen: 1]
        try await Night.with(try .credits(seed: 48, orders: 300, plants: plants)) { night in
            let first = try #require(try await night.run(plan: true).plan)
            let second = try #require(try await night.run(plan: true).plan)
            #expect(first.id != second.id && second.items.count == 5)
            let done = try await night.apply(first)
            #expect(done.applied == 5 && done.exitCode == 0, "\(done)")
            let balances = try await night.balances()
            let result = try await night.apply(second)
            #expect(result.applied == 0 && result.doneByOthers == 5 && result.exitCode == 2, "\(result)")
            let who = ": run \(done.runID) (plan \(first.id)) has done it already"
            #expect(result.leftAlone.count == 5 && result.leftAlone.allSatisfy { $0.hasSuffix(who) }, "\(result)")
            #expect(try await night.lastRun().state == "clean")
            #expect(try await night.balances() == balances)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 5)
        }
    }

    @Test("what a webhook or a person did since the plan is not told as a run's, also where a run did it once before")
    func bySomebody() async throws {
        try await Night.with(try .credits(seed: 49, orders: 300, plants: [.paidOpen: 1])) { night in
            #expect(try await night.run().tallies.repaired == ["missed_paid": 1])
            // A backup of the table is put back, and its webhook comes after the plan.
            let row = "WHERE id::text = (SELECT local_id FROM trueup.repair)"
            _ = try await night.query("UPDATE task_credit_stripe_invoice SET paid = false, paid_at = NULL " + row)
            let plan = try #require(try await night.run(plan: true).plan)
            let item = try #require(plan.items.first)
            _ = try await night.query("UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() " + row)
            let result = try await night.apply(plan)
            let words = "\(item.what): somebody else has done it already, a webhook or a person"
            #expect(result.leftAlone == [words] && result.doneByOthers == 0 && result.exitCode == 2, "\(result)")
            #expect(try await night.lastRun().state == "drift")
        }
    }

    @Test("a revert takes back only the effect that it names")
    func otherEffect() async throws {
        try await Night.with(try .credits(seed: 47, orders: 300, plants: [.paidOpen: 1, .voidOpen: 1])) { night in
            let run = try await night.run()
            var plan = try await night.revert(run.run.id)
            for index in plan.items.indices {
                plan.items[index].effect = plan.items[index].effect == "ungrant" ? "uncancel" : "ungrant"
            }
            let result = try await night.apply(plan)
            #expect(result.applied == 0 && result.leftAlone.count == 2, "\(result)")
            #expect(result.leftAlone.allSatisfy { $0.contains("does not undo") })
            #expect(try await night.number("SELECT count(*) FROM trueup.repair WHERE run_id > \(run.run.id)") == 0)
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state <> 'closed'") == 0)
        }
    }

    @Test("no notice is sent of an invoice that was voided after the plan")
    func voided() async throws {
        let setup = try NightSetup.charges(seed: 531, invoices: 1_200, missedNotices: 24, plants: [:])
        try await Night.with(setup) { night in
            let job = night.notices()
            let plan = try #require(try await night.run(plan: true, definition: job, canSend: true).plan)
            let world = try night.server.world(of: "medflyt")
            let open = try #require(
                plan.items.first { $0.account == "medflyt" && world.invoice($0.stripeID)?.status == .open })
            try world.void(open.stripeID)
            let result = try await night.apply(plan, definition: job, canSend: true)
            #expect(result.leftAlone == ["invoice \(open.stripeID): it is void by now"])
            #expect(result.applied == plan.items.count - 1)
            let notices = try await night.number(
                "SELECT count(*) FROM agency_invoice_notice WHERE stripe_invoice_id = '\(open.stripeID)'")
            #expect(notices == 0)
        }
    }
}
