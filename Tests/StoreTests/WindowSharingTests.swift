import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Windows of one run that several processes read")
struct WindowSharingTests {
    private static let list = RunList(account: "task_health", object: .invoice)

    private static func page(
        _ windows: Windows, _ window: StoredWindow, _ id: String, isDone: Bool = false, on connection: Connection
    ) async throws -> Bool {
        var rows = BinaryRows()
        StagedInvoices.append(
            InvoiceFacts(
                id: id, status: .open, createdSeconds: window.window.toSeconds - 1, currency: "usd", total: 1),
            account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
        return try await windows.commit(
            rows,
            Windows.Progress(
                cursorID: id, cursorSeconds: window.window.toSeconds - 1, isDone: isDone, objects: 1),
            to: window, on: connection)
    }

    /// Cuts the run's only window into so many, and gives them back.
    private static func cut(_ count: Int, _ windows: Windows, on connection: Connection) async throws {
        var window = try #require(try await windows.take(list, on: connection))
        for _ in 1..<count {
            let middle = (window.window.fromSeconds + window.window.toSeconds) / 2
            window = try #require(try await windows.cut(window, at: middle, on: connection))
        }
        try await windows.release(on: connection)
    }

    @Test("each window is taken by one, however many ask at once, and all together tile the period")
    func once() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let fence = RunFence(world.run)
            try await world.pool.withConnection {
                try await Self.cut(12, Windows(fence, reader: "first", leaseSeconds: 60), on: $0)
            }
            let taken = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for number in 0..<3 {
                    group.addTask {
                        let windows = Windows(fence, reader: "r\(number)", leaseSeconds: 60)
                        var own: [Int64] = []
                        while let window = try await world.pool.withConnection({
                            try await windows.take(Self.list, on: $0)
                        }) {
                            own.append(window.id)
                            let id = "in_\(window.id)"
                            let isCommitted = try await world.pool.withConnection {
                                try await Self.page(windows, window, id, isDone: true, on: $0)
                            }
                            #expect(isCommitted)
                        }
                        return own
                    }
                }
                var all: [Int64] = []
                for try await own in group { all += own }
                return all
            }
            #expect(taken.count == 12 && Set(taken).count == 12)
            let all = try await world.pool.withConnection {
                try await Windows(fence, reader: "", leaseSeconds: 1).all(on: $0)
            }
            #expect(Windows.gaps(in: all, list: Self.list, period: StagedWorld.period).isEmpty)
        }
    }

    @Test(
        "a process that helped and then took the run over keeps what it has, whatever its help gives back"
    )
    func helpedBefore() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let help = Windows(RunFence(world.run), reader: "process", leaseSeconds: 60)
            let pool = world.pool
            _ = try #require(try await pool.withConnection { try await help.take(Self.list, on: $0) })
            let resumed = try await Runs(pool: pool).takeUnfinished(
                job: world.run.job, definitionHash: world.run.definitionHash, isPlan: world.run.isPlan,
                origin: RunOrigin(
                    trigger: try #require(RunTrigger(rawValue: world.run.trigger)), requestedBy: "tests", host: "here",
                    processID: 2, programVersion: "0")
            ).taken
            let run = try #require(resumed)
            let own = Windows(RunFence(run), reader: "process", leaseSeconds: 60)
            let window = try #require(try await pool.withConnection { try await own.take(Self.list, on: $0) })
            try await pool.withConnection {
                try await help.extend(on: $0)
                try await help.release(on: $0)
            }
            let other = Windows(RunFence(run), reader: "other", leaseSeconds: 60)
            let stolen = try await pool.withConnection { try await other.take(Self.list, on: $0) }
            #expect(stolen == nil)
            let isCommitted = try await pool.withConnection { try await Self.page(own, window, "in_1", on: $0) }
            #expect(isCommitted)
            // A page that was on its way when its windows were given back is committed all the same.
            try await pool.withConnection { try await own.release(on: $0) }
            let isLate = try await pool.withConnection {
                try await Self.page(own, window, "in_2", isDone: true, on: $0)
            }
            #expect(isLate)
        }
    }

    @Test("a window whose reader is not heard of is taken over, and its late page is refused")
    func takenOver() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let fence = RunFence(world.run)
            let frozen = Windows(fence, reader: "frozen", leaseSeconds: 0.3)
            let other = Windows(fence, reader: "other", leaseSeconds: 60)
            let pool = world.pool
            let first = try await pool.withConnection { try await frozen.take(Self.list, on: $0) }
            let window = try #require(first)
            let early = try await pool.withConnection { try await other.take(Self.list, on: $0) }
            #expect(early == nil)
            var taken: StoredWindow?
            let end = ContinuousClock.now + .seconds(20)
            while taken == nil, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
                taken = try await pool.withConnection { try await other.take(Self.list, on: $0) }
            }
            let now = try #require(taken)
            #expect(now.id == window.id && now.attempt == window.attempt + 1)
            let isLate = try await pool.withConnection { try await Self.page(frozen, window, "in_1", on: $0) }
            #expect(!isLate)
            let seen = try await pool.withConnection { try await frozen.look(at: window, on: $0) }
            #expect(seen == nil)
            let forgotten = try await pool.withConnection { connection in
                var position = window
                position.cursorSeconds = window.window.toSeconds - 1
                return try await frozen.rewind(position, on: connection)
            }
            #expect(forgotten == nil)
            // What it says of its windows and gives back is about its own.
            try await pool.withConnection {
                try await frozen.extend(on: $0)
                try await frozen.release(on: $0)
            }
            let isCommitted = try await pool.withConnection { try await Self.page(other, now, "in_1", on: $0) }
            #expect(isCommitted)
        }
    }

    @Test("a session that is frozen in the middle of a page is ended, and its window taken over")
    func frozenInTransaction() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let fence = RunFence(world.run)
            let frozen = Windows(fence, reader: "frozen", leaseSeconds: 0.2)
            let other = Windows(fence, reader: "other", leaseSeconds: 60)
            let first = try await world.pool.withConnection { try await frozen.take(Self.list, on: $0) }
            let window = try #require(first)
            // No time limit of the server ends it, as none ends a COPY that waits for its client.
            let session = try await Connection.open(world.pool.target, applicationName: "frozen")
            try await session.run(
                script: "BEGIN; UPDATE trueup.window SET pages = pages + 1 WHERE id = \(window.id)")
            var ended = 0
            let end = ContinuousClock.now + .seconds(40)
            while ended == 0, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(100))
                let taken = try await world.pool.withConnection { try await other.take(Self.list, on: $0) }
                #expect(taken == nil)
                ended = try await world.pool.withConnection { try await other.endFrozen(on: $0) }
            }
            #expect(ended == 1)
            var taken: StoredWindow?
            while taken == nil, ContinuousClock.now < end {
                taken = try await world.pool.withConnection { try await other.take(Self.list, on: $0) }
            }
            #expect(taken?.id == window.id)
            await session.close()
        }
    }

    @Test("others are asked to help while the owner lives, and only where something is worth it")
    func shared() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let fence = RunFence(world.run)
            let runs = Runs(pool: world.pool)
            let request = ListRequest(filters: [("status", "draft"), ("types[]", "a")], apiVersion: "2023-10-16")
            #expect(try await runs.sharedLists(for: "helper").isEmpty)
            try await runs.share(fence, owner: "owner", leaseSeconds: 60, requests: [Self.list: request])
            let lists = try await runs.sharedLists(for: "helper")
            #expect(lists.map(\.list) == [Self.list])
            #expect(lists.first?.request == request && lists.first?.fence == fence)
            #expect(try await runs.sharedLists(for: "owner").isEmpty)
            let windows = Windows(fence, reader: "owner", leaseSeconds: 60)
            let taken = try await world.pool.withConnection { try await windows.take(Self.list, on: $0) }
            // Nobody knows yet how much there is.
            #expect(try await runs.sharedLists(for: "helper").isEmpty)
            let window = try #require(taken)
            let isCommitted = try await world.pool.withConnection {
                try await Self.page(windows, window, "in_1", on: $0)
            }
            #expect(isCommitted)
            #expect(try await runs.sharedLists(for: "helper").count == 1)
            try await runs.share(fence, owner: "owner", leaseSeconds: -1, requests: [:])
            #expect(try await runs.sharedLists(for: "helper").isEmpty)
        }
    }
}
