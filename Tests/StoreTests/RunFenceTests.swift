import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A run that another process took over, as the process sees it that was thought dead: each of its writes, one by one.
@Suite("What a stale attempt at a run writes")
struct RunFenceTests {
    private static let origin = RunOrigin(
        trigger: .manual, requestedBy: "tests", host: "here", processID: 2, programVersion: "0")
    private static let list = RunList(account: "task_health", object: .invoice)

    private static func rows(_ ids: [String], createdSeconds: Int64 = StagedWorld.now - 100) -> BinaryRows {
        var rows = BinaryRows()
        for id in ids {
            StagedInvoices.append(
                InvoiceFacts(id: id, status: .open, createdSeconds: createdSeconds, currency: "usd", total: 1),
                account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
        }
        return rows
    }

    private static let found = FoundDifference(
        identity: FindingIdentity(
            job: "tests", kind: .missedPaid, account: "task_health", stripeID: "in_1", localID: "1"),
        comparison: .orders, action: .review, explanation: "-", stripeStatus: "paid", localState: "open",
        stripeAmount: 1, localAmount: 1, currency: "usd", credits: 1, agencyID: 1, facts: JSONText("{}"))

    /// One page of the run's only window.
    private static func commit(_ windows: Windows, _ window: StoredWindow, _ id: String, on connection: Connection)
        async throws -> Bool
    {
        try await windows.commit(
            rows([id]),
            Windows.Progress(cursorID: id, cursorSeconds: StagedWorld.now - 100, isDone: false, objects: 1),
            to: window, on: connection)
    }

    @Test("the pages that a killed process wrote count as its requests, once")
    func requestsOfTheKilled() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let runs = Runs(pool: world.pool)
            try await world.pool.withConnection {
                _ = try await $0.execute("UPDATE trueup.window SET pages = 7, objects = 520")
            }
            for attempt in [2, 3] {
                // It sent something that it could not say, and then it was killed as well.
                let taken = try await runs.takeUnfinished(
                    job: "tests", definitionHash: "x", isPlan: false, origin: Self.origin
                ).taken
                #expect(taken?.attempt == attempt && taken?.requests == 7 && taken?.requestsLeast == 6)
            }
            let run = try #require(
                try await runs.takeUnfinished(
                    job: "tests", definitionHash: "x", isPlan: false, origin: Self.origin
                ).taken)
            let whole = try await runs.end(
                RunFence(run), RunOutcome(state: .clean, requests: 13, requestsLeast: 13))
            #expect(whole.requests == 20)
        }
    }

    /// How a process loses a run.
    enum Loss: CaseIterable, Sendable {
        /// Another one resumes it.
        case takenOver
        /// Its row says another attempt, and nothing else has changed.
        case raised
        /// It was closed, because a later run replaced it.
        case closed
    }

    private static func lose(_ run: Run, _ loss: Loss, _ pool: Pool) async throws {
        let runs = Runs(pool: pool)
        switch loss {
        case .takenOver:
            let taken = try await runs.takeUnfinished(
                job: "tests", definitionHash: "x", isPlan: false, origin: origin
            ).taken
            #expect(taken?.id == run.id && taken?.attempt == run.attempt + 1)
        case .raised:
            try await pool.withConnection {
                _ = try await $0.execute("UPDATE trueup.run SET attempt = attempt + 1 WHERE id = $1", run.id)
            }
        case .closed:
            let taken = try await runs.takeUnfinished(
                job: "tests", definitionHash: "other", isPlan: false, origin: origin)
            #expect(taken.taken == nil && taken.replaced.map(\.id) == [run.id])
        }
    }

    /// Everything that a run writes, as text.
    private static func everything(_ run: Run, _ pool: Pool) async throws -> String {
        try await pool.withConnection { connection in
            var text = ""
            for table in ["run", "window", "finding", "repair", "stripe_write"] {
                let rows = try await connection.query(
                    "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') AS text FROM trueup.\(table) t")
                text += try rows[0]["text"] as String + "\n"
            }
            let staged = try await connection.query(
                "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') AS text FROM trueup.staged_invoice_\(run.id)")
            return text + (try staged[0]["text"] as String)
        }
    }

    @Test("page, cut, rewind, fresh read, findings, repair, note and end are refused", arguments: Loss.allCases)
    func refused(_ loss: Loss) async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let (pool, run) = (world.pool, world.run)
            let windows = Windows(RunFence(run), reader: "stale", leaseSeconds: 60)
            let fence = windows.fence
            let taken = try await pool.withConnection { try await windows.take(Self.list, on: $0) }
            var window = try #require(taken)
            let first = window
            let isStaged = try await pool.withConnection { try await Self.commit(windows, first, "in_1", on: $0) }
            #expect(isStaged)
            window.cursorID = "in_1"
            window.cursorSeconds = StagedWorld.now - 100
            try await Self.lose(run, loss, pool)
            let before = try await Self.everything(run, pool)
            let stale = window
            let lost = RunLost.self

            let isCommitted = try await pool.withConnection { try await Self.commit(windows, stale, "in_2", on: $0) }
            #expect(!isCommitted)
            await #expect(throws: lost) { try await pool.withConnection { try await windows.look(at: stale, on: $0) } }
            await #expect(throws: lost) {
                try await pool.withConnection { try await windows.cut(stale, at: StagedWorld.now - 1_000, on: $0) }
            }
            await #expect(throws: lost) { try await pool.withConnection { try await windows.rewind(stale, on: $0) } }
            let next = try await pool.withConnection { try await windows.take(Self.list, on: $0) }
            #expect(next == nil)
            await #expect(throws: lost) {
                try await pool.withConnection {
                    try await StagingTable(.invoice, runID: run.id).replace(
                        ["in_1"], account: "task_health", with: Self.rows(["in_3"]), for: fence, on: $0)
                }
            }
            await #expect(throws: lost) {
                try await pool.withConnection {
                    try await StagedReversals(runID: run.id).replace([], account: "task_health", for: fence, on: $0)
                }
            }
            let findings = Findings(pool: pool)
            await #expect(throws: lost) { try await findings.record([Self.found], for: fence) }
            await #expect(throws: lost) {
                try await findings.closeGone(
                    fence, account: "task_health", comparison: .orders, stateSQL: "'paid'", seen: [],
                    carriedMax: 20_000)
            }
            // Repairs and notes of changes at Stripe are transactions behind the fence.
            await #expect(throws: lost) {
                try await pool.transaction(fence) { _ in Issue.record("the transaction began") }
            }
            await #expect(throws: lost) {
                try await Runs(pool: pool).end(fence, RunOutcome(state: .clean, stripeObjects: 1))
            }
            #expect(try await Self.everything(run, pool) == before)
        }
    }

    @Test("what the run's owner does under way is not refused, and its end is once")
    func allowed() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let (pool, run) = (world.pool, world.run)
            let fence = RunFence(run)
            #expect(try await Findings(pool: pool).record([Self.found], for: fence).count == 1)
            try await Runs(pool: pool).end(fence, RunOutcome(state: .drift))
            await #expect(throws: RunLost.self) { try await Runs(pool: pool).end(fence, RunOutcome(state: .clean)) }
            #expect(try await Runs(pool: pool).run(id: run.id)?.state == .drift)
        }
    }

    @Test("a transaction that is open keeps the run from being taken over until it ends")
    func held() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let (pool, run) = (world.pool, world.run)
            let order = Order()
            let taking = try await pool.transaction(RunFence(run)) { connection in
                let taking = Task {
                    try await Self.lose(run, .takenOver, pool)
                    await order.note("taken over")
                }
                // Until the other one waits for this transaction.
                for _ in 0..<2_000 {
                    let waits: Bool = try await connection.query(
                        """
                        SELECT EXISTS (SELECT FROM pg_stat_activity
                            WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))) AS waits
                        """)[0]["waits"]
                    if waits { break }
                    try await Task.sleep(for: .milliseconds(5))
                }
                await order.note("written")
                return taking
            }
            try await taking.value
            #expect(await order.all == ["written", "taken over"])
        }
    }

    private actor Order {
        private(set) var all: [String] = []
        func note(_ word: String) { all.append(word) }
    }
}
