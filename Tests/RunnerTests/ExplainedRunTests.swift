import Reconciliation
import Runner
import Sandbox
import Support
import Testing

@Suite("Runs over payments that orders and customers explain")
struct ExplainedRunTests {
    @Test(
        "payments that no order explains are found, and intents that nobody confirmed are cancelled",
        arguments: Seeds.range(401, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func payments(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.credits(seed: seed, plants: NightSetup.someOfAll, payments: NightSetup.somePayments)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.history
            let tables = try await night.outcome().components(of: "== findings")[0]
            let intents = Set(night.world.allPaymentIntents())
            let first = try await night.run(definition: night.payments())
            #expect(first.tallies.found == history.expectedPayments)
            #expect(first.tallies.repaired == history.expectedPaymentRepairs)
            #expect(first.outcome.problems.isEmpty)
            var planted: [String: String?] = [:]
            for (plant, intents) in history.plantedIntents { for intent in intents { planted[intent.id] = plant.kind } }
            for finding in first.findings {
                guard let kind = planted[finding.stripeID] else { continue }
                #expect(kind == finding.kind.rawValue, "\(finding.explanation)")
            }
            // Nothing of the tables changes, and at Stripe the stale ones alone.
            #expect(try await night.outcome().components(of: "== findings")[0] == tables)
            let changed = Set(night.world.allPaymentIntents()).subtracting(intents)
            #expect(Set(changed.map(\.id)) == Set(history.staleIntentIDs))
            #expect(changed.allSatisfy { $0.status == .canceled })
            let count = night.requests().count
            let second = try await night.run(definition: night.payments())
            #expect(second.tallies.repaired.isEmpty)
            #expect(Set(second.findings.map(\.id)) == Set(first.findings.filter { $0.closedHow == nil }.map(\.id)))
            #expect(night.requests(since: count).allSatisfy { $0.method == "GET" })
        }
    }

    @Test("a plan of payments does at Stripe what a run does")
    func plan() async throws {
        let setup = try NightSetup.credits(seed: 411, plants: [:], payments: NightSetup.somePayments)
        try await Night.with(setup) { night in
            let plan = try #require(try await night.run(plan: true, definition: night.payments()).plan)
            #expect(plan.items.count == 4 && plan.items.allSatisfy { $0.effect == "cancel_intent" })
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            let result = try await night.apply(plan, definition: night.payments())
            #expect(result.exitCode == 0 && result.applied == 4, "\(result)")
            let stale = try night.history.staleIntentIDs
            #expect(stale.allSatisfy { night.world.paymentIntent($0)?.status == .canceled })
            let revert = try await night.revert(result.runID, definition: night.payments())
            #expect(revert.items.isEmpty && revert.impossible.count == 4)
        }
    }

    @Test(
        "payments of unknown customers are found and left to a person",
        arguments: Seeds.range(421, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func customers(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.patients(seed: seed)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.patientHistory
            let result = try await night.run(definition: night.customers())
            #expect(result.tallies.found == history.expected)
            #expect(result.tallies.repaired.isEmpty && result.outcome.problems.isEmpty)
            let planted = history.plantedIDs.filter { $0.key.kind != nil }.values.joined()
            #expect(Set(result.findings.map(\.stripeID)) == Set(planted))
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            let second = try await night.run(definition: night.customers())
            #expect(second.findings.map(\.id) == result.findings.map(\.id))
            // A row for the customer explains the payment from then on.
            let id = try #require(history.plantedIDs[.unknownSucceeded]?.first)
            let customer = try #require(night.world.paymentIntent(id)?.customerID)
            _ = try await night.query("INSERT INTO stripe_customer_patient_assoc VALUES ($1, 1, 1)", customer)
            let third = try await night.run(definition: night.customers())
            #expect(Set(result.findings.map(\.stripeID)).subtracting(third.findings.map(\.stripeID)) == [id])
        }
    }
}
