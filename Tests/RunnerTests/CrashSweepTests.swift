import Jobs
import PostgreSQL
import Runner
import Sandbox
import Store
import Support
import Testing

/// The run dies at each step of its repairs, one after the other: at every COMMIT that it sends, before and after the
/// server acts on it. Between two COMMITs of a repair lies its change at Stripe, where it has one.
@Suite("A crash at each step of each repair")
struct CrashSweepTests {
    enum Work: String, CaseIterable, Sendable { case charges, notices, expire }

    private static func setup() throws -> NightSetup {
        try NightSetup.charges(
            seed: 611, charges: 700, invoices: 60, missedNotices: 2,
            plants: [
                .succeededPending: 1, .canceledPending: 1, .declinedPending: 1, .staleOpen: 2, .unlinkedLinkable: 1,
            ])
    }

    private static func definition(_ work: Work, _ night: Night) -> JobDefinition {
        switch work {
        case .charges: night.charges()
        case .notices: night.notices()
        case .expire: night.expire()
        }
    }

    /// Charges, notices and mails, and what is left at Stripe: without times, runs and ids of our own. After a crash
    /// the change at Stripe has an audit row apart from its row's, which is not part of it.
    private static func state(_ night: Night) async throws -> [String] {
        let rows = try await night.query(
            """
            SELECT concat_ws(' ', 'charge', id, stripe_payment_intent_id, status, succeeded_at) AS line
            FROM agency_charge
            UNION ALL SELECT concat_ws(' ', 'notice', stripe_invoice_id, account) FROM agency_invoice_notice
            UNION ALL SELECT concat_ws(' ', 'mail', dedupe_key, state) FROM trueup.outbox
            UNION ALL SELECT concat_ws(' ', 'open', kind, stripe_id, local_id) FROM trueup.finding WHERE state = 'open'
            UNION ALL SELECT DISTINCT concat_ws(' ', 'repair', effect, stripe_id, local_id) FROM trueup.repair
                WHERE local_id = '' OR effect NOT IN ('delete_draft', 'cancel_intent')
            UNION ALL SELECT concat_ws(' ', 'unended', stripe_id) FROM trueup.stripe_write WHERE ended_at IS NULL
            ORDER BY 1
            """)
        let intents = night.world.allPaymentIntents().map { "intent \($0.id) \($0.status)" }
        let invoices = night.world.allInvoices().map { "invoice \($0.id) \($0.status)" }
        return try rows.map { try $0["line"] } + intents.sorted() + invoices.sorted()
    }

    /// The server lets go of the dead run's lock when it notices that nobody is there any more.
    private static func rerun(_ work: Work, _ night: Night) async throws {
        for _ in 0..<500 {
            do {
                _ = try await night.run(definition: definition(work, night), canSend: true)
                return
            } catch RunError.alreadyRunning {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        Issue.record("the lock of the dead run was never let go")
    }

    private static func uninterrupted(_ work: Work) async throws -> [String] {
        nonisolated(unsafe) var state: [String] = []
        try await Night.with(try setup()) { night in
            _ = try await night.run(definition: definition(work, night), canSend: true)
            state = try await Self.state(night)
        }
        return state
    }

    @Test("the rerun ends in the uninterrupted state", arguments: Work.allCases, [true, false])
    func sweep(_ work: Work, isDelivered: Bool) async throws {
        let expected = try await Self.uninterrupted(work)
        var crashes = 0
        for step in 0..<40 {
            nonisolated(unsafe) var hasCrashed = false
            try await Night.with(try Self.setup()) { night in
                let cutter = try AnswerCutter(to: night.target, losesAnswerTo: "COMMIT\0", isDelivered: isDelivered)
                defer { cutter.stop() }
                let run = Task {
                    try await night.run(
                        target: cutter.target, definition: Self.definition(work, night), canSend: true
                    ) { progress in
                        if case .repairing(let count) = progress, count > 0 { cutter.arm(passing: step) }
                    }
                }
                let watch = Task {
                    while cutter.losses == 0 { try await Task.sleep(for: .milliseconds(1)) }
                    // Nothing that the process would still do reaches anybody.
                    cutter.stop()
                    run.cancel()
                }
                _ = try? await run.value
                watch.cancel()
                hasCrashed = cutter.losses > 0
                guard hasCrashed else { return }
                try await Self.rerun(work, night)
                let state = try await Self.state(night)
                let (missing, strange) = (Set(expected).subtracting(state), Set(state).subtracting(expected))
                #expect(
                    missing.isEmpty && strange.isEmpty,
                    "\(work), step \(step), delivered \(isDelivered): missing \(missing), strange \(strange)")
            }
            guard hasCrashed else { break }
            crashes += 1
        }
        #expect(crashes > 3)
    }
}
