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
            #expect(
                try await Self.payments(world.pool) == ["in_2 20000 \(short.id)", "in_3 20000 \(long.id)"])
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

    /// One page after the other of a list, as its reader commits them.
    private final class Reader {
        let run: Run
        let windows: Windows
        private let pool: Pool
        private(set) var writesPayments: Bool
        private var window: StoredWindow

        /// Of a run that begins.
        convenience init(_ pool: Pool) async throws {
            try await self.init(StripePaymentTests.begin("first", pool), pool)
        }

        /// Takes the list's only window.
        init(_ run: Run, _ pool: Pool) async throws {
            self.run = run
            self.pool = pool
            let fence = RunFence(run)
            let windows = Windows(fence, reader: "here", leaseSeconds: 60)
            self.windows = windows
            let shared = try await Runs(pool: pool).share(
                fence, owner: "here", leaseSeconds: 60,
                requests: [list: ListRequest(apiVersion: "2023-10-16", writesPayments: true)])
            writesPayments = shared[list]?.writesPayments ?? false
            let taken = try await pool.withConnection { try await windows.take(list, on: $0) }
            window = try #require(taken)
        }

        /// - Returns: whether it was written.
        func page(_ invoices: [InvoiceFacts], isDone: Bool = false) async throws -> Bool {
            var rows = BinaryRows()
            var payments = PagePayments(runID: run.id)
            for invoice in invoices {
                StagedInvoices.append(invoice, account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
                if writesPayments { StripePaymentTests.append(invoice, to: &payments) }
            }
            var next = window
            (next.cursorID, next.cursorSeconds) = (invoices.last?.id, invoices.last?.createdSeconds)
            let progress = Windows.Progress(
                cursorID: next.cursorID, cursorSeconds: next.cursorSeconds, isDone: isDone, objects: invoices.count)
            let (page, more, windows, position) = (rows, payments.rows, windows, window)
            let isWritten = try await pool.withConnection {
                try await windows.commit(page, payments: more, progress, to: position, on: $0)
            }
            if isWritten { window = next }
            return isWritten
        }

        /// - Returns: how many staged objects were forgotten.
        func rewind() async throws -> Int? {
            let (windows, position) = (windows, window)
            let forgotten = try await pool.withConnection { try await windows.rewind(position, on: $0) }
            window.cursorID = nil
            return forgotten
        }

        func giveUpPayments() { writesPayments = false }
    }

    private static func append(_ invoice: InvoiceFacts, to payments: inout PagePayments) {
        let texts = [invoice.id, invoice.status.word, invoice.currency, invoice.agencyID ?? "", "task_health"]
        let bytes = texts.flatMap { Array($0.utf8) }
        bytes.withUnsafeBytes { buffer in
            var start = 0
            let parts = texts.map { text in
                defer { start += text.utf8.count }
                return UnsafeRawBufferPointer(rebasing: buffer[start..<start + text.utf8.count])
            }
            payments.append(
                StagedBytes(
                    id: parts[0], status: parts[1], currency: parts[2], customer: nil, orderID: nil,
                    agencyID: invoice.agencyID == nil ? nil : parts[3], createdSeconds: invoice.createdSeconds,
                    total: invoice.total, prePaymentCredit: invoice.prePaymentCredit,
                    postPaymentCredit: invoice.postPaymentCredit, dueSeconds: nil,
                    paidAtSeconds: invoice.paidAtSeconds, voidedAtSeconds: nil, autoAdvance: false,
                    isSubscription: false, finalizedAtSeconds: nil, paymentIntent: nil),
                account: parts[4])
        }
    }

    private static func replace(
        _ ids: [String], _ invoices: [InvoiceFacts], absent: [String] = [], _ run: Run, _ pool: Pool
    ) async throws {
        var rows = BinaryRows()
        for invoice in invoices {
            StagedInvoices.append(invoice, account: "task_health", requestID: "req_2", isFresh: true, to: &rows)
        }
        for id in absent {
            StagedInvoices.appendAbsent(id, account: "task_health", requestID: "req_2", to: &rows)
        }
        let (fresh, fence) = (rows, RunFence(run))
        try await pool.withConnection {
            try await StagingTable(.invoice, runID: run.id).replace(
                ids, account: "task_health", with: fresh, for: fence, on: $0)
        }
    }

    @Test("what the pages of a first run write is put right at its end, where something was read afresh since")
    func pages() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            let reader = try await Reader(pool)
            let run = reader.run
            #expect(reader.writesPayments)
            var open = Self.paid(9)
            open.status = .open
            #expect(try await reader.page([Self.paid(1), Self.paid(2), open]))
            #expect(try await Self.payments(pool) == ["in_1 20000 \(run.id)", "in_2 20000 \(run.id)"])
            #expect(try await reader.page([Self.paid(3), Self.paid(4), Self.paid(5)], isDone: true))
            // One says something else, one is not paid any more, one is gone, and one more was paid.
            var void = Self.paid(4)
            void.status = .void
            try await Self.replace(
                ["in_2", "in_3", "in_4", "in_5", "in_9"],
                [Self.paid(2), Self.paid(3, total: 30_000), void, Self.paid(9)], absent: ["in_5"], run, pool)
            try await Self.end(run, [], pool)
            #expect(
                try await Self.payments(pool) == [
                    "in_1 20000 \(run.id)", "in_2 20000 \(run.id)", "in_3 30000 \(run.id)",
                    "in_9 20000 \(run.id)",
                ])
            let controls = try await pool.withConnection { try await RunControl.of(runs: [run.id], on: $0) }
            #expect(controls.map(\.readCount) == [5])
        }
    }

    @Test("what the pages did not write, the run's end finds")
    func missing() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            let reader = try await Reader(pool)
            let run = reader.run
            #expect(try await reader.page([Self.paid(1), Self.paid(2)]))
            reader.giveUpPayments()
            #expect(try await reader.page([Self.paid(3), Self.paid(4)], isDone: true))
            #expect(try await Self.payments(pool).count == 2)
            try await Self.end(run, [], pool)
            #expect(try await Self.payments(pool) == (1...4).map { "in_\($0) 20000 \(run.id)" })
        }
    }

    @Test("a payment that is written already, and a run that ends, keep a page from being written, and nothing else")
    func inTheWay() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            let reader = try await Reader(pool)
            let run = reader.run
            #expect(try await reader.page([Self.paid(1)]))
            // Who ends holds the lock of the list's payments.
            let other = try await Connection.open(pool.target, applicationName: "other")
            try await other.run(script: "BEGIN")
            _ = try await other.query(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "trueup.stripe_payment.task_health.invoice")
            #expect(try await reader.page([Self.paid(2)]) == false)
            try await other.run(script: "COMMIT")
            await other.close()
            #expect(try await reader.page([Self.paid(2)]))
            let error = await #expect(throws: PostgresError.self) { _ = try await reader.page([Self.paid(1)]) }
            #expect(error?.isKnownPayment == true)
            let staged: Int64 = try await pool.withConnection {
                try await $0.query("SELECT count(*) AS n FROM \(StagingTable(.invoice, runID: run.id).name)")[0]["n"]
            }
            #expect(staged == 2)
            // Listed twice: that is told by the count of the run's objects.
            reader.giveUpPayments()
            #expect(try await reader.page([Self.paid(1)], isDone: true))
        }
    }

    @Test("after a window has read a second again the run's end compares all payments")
    func rewound() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            let reader = try await Reader(pool)
            let run = reader.run
            var older = Self.paid(1)
            older.createdSeconds -= 1
            #expect(try await reader.page([Self.paid(3), Self.paid(2), older]))
            #expect(try await reader.rewind() == 1)
            // It is there already; and read again it says something else.
            older.total = 70_000
            let error = await #expect(throws: PostgresError.self) { _ = try await reader.page([older]) }
            #expect(error?.isKnownPayment == true)
            reader.giveUpPayments()
            // As many payments as paid objects, all the same.
            #expect(try await reader.page([older], isDone: true))
            #expect(try await Self.payments(pool).count == 3)
            try await Self.end(run, [], pool)
            #expect(
                try await Self.payments(pool) == [
                    "in_1 70000 \(run.id)", "in_2 20000 \(run.id)", "in_3 20000 \(run.id)",
                ])
        }
    }

    @Test("a process that is frozen in the middle of a page does not keep another run from ending")
    func frozen() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            let frozen = try await Connection.open(pool.target, applicationName: "frozen")
            try await frozen.run(script: "BEGIN")
            _ = try await frozen.query(
                "SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))",
                "trueup.stripe_payment.task_health.invoice")
            let run = try await Self.begin("first", pool)
            try await Self.end(run, [Self.paid(1)], pool)
            #expect(try await Self.payments(pool) == ["in_1 20000 \(run.id)"])
            await #expect(throws: PostgresError.self) { _ = try await frozen.query("SELECT 1 AS one") }
            await frozen.close()
        }
    }

    @Test("of all runs the pages of one write their payments, and only in the version of its first request")
    func oneWrites() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let pool = world.pool
            // It is the first, and ends without a page.
            let failed = try await Self.begin("failed", pool)
            #expect(try await Reader(failed, pool).writesPayments)
            let two = try await Self.begin("two", pool)
            #expect(try await Reader(two, pool).writesPayments == false)
            try await Runs(pool: pool).end(RunFence(failed), RunOutcome(state: .incomplete))
            let one = try await Self.begin("one", pool)
            let reader = try await Reader(one, pool)
            #expect(reader.writesPayments)
            #expect(try await reader.page([Self.paid(1)]))
            // Asked again by the next attempt.
            func again(_ version: String) async throws -> Bool? {
                try await Runs(pool: pool).share(
                    RunFence(one), owner: "here", leaseSeconds: 60,
                    requests: [Self.list: ListRequest(apiVersion: version, writesPayments: true)])[Self.list]?
                    .writesPayments
            }
            #expect(try await again("2023-10-16") == true)
            #expect(try await again("2026-07-29.dahlia") == false)
            #expect(try await again("2023-10-16") == false)
            // Another one ends meanwhile with what this one has written, and more.
            try await Self.end(two, [Self.paid(1), Self.paid(2), Self.paid(3)], pool)
            try await Self.end(one, [Self.paid(2), Self.paid(4)], pool)
            #expect(
                try await Self.payments(pool) == [
                    "in_1 20000 \(one.id)", "in_2 20000 \(two.id)", "in_3 20000 \(two.id)",
                    "in_4 20000 \(one.id)",
                ])
            let later = try await Self.begin("later", pool)
            #expect(try await Reader(later, pool).writesPayments == false)
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
