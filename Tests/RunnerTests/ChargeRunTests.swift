import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Runs over charges of agencies")
struct ChargeRunTests {
    /// Holds findings and repairs against the plantings, one by one.
    static func check(_ result: RunResult, _ history: AgencyHistory) {
        let (found, repaired) = result.tallies
        #expect(found == history.expected)
        #expect(repaired == history.expectedRepairs)
        var plantOf: [String: ChargePlant] = [:]
        for charge in history.charges {
            guard let plant = charge.plant else { continue }
            if let intent = charge.intent { plantOf["intent \(intent.id)"] = plant }
            if let row = charge.row { plantOf["charge \(row.id)"] = plant }
        }
        for finding in result.findings {
            let plant = plantOf["charge \(finding.localID)"] ?? plantOf["intent \(finding.stripeID)"]
            #expect(plant?.kind == finding.kind.rawValue, "\(finding.explanation)")
            #expect((finding.closedHow == .repaired) == (plant?.action == .apply), "\(finding.explanation)")
        }
    }

    /// The charges as the tables have them, one line each.
    static func rows(_ night: Night) async throws -> [String] {
        try await night.query(
            """
            SELECT concat_ws(' ', id, status, coalesce(stripe_payment_intent_id, '-'), amount_cents, currency,
                extract(epoch FROM succeeded_at)::bigint) AS line FROM agency_charge ORDER BY id
            """
        ).map { try $0["line"] }
    }

    /// What every charge has to be after a run, by its planting: status, and the second at which it succeeded.
    private static func expectRows(_ night: Night) async throws {
        let history = try night.agencyHistory
        var now: [Int64: (status: String, id: String?, at: Int64?)] = [:]
        for row in try await night.query(
            """
            SELECT id, status, stripe_payment_intent_id AS intent, extract(epoch FROM succeeded_at)::bigint AS at
            FROM agency_charge
            """)
        {
            now[try row["id"]] = (try row["status"], try row["intent"], try row["at"])
        }
        for charge in history.charges {
            guard let row = charge.row, let found = now[row.id] else {
                #expect(charge.row == nil && now[charge.chargeID] == nil)
                continue
            }
            let words = "charge \(row.id), \(charge.plant?.rawValue ?? "agrees")"
            switch charge.plant {
            case .succeededPending, .succeededPendingOld, .succeededFailed:
                let intent = try #require(charge.intent)
                let (from, to) = (intent.createdSeconds, intent.succeededSeconds ?? 0)
                #expect(found.status == "succeeded" && (from...to).contains(found.at ?? 0), "\(words)")
            case .canceledPending, .canceledPendingOld, .staleOpen, .staleConfirmation, .staleCanceled:
                #expect(found.status == "canceled" && found.at == nil, "\(words)")
            case .declinedPending: #expect(found.status == "failed" && found.at == nil, "\(words)")
            case .unlinkedLinkable: #expect(found.id == charge.intent?.id && found.status == row.status, "\(words)")
            default:
                #expect(found.status == row.status && found.id == row.stripePaymentIntentID, "\(words)")
                #expect(found.at == row.succeededSeconds, "\(words)")
            }
        }
    }

    @Test(
        "everything planted is found and repaired exactly, and a second run repairs nothing",
        arguments: Seeds.range(201, 3), ["2023-10-16", "2026-07-29.dahlia"])
    func exact(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.charges(seed: seed)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.agencyHistory
            let intents = Set(night.world.allPaymentIntents())
            let first = try await night.run(definition: night.charges())
            Self.check(first, history)
            #expect(first.outcome.problems.isEmpty && first.outcome.state == .drift)
            try await Self.expectRows(night)
            // At Stripe the stale ones are cancelled, and nothing else is touched.
            let changed = Set(night.world.allPaymentIntents()).subtracting(intents)
            #expect(Set(changed.map(\.id)) == Set(history.staleIntentIDs))
            #expect(changed.allSatisfy { $0.status == .canceled })
            let writes = night.requests().filter { $0.method != "GET" }
            #expect(writes.count == history.staleIntentIDs.count && writes.allSatisfy { $0.idempotencyKey != nil })
            let rows = try await Self.rows(night)
            let count = night.requests().count
            let second = try await night.run(definition: night.charges())
            #expect(second.tallies.repaired.isEmpty)
            #expect(try await Self.rows(night) == rows)
            let left = Set(first.findings.filter { $0.closedHow == nil }.map(\.id))
            #expect(Set(second.findings.map(\.id)) == left)
            #expect(night.requests(since: count).allSatisfy { $0.method == "GET" })
            #expect(night.requests().allSatisfy { $0.version == version })
        }
    }

    @Test("the audit tells what the rows held before and after")
    func audit() async throws {
        try await Night.with(try .charges(seed: 211)) { night in
            let history = try night.agencyHistory
            var before: [String: JSONText] = [:]
            for row in try await night.query("SELECT id, to_jsonb(t) AS row FROM agency_charge t") {
                before[String(try row["id"] as Int64)] = try row["row"] as JSONText
            }
            _ = try await night.run(definition: night.charges())
            let repairs = try await night.query(
                """
                SELECT r.local_id, r.effect, r.before->'charge' AS before, r.after->'charge' = to_jsonb(t) AS is_now,
                    r.stripe_request_id <> '' AS is_backed
                FROM trueup.repair r LEFT JOIN agency_charge t ON t.id::text = r.local_id
                """)
            #expect(repairs.count == history.expectedRepairs.values.reduce(0, +))
            for row in repairs {
                #expect(try row["is_backed"] as Bool)
                // A change at Stripe alone changed no row.
                if try row["effect"] as String == "cancel_intent" { continue }
                #expect(try row["is_now"] as Bool)
                #expect(try row["before"] as JSONText == before[try row["local_id"]])
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL") == 0)
        }
    }

    @Test("applying a plan ends in the state of a run that repairs by itself", arguments: [221, 222] as [UInt64])
    func applyEqualsRun(seed: UInt64) async throws {
        var direct: [String] = []
        try await Night.with(try .charges(seed: seed)) { night in
            _ = try await night.run(definition: night.charges())
            direct = try await Self.rows(night) + night.world.allPaymentIntents().map { "\($0.id) \($0.status)" }
        }
        try await Night.with(try .charges(seed: seed)) { night in
            let definition = night.charges()
            let before = try await Self.rows(night)
            let plan = try #require(try await night.run(plan: true, definition: definition).plan)
            #expect(try await Self.rows(night) == before)
            #expect(plan.items.count == (try night.agencyHistory.expectedRepairs.values.reduce(0, +)))
            #expect(try Plan(text: plan.text(), path: "p") == plan)
            let result = try await night.apply(plan, definition: definition)
            #expect(result.exitCode == 0 && result.applied == plan.items.count, "\(result)")
            let intents = night.world.allPaymentIntents().map { "\($0.id) \($0.status)" }
            #expect(try await Self.rows(night) + intents == direct)
            let again = try await night.apply(plan, definition: definition)
            #expect(again.applied == 0 && again.failures.isEmpty && again.doneBefore == plan.items.count)
            #expect(again.leftAlone.isEmpty && again.exitCode == 0)
            #expect(try await Self.rows(night) + intents == direct)
        }
    }

    @Test("a revert takes back what the run did to the rows, and the next run does not do it again")
    func reverts() async throws {
        try await Night.with(try .charges(seed: 231)) { night in
            let definition = night.charges()
            let before = try await Self.rows(night)
            let run = try await night.run(definition: definition)
            let plan = try await night.revert(run.run.id, definition: definition)
            let stale = run.findings.count { $0.kind == .staleIntent && $0.closedHow == .repaired }
            #expect(plan.impossible.count == stale && stale > 0)
            let result = try await night.apply(plan, definition: definition)
            #expect(result.exitCode == 0 && result.applied == plan.items.count, "\(result)")
            // Only the charges of canceled intents differ: those stay canceled.
            let after = try await Self.rows(night)
            let canceled = try await night.number(
                "SELECT count(*) FROM trueup.repair WHERE kind = 'stale_intent' AND effect = 'cancel_charge'")
            #expect(Set(after).symmetricDifference(before).count == 2 * canceled)
            let next = try await night.run(definition: definition)
            #expect(try await Self.rows(night) == after)
            #expect(next.findings.allSatisfy { $0.closedHow != .repaired })
        }
    }

    @Test(
        "what was disputed and refunded is found with its amounts, and stays found when that is older than the period",
        arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func reversals(version: String) async throws {
        var setup = try NightSetup.charges(
            seed: 241, plants: [.disputed: 2, .refunded: 2, .refundedPartly: 2, .refundedOld: 1, .disputedOld: 1])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.agencyHistory
            let first = try await night.run(definition: night.charges())
            Self.check(first, history)
            let later = NightSetup.nowSeconds + 60 * 86_400
            for seconds in [NightSetup.nowSeconds, later] {
                night.server.clock.set(seconds: seconds)
                let result = try await night.run(nowSeconds: seconds, definition: night.charges())
                #expect(Set(first.findings.map(\.id)).isSubset(of: result.findings.map(\.id)))
                for row in try await night.query(
                    """
                    SELECT stripe_id, state, (facts->'reversed'->>'refunded')::bigint AS refunded,
                        (facts->'reversed'->>'disputed')::bigint AS disputed
                    FROM trueup.finding WHERE kind IN ('refunded', 'disputed')
                    """)
                {
                    let intent = try #require(night.world.paymentIntent(try row["stripe_id"]))
                    #expect(try row["state"] as String == "open")
                    #expect(try row["refunded"] as Int64 == intent.refunded)
                    #expect(try row["disputed"] as Int64 == (intent.isDisputed ? intent.amount : 0))
                }
            }
        }
    }
}
