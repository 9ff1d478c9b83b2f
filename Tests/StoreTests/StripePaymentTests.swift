import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// What runs write of the payments that they read: `trueup.stripe_payment`.
@Suite("Payments that runs read")
struct StripePaymentTests {
    private static let list = RunList(account: "task_health", object: .invoice)

    private static func begin(_ job: String, _ pool: Pool) async throws -> Run {
        try await Runs(pool: pool).begin(
            job: job, definitionHash: "x", isPlan: false, period: StagedWorld.period, lists: [list: StagedWorld.period],
            origin: RunOrigin(
                trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
    }

    /// Stages these invoices as what the run read.
    private static func stage(_ invoices: [InvoiceFacts], _ run: Run, _ pool: Pool) async throws {
        var rows = BinaryRows()
        for invoice in invoices {
            StagedInvoices.append(invoice, account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
        }
        let (staged, fence) = (rows, RunFence(run))
        try await pool.withConnection {
            try await StagingTable(.invoice, runID: run.id).add(staged, for: fence, on: $0)
        }
    }

    /// Stages these invoices, and ends the run.
    private static func end(_ run: Run, _ invoices: [InvoiceFacts], _ pool: Pool) async throws {
        try await stage(invoices, run, pool)
        try await Runs(pool: pool).end(
            RunFence(run),
            RunOutcome(
                state: .clean, compared: [ComparedList(account: "task_health", comparison: .orders, classes: [:])]))
    }

    private static func paid(_ number: Int, total: Int64 = 20_000) -> InvoiceFacts {
        var facts = InvoiceFacts(
            id: "in_\(number)", status: .paid, createdSeconds: StagedWorld.now - 1_000, currency: "usd", total: total)
        facts.paidAtSeconds = StagedWorld.now - 100
        facts.agencyID = String(number % 3)
        return facts
    }

    /// `id amount run`, by id.
    private static func payments(_ pool: Pool) async throws -> [String] {
        try await pool.withConnection {
            try await $0.query(
                """
                SELECT id || ' ' || amount || ' ' || run_id AS text FROM trueup.stripe_payment ORDER BY id COLLATE "C"
                """
            ).map { try $0["text"] }
        }
    }

    @Test("a later run adds what is new, changes what differs, removes what is not paid any more, and leaves the rest")
    func laterRun() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let first = try await Self.begin("first", world.pool)
            try await Self.end(first, (1...5).map { Self.paid($0) }, world.pool)
            #expect(try await Self.payments(world.pool) == (1...5).map { "in_\($0) 20000 \(first.id)" })

            let second = try await Self.begin("second", world.pool)
            var unpaid = Self.paid(4)
            unpaid.status = .open
            try await Self.end(
                second, [Self.paid(2), Self.paid(3, total: 30_000), unpaid, Self.paid(6)], world.pool)
            #expect(
                try await Self.payments(world.pool) == [
                    "in_1 20000 \(first.id)", "in_2 20000 \(first.id)", "in_3 30000 \(second.id)",
                    "in_5 20000 \(first.id)", "in_6 20000 \(second.id)",
                ])
        }
    }

    @Test("what another run has read paid meanwhile stays, though this one read it earlier and ends later")
    func earlierReading() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let long = try await Self.begin("long", world.pool)
            var open = Self.paid(1)
            open.status = .open
            try await Self.stage([open, Self.paid(2)], long, world.pool)
            let short = try await Self.begin("short", world.pool)
            try await Self.end(short, [Self.paid(1), Self.paid(2)], world.pool)
            try await Self.end(long, [Self.paid(3)], world.pool)
            #expect(
                try await Self.payments(world.pool) == [
                    "in_1 20000 \(short.id)", "in_2 20000 \(short.id)", "in_3 20000 \(long.id)",
                ])
            // A run that begins afterwards knows better.
            let next = try await Self.begin("next", world.pool)
            try await Self.end(next, [open], world.pool)
            #expect(try await Self.payments(world.pool).count == 2)
        }
    }

    @Test("the same where more differs than is looked up one by one")
    func manyDifferences() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let first = try await Self.begin("first", world.pool)
            try await Self.end(first, (1...64_000).map { Self.paid($0) }, world.pool)
            let second = try await Self.begin("second", world.pool)
            // Of 96,000 a third is as it was, the next third costs more or is not paid any more, the last third is new.
            var invoices = (1...96_000).map { Self.paid($0, total: $0 <= 32_000 || $0 > 64_000 ? 20_000 : 30_000) }
            for number in 60_001...64_000 { invoices[number - 1].status = .void }
            try await Self.end(second, invoices, world.pool)
            let counts = try await world.pool.withConnection {
                try await $0.query(
                    """
                    SELECT amount || ' ' || run_id || ' ' || count(*) AS text FROM trueup.stripe_payment
                    GROUP BY amount, run_id ORDER BY run_id, amount
                    """
                ).map { try $0["text"] as String }
            }
            #expect(
                counts == [
                    "20000 \(first.id) 32000", "20000 \(second.id) 32000", "30000 \(second.id) 28000",
                ])
        }
    }

    @Test("what a first run writes while it reads is put right at its end")
    func whileReading() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Self.begin("first", world.pool)
            let early = FirstPayments(of: Self.list, run: run)
            let (fence, pool) = (RunFence(run), world.pool)
            func write() async throws {
                _ = try await pool.transaction(fence) { try await early.addStaged(from: 0, on: $0) }
            }
            #expect(try await pool.withConnection { try await early.areFirst(on: $0) })
            var open = Self.paid(9)
            open.status = .open
            // Staged twice: the count of the run's objects finds that, and no key gets into its way.
            try await Self.stage([Self.paid(1), Self.paid(2), Self.paid(2), open], run, pool)
            try await write()
            #expect(try await Self.payments(pool) == ["in_1 20000 \(run.id)", "in_2 20000 \(run.id)"])
            #expect(try await pool.withConnection { try await early.areFirst(on: $0) })

            try await Self.stage([Self.paid(3), Self.paid(4)], run, pool)
            try await write()
            // Read afresh, one says something else, and one is not paid any more.
            var void = Self.paid(4)
            void.status = .void
            var rows = BinaryRows()
            for invoice in [Self.paid(2), Self.paid(3, total: 30_000), void] {
                StagedInvoices.append(invoice, account: "task_health", requestID: "req_2", isFresh: true, to: &rows)
            }
            let fresh = rows
            try await pool.withConnection {
                try await StagingTable(.invoice, runID: run.id).replace(
                    ["in_2", "in_3", "in_4"], account: "task_health", with: fresh, for: fence, on: $0)
            }
            try await Self.end(run, [Self.paid(5)], pool)
            #expect(
                try await Self.payments(pool) == [
                    "in_1 20000 \(run.id)", "in_2 20000 \(run.id)", "in_3 30000 \(run.id)", "in_5 20000 \(run.id)",
                ])
        }
    }

    @Test("each time only what was staged since the last time is looked at, and the end finds the rest")
    func inParts() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Self.begin("first", world.pool)
            let early = FirstPayments(of: Self.list, run: run)
            let (fence, pool) = (RunFence(run), world.pool)
            // A block holds about sixty of them.
            try await Self.stage((1...64_000).map { Self.paid($0) }, run, pool)
            let block = try await pool.transaction(fence) { try await early.addStaged(from: 0, on: $0) }
            #expect(block > 50)
            #expect(try await Self.payments(pool).count == 64_000)
            let none = try await pool.transaction(fence) { try await early.addStaged(from: block, on: $0) }
            #expect(none == block)
            try await Self.stage((64_001...65_000).map { Self.paid($0) }, run, pool)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: block + 1_000, on: $0) }
            #expect(try await Self.payments(pool).count == 64_000)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: block, on: $0) }
            #expect(try await Self.payments(pool).count == 65_000)
            try await Self.end(run, [Self.paid(65_001)], pool)
            #expect(try await Self.payments(pool).count == 65_001)
        }
    }

    @Test("what came into an earlier place of the table is added with the rest, but not where somebody else writes")
    func passedOver() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Self.begin("first", world.pool)
            let early = FirstPayments(of: Self.list, run: run)
            let (fence, pool) = (RunFence(run), world.pool)
            try await Self.stage([Self.paid(1)], run, pool)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: 0, on: $0) }
            // As if these had gone into a block that was looked at before.
            try await Self.stage([Self.paid(2), Self.paid(3)], run, pool)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: 1_000, on: $0) }
            #expect(try await Self.payments(pool).count == 1)
            try await pool.withConnection { other in
                try await other.transaction { other in
                    try await other.execute(
                        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                        "trueup.stripe_payment.task_health.invoice")
                    try await pool.transaction(fence) { try await early.addRest(from: 1_000, on: $0) }
                }
            }
            #expect(try await Self.payments(pool).count == 1)
            try await pool.transaction(fence) { try await early.addRest(from: 1_000, on: $0) }
            #expect(try await Self.payments(pool) == (1...3).map { "in_\($0) 20000 \(run.id)" })
            try await Self.end(run, [], pool)
            #expect(try await Self.payments(pool).count == 3)
        }
    }

    @Test("what is missing or too much after the reading is found by the run's end, however many there are")
    func endCounts() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Self.begin("first", world.pool)
            let early = FirstPayments(of: Self.list, run: run)
            let (fence, pool) = (RunFence(run), world.pool)
            try await Self.stage((1...6).map { Self.paid($0) }, run, pool)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: 0, on: $0) }
            // One is gone at Stripe, one is another's by now, and one more was paid: as many as before.
            var rows = BinaryRows()
            StagedInvoices.appendAbsent("in_1", account: "task_health", requestID: "req_2", to: &rows)
            StagedInvoices.append(
                Self.paid(2, total: 50_000), account: "task_health", requestID: "req_2", isFresh: true, to: &rows)
            StagedInvoices.append(
                Self.paid(7), account: "task_health", requestID: "req_2", isFresh: true, to: &rows)
            let fresh = rows
            try await pool.withConnection {
                try await StagingTable(.invoice, runID: run.id).replace(
                    ["in_1", "in_2", "in_7"], account: "task_health", with: fresh, for: fence, on: $0)
            }
            try await Self.end(run, [], pool)
            #expect(
                try await Self.payments(pool)
                    == ["in_2 50000 \(run.id)"] + (3...7).map { "in_\($0) 20000 \(run.id)" })
            let controls = try await pool.withConnection { try await RunControl.of(runs: [run.id], on: $0) }
            #expect(controls.map(\.readCount) == [6])
            #expect(controls.map(\.readAmount) == [150_000])
        }
    }

    @Test("what a window reads again is forgotten with its payments")
    func rewound() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Self.begin("first", world.pool)
            let early = FirstPayments(of: Self.list, run: run)
            let (fence, pool) = (RunFence(run), world.pool)
            let windows = Windows(fence, reader: "here", leaseSeconds: 60)
            let taken = try await pool.withConnection { try await windows.take(Self.list, on: $0) }
            var window = try #require(taken)
            var older = Self.paid(1)
            older.createdSeconds -= 1
            var rows = BinaryRows()
            for invoice in [Self.paid(3), Self.paid(2), older] {
                StagedInvoices.append(invoice, account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
            }
            let (page, first) = (rows, window)
            let progress = Windows.Progress(
                cursorID: "in_1", cursorSeconds: older.createdSeconds, isDone: false, objects: 3)
            let isCommitted = try await pool.withConnection {
                try await windows.commit(page, progress, to: first, on: $0)
            }
            #expect(isCommitted)
            _ = try await pool.transaction(fence) { try await early.addStaged(from: 0, on: $0) }
            #expect(try await Self.payments(pool).count == 3)

            (window.cursorID, window.cursorSeconds) = ("in_1", older.createdSeconds)
            let position = window
            #expect(try await pool.withConnection { try await windows.rewind(position, on: $0) } == 1)
            #expect(try await Self.payments(pool) == ["in_2 20000 \(run.id)", "in_3 20000 \(run.id)"])
            // Read again it says something else.
            older.total = 70_000
            try await Self.end(run, [older], pool)
            #expect(
                try await Self.payments(pool) == [
                    "in_1 70000 \(run.id)", "in_2 20000 \(run.id)", "in_3 20000 \(run.id)",
                ])
        }
    }

    @Test("a run writes nothing early of a list that another has read, or writes now")
    func notFirst() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let (one, two) = (
                try await Self.begin("one", world.pool), try await Self.begin("two", world.pool)
            )
            let pool = world.pool
            try await Self.stage([Self.paid(1)], one, pool)
            try await Self.stage([Self.paid(1), Self.paid(2)], two, pool)
            let (first, second) = (FirstPayments(of: Self.list, run: one), FirstPayments(of: Self.list, run: two))
            try await pool.transaction(RunFence(one)) { connection in
                _ = try await first.addStaged(from: 0, on: connection)
                _ = try await pool.transaction(RunFence(two)) { try await second.addStaged(from: 0, on: $0) }
            }
            #expect(try await Self.payments(pool) == ["in_1 20000 \(one.id)"])
            #expect(try await pool.withConnection { try await first.areFirst(on: $0) })
            #expect(try await pool.withConnection { try await second.areFirst(on: $0) } == false)
        }
    }

    @Test("runs of two jobs over the same list that end at once write each payment once")
    func atOnce() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            for round in 0..<8 {
                let one = try await Self.begin("one", world.pool)
                let two = try await Self.begin("two", world.pool)
                let invoices = (0..<400).map { Self.paid(round * 400 + $0) }
                async let first: Void = Self.end(one, invoices, world.pool)
                async let second: Void = Self.end(two, invoices.reversed(), world.pool)
                _ = try await (first, second)
            }
            let ids = try await Self.payments(world.pool)
            #expect(ids.count == 3_200)
            #expect(Set(ids.map { $0.prefix(while: { $0 != " " }) }).count == 3_200)
        }
    }
}
