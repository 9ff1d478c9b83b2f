import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Synchronization
import Testing

@Suite("Runs that were stopped go on")
struct ResumeTests {
    /// The same world for every interruption of a seed, with pages and repairs slow enough to be met.
    static func setup(seed: UInt64) throws -> NightSetup {
        var plants = NightSetup.someOfEach
        // What a stopped run did in Stripe and could not write down is another finding for the next: `draftInBetween`.
        plants[.draftStaleOpen] = nil
        plants[.draftStaleCancelled] = nil
        var setup = try NightSetup.credits(seed: seed, orders: 1_500, plants: plants)
        setup.latencyMilliseconds = 3
        return setup
    }

    /// How an uninterrupted run leaves this world.
    static func uninterrupted(_ setup: NightSetup) async throws -> (outcome: String, steps: Int) {
        let steps = Atomic<Int>(0)
        nonisolated(unsafe) var outcome = ""
        try await Night.with(setup) { night in
            _ = try await night.run { _ in steps.add(1, ordering: .relaxed) }
            outcome = try await night.outcome()
        }
        return (outcome, steps.load(ordering: .relaxed))
    }

    /// Where the stop came after the end of a run, another run was made, which has seen the findings again.
    static func expectSame(_ night: Night, _ uninterrupted: String, _ words: String) async throws {
        let runs = try await night.number("SELECT count(*) FROM trueup.run")
        let now = try await night.outcome()
        let (left, right) = runs == 1 ? (uninterrupted, now) : (withoutCounts(uninterrupted), withoutCounts(now))
        // Without the texts themselves, which are long.
        let isSame = left == right
        #expect(isSame, "\(words)\n\(TableText.difference(left, right))")
    }

    @Test(
        "stopped at any moment and run again: the state of an uninterrupted run",
        arguments: Seeds.range(2_000, 2))
    func stopped(seed: UInt64) async throws {
        let setup = try Self.setup(seed: seed)
        let (outcome, steps) = try await Self.uninterrupted(setup)
        var seeded = Seeded(seed)
        for round in 0..<5 {
            let stops = (0..<Int.random(in: 1...3, using: &seeded)).map { _ in
                Int.random(in: 0..<steps, using: &seeded)
            }
            try await Night.with(setup) { night in
                for stop in stops { try await Self.stopAndLook(night, atStep: stop) }
                _ = try await night.run()
                try await Self.expectSame(night, outcome, "seed \(seed), round \(round), stops \(stops)")
                #expect(try await night.number("SELECT count(*) FROM trueup.run WHERE state = 'running'") == 0)
            }
        }
    }

    /// Stops a run and checks what it left behind; the run may have ended before.
    private static func stopAndLook(_ night: Night, atStep stop: Int) async throws {
        let step = Atomic<Int>(0)
        let start = night.requests().count
        let before = try await doneWindows(night)
        do {
            try await night.runStopped { _ in step.add(1, ordering: .relaxed).oldValue == stop }
        } catch is CancellationError {
            let run = try await night.lastRun()
            #expect(["interrupted", "drift"].contains(run.state), "\(run)")
        }
        expectNotRead(before, night.requests(since: start))
    }

    private static func doneWindows(_ night: Night) async throws -> Set<Int64> {
        let rows = try await night.query(
            """
            SELECT from_seconds FROM trueup.window w JOIN trueup.run r ON r.id = w.run_id
            WHERE w.is_done AND r.state IN ('running', 'interrupted')
            """)
        return Set(try rows.map { try $0["from_seconds"] as Int64 })
    }

    /// No list request begins where a window that was done begins.
    private static func expectNotRead(_ windows: Set<Int64>, _ requests: [SandboxStatistics.Served]) {
        for request in requests where request.path.hasPrefix("/v1/invoices?") {
            let from =
                request.path.firstRange(of: "created%5Bgte%5D=").map { request.path[$0.upperBound...] }
                ?? request.path.firstRange(of: "created[gte]=").map { request.path[$0.upperBound...] }
            let second = from.flatMap { Int64($0.prefix { $0.isNumber }) }
            // Rows that wait are read by pages that begin behind an object, and belong to no window.
            if from == nil, request.path.contains("starting_after=") { continue }
            #expect(second != nil, "\(request.path)")
            #expect(!windows.contains(second ?? 0), "a window that was done is read again: \(request.path)")
        }
    }

    @Test("windows that were done are not read again")
    func notReadAgain() async throws {
        var setup = try Self.setup(seed: 82)
        setup = try NightSetup.credits(seed: 82, orders: 9_000, plants: [.paidOpen: 3])
        setup.latencyMilliseconds = 10
        try await Night.with(setup) { night in
            let pages = Atomic<Int>(0)
            await #expect(throws: CancellationError.self) {
                try await night.runStopped { progress in
                    guard case .page(let list, _) = progress, list.object == .invoice else { return false }
                    return pages.add(1, ordering: .relaxed).newValue == 6
                }
            }
            let first = try await night.lastRun()
            #expect(first.state == "interrupted" && first.attempt == 1)
            let done = try await Self.doneWindows(night)
            let staged = try await night.number("SELECT count(*) FROM trueup.staged_invoice_\(first.id)")
            #expect(staged > 0)
            let start = night.requests().count
            let resumed = Mutex(false)
            let result = try await night.run { progress in
                if case .began(_, let isResumed, _, _) = progress { resumed.withLock { $0 = isResumed } }
            }
            #expect(resumed.withLock { $0 })
            Self.expectNotRead(done, night.requests(since: start))
            let lists = night.requests(since: start).count { $0.path.hasPrefix("/v1/invoices?") }
            let whole = night.listable().count / 100
            #expect(lists <= whole - staged / 100 + 14, "\(lists) pages for what is left of \(whole)")
            let last = try await night.lastRun()
            #expect(last.id == first.id && last.attempt == 2 && last.state == "repaired" && last.hasEnded)
            #expect(result.outcome.counts[.missedPaid]?.repaired == 3)
            // Of both attempts, what the run's row counts is what was asked, but for requests that the stop met on
            // their way: those are counted on one side only.
            let counted = try await night.number("SELECT requests FROM trueup.run")
            #expect(abs(counted - night.requests().count) <= 12, "\(counted) counted, \(night.requests().count) asked")
        }
    }

    @Test("an interrupted run is interrupted, a resumed one runs, and neither has ended twice")
    func states() async throws {
        try await Night.with(try Self.setup(seed: 83)) { night in
            await #expect(throws: CancellationError.self) {
                try await night.runStopped { if case .comparing = $0 { true } else { false } }
            }
            let interrupted = try await night.lastRun()
            #expect(interrupted.state == "interrupted" && interrupted.attempt == 1)
            let watched = Mutex<Task<(id: Int64, state: String, attempt: Int32, hasEnded: Bool), any Error>?>(nil)
            _ = try await night.run { progress in
                guard case .comparing(_, 1) = progress else { return }
                watched.withLock { if $0 == nil { $0 = Task { try await night.lastRun() } } }
            }
            let running = try await #require(watched.withLock { $0 }).value
            #expect(running.id == interrupted.id)
            #expect(running.state == "running" && running.attempt == 2 && !running.hasEnded)
            let ended = try await night.lastRun()
            #expect(ended.state == "drift" && ended.attempt == 2 && ended.hasEnded)
        }
    }

    @Test("a run of another definition replaces the stopped one, which has failed")
    func replaced() async throws {
        try await Night.with(try Self.setup(seed: 84)) { night in
            await #expect(throws: CancellationError.self) {
                try await night.runStopped { if case .comparing = $0 { true } else { false } }
            }
            var other = night.definition()
            other.hash = "4567"
            _ = try await night.run(definition: other)
            let rows = try await night.query(
                "SELECT state, attempt, ended_at IS NOT NULL AS ended FROM trueup.run ORDER BY id")
            #expect(try rows.map { try $0["state"] as String } == ["failed", "drift"])
            #expect(try rows.allSatisfy { try $0["attempt"] as Int32 == 1 && $0["ended"] as Bool })
            PlantedTests.check(try await night.run(), try night.history, repaired: false)
        }
    }

    @Test("a draft that was deleted before the stop cancels its order after it", arguments: Seeds.range(4_000, 2))
    func draftInBetween(seed: UInt64) async throws {
        var setup = try NightSetup.credits(
            seed: seed, orders: 600, plants: [.draftStaleOpen: 6, .draftStaleCancelled: 3])
        setup.latencyMilliseconds = 2
        try await Night.with(setup) { night in
            let history = try night.history
            for after in 1...3 {
                let repaired = Atomic<Int>(0)
                _ = try? await night.runStopped { progress in
                    if case .repaired = progress {
                        repaired.add(1, ordering: .relaxed).newValue == after
                    } else {
                        false
                    }
                }
            }
            let result = try await night.run()
            #expect(result.outcome.problems.isEmpty)
            #expect(result.outcome.state == .repaired || result.outcome.state == .clean)
            for order in history.orders where order.plant == .draftStaleOpen || order.plant == .draftStaleCancelled {
                let id = try #require(order.invoice).id
                #expect(night.world.invoice(id) == nil)
            }
            #expect(
                try await night.number(
                    "SELECT count(*) FROM task_credit_stripe_invoice WHERE NOT paid AND cancelled_at IS NULL")
                    == history.localRows.count { !$0.paid && $0.cancelledSeconds == nil } - 6)
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state <> 'closed'") == 0)
            // Of every order one cancellation in the audit.
            #expect(try await night.number("SELECT count(*) FROM trueup.repair WHERE effect = 'cancel'") == 6)
            #expect(
                try await night.number("SELECT count(DISTINCT local_id) FROM trueup.repair WHERE effect = 'cancel'")
                    == 6)
        }
    }

    @Test(
        "the database's connections die at random moments: the next run ends as an uninterrupted one",
        arguments: Seeds.range(3_000, 2))
    func killed(seed: UInt64) async throws {
        let setup = try Self.setup(seed: seed)
        let (outcome, steps) = try await Self.uninterrupted(setup)
        var seeded = Seeded(seed)
        for round in 0..<5 {
            let kill = Int.random(in: 0..<steps, using: &seeded)
            let delay = Int.random(in: 0...4, using: &seeded)
            try await Night.with(setup) { night in
                let step = Atomic<Int>(0)
                do {
                    _ = try await night.run { _ in
                        guard step.add(1, ordering: .relaxed).oldValue == kill else { return }
                        Task {
                            try await Task.sleep(for: .milliseconds(delay))
                            try await Self.killOthers(night)
                        }
                    }
                } catch let error as PostgresError {
                    #expect(error.isConnectionLost || error.isCommitOutcomeUnknown, "\(error)")
                    let run = try await night.lastRun()
                    #expect(["running", "drift"].contains(run.state), "\(run)")
                }
                _ = try await night.run()
                let words = "seed \(seed), round \(round), killed \(delay) ms after step \(kill)"
                try await Self.expectSame(night, outcome, words)
            }
        }
    }

    /// Ends every session of the database but the test's own.
    private static func killOthers(_ night: Night) async throws {
        _ = try await night.query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name NOT IN ('night') AND pid <> pg_backend_pid()
            """)
    }

    /// Without `runs_seen`.
    private static func withoutCounts(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            guard line.hasPrefix("[\"credit-invoices\"") else { return String(line) }
            return String(line).replacing(#/, [0-9]+, ([0-9]+), \{/#) { ", n, \($0.output.1), {" }
        }
        return lines.joined(separator: "\n")
    }
}
