import Jobs
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// An empty page that says there is more: where the list ends nobody knows, and nothing may be taken for not being in
/// it.
@Suite("Lists that cannot be read to their end")
struct UnreadableListTests {
    static let versions = ["2023-10-16", "2026-07-29.dahlia"]

    /// A run that meets such pages in one list ends incomplete, and has changed nothing anywhere.
    /// - Parameter list: what the path with its query has to contain.
    private static func expectIncomplete(
        _ given: NightSetup, _ list: String, _ job: @Sendable (Night) -> JobDefinition
    ) async throws {
        var setup = given
        setup.faults = SandboxFaults(scripts: [.init(.emptyPage, lasts: true, pathContains: list)])
        try await Night.with(setup) { night in
            let before = try await night.everything()
            let result = try await night.run(definition: job(night))
            #expect(result.outcome.state == .incomplete && result.exitCode == 3, "\(result.outcome.problems)")
            #expect(result.outcome.problems.contains { $0.contains("says that there is more") })
            #expect(result.findings.isEmpty)
            #expect(try await night.everything() == before)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
        }
    }

    @Test(
        "orders: no list that is empty so far is a list that is empty",
        arguments: ["/v1/invoices?", "/v1/refunds?", "/v1/disputes?", "/v1/credit_notes?", "/v1/events?"], versions)
    func orders(_ list: String, _ version: String) async throws {
        var setup = try NightSetup.credits(seed: 71)
        setup.apiVersion = version
        try await Self.expectIncomplete(setup, list) { $0.definition() }
    }

    @Test("orders: what was taken back of an old payment is not known without the payments of its invoice")
    func oldOrders() async throws {
        var setup = try NightSetup.credits(seed: 72, orders: 600, plants: [.paidOpenOld: 3])
        setup.apiVersion = Self.versions[1]
        // They were paid a few days ago: before what the run lists of refunds.
        setup.lookBackSeconds = 43_200
        try await Self.expectIncomplete(setup, "/v1/invoice_payments?") { $0.definition() }
    }

    /// In later versions which invoice an intent pays is asked for one by one as well.
    static let lists = [
        ("/v1/payment_intents?", versions[0]), ("/v1/checkout/sessions?", versions[0]),
        ("/v1/payment_intents?", versions[1]), ("/v1/checkout/sessions?", versions[1]),
        ("/v1/invoice_payments?", versions[1]), ("payment%5Bpayment_intent%5D=", versions[1]),
    ]

    @Test("charges: no intent is taken for one of no invoice and of no Checkout session", arguments: lists)
    func charges(_ list: String, _ version: String) async throws {
        var setup = try NightSetup.charges(seed: 73, invoices: 0, missedNotices: 0)
        setup.apiVersion = version
        try await Self.expectIncomplete(setup, list) { $0.charges() }
    }

    @Test("expiry: nothing is taken away", arguments: lists + [("/v1/invoices?", versions[0])])
    func expiry(_ list: String, _ version: String) async throws {
        var setup = try NightSetup.credits(seed: 74, orders: 300, plants: [.draftStaleOpen: 3])
        setup.others = [
            "medflyt": try NightSetup.charges(
                seed: 74, charges: 300, invoices: 0, missedNotices: 0, plants: [.staleOpen: 3, .staleCanceled: 2]
            ).history
        ]
        setup.apiVersion = version
        try await Self.expectIncomplete(setup, list) { $0.expire() }
    }

    @Test(
        "replay: events that were not listed are not events that were delivered",
        arguments: ["/v1/events?", "delivery_success=false"])
    func replay(_ list: String) async throws {
        let setup = try NightSetup.credits(seed: 75, orders: 300, plants: [.paidOpen: 3])
        try await Self.expectIncomplete(setup, list) { $0.replay() }
    }
}
