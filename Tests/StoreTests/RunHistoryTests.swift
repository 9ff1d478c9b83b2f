import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("What runs have read and found")
struct RunHistoryTests {
    private static let invoices = RunList(account: "task_health", object: .invoice)
    private static let events = RunList(account: "task_health", object: .event)

    /// Up to so many seconds.
    private static func until(_ seconds: Int64) -> Window { Window(fromSeconds: 0, toSeconds: seconds) }

    /// A run of a job that has ended.
    private static func add(
        _ pool: Pool, job: String = "orders", _ lists: [RunList: Window], _ state: RunState,
        trigger: RunTrigger = .manual, isPlan: Bool = false
    ) async throws {
        let runs = Runs(pool: pool)
        let run = try await runs.begin(
            job: job, definitionHash: "x", isPlan: isPlan,
            period: until(lists.values.map(\.toSeconds).max() ?? 0), lists: lists,
            origin: RunOrigin(
                trigger: trigger, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
        try await runs.end(RunFence(run), RunOutcome(state: state))
    }

    @Test("how far a list was read is not how far another one of the job was")
    func readUpTo() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let runs = Runs(pool: world.pool)
            let pool = world.pool
            #expect(try await runs.readUpTo(job: "orders", Self.events) == nil)
            try await Self.add(pool, [Self.invoices: Self.until(1_000), Self.events: Self.until(1_000)], .clean)
            // Each without the other list.
            try await Self.add(pool, [Self.invoices: Self.until(2_000)], .drift)
            try await Self.add(pool, [Self.events: Self.until(900)], .repaired)
            // What leaves nothing behind, did not come to its end, has a period of its own, or is another job's.
            try await Self.add(pool, [Self.events: Self.until(3_000)], .clean, isPlan: true)
            try await Self.add(pool, [Self.events: Self.until(4_000)], .incomplete)
            try await Self.add(pool, [Self.events: Self.until(5_000)], .clean, trigger: .backfill)
            try await Self.add(pool, job: "others", [Self.events: Self.until(6_000)], .clean)
            #expect(try await runs.readUpTo(job: "orders", Self.events) == 1_000)
            #expect(try await runs.readUpTo(job: "orders", Self.invoices) == 2_000)
            #expect(try await runs.readUpTo(job: "orders") == 2_000)
            for list in [
                RunList(account: "medflyt", object: .event), RunList(account: "task_health", object: .paymentIntent),
            ] {
                #expect(try await runs.readUpTo(job: "orders", list) == nil, "\(list)")
            }
        }
    }

    @Test("a run that did not come to its end shows what it found and repaired until then")
    func countsSoFar() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let findings = Findings(pool: world.pool)
            let runs = Runs(pool: world.pool)
            let fence = RunFence(world.run)
            #expect(try await runs.counts(of: world.run.id).isEmpty)
            let found = [
                FindingSample.found("in_1"), FindingSample.found("in_2"), FindingSample.found("in_3"),
                FindingSample.found("in_4", kind: .overdue, action: .inform),
            ]
            let ids = try await findings.record(found, for: fence).map(\.id)
            #expect(try await findings.accept(ids[1], by: "finance", note: "known"))
            let repair = FindingSample.repair(of: found[0], ids[0], world.run)
            let isWanted = try await world.pool.transaction(fence) { try await repair.insert(on: $0) }
            #expect(isWanted)
            let counts = try await runs.counts(of: world.run.id)
            #expect(
                counts == [
                    .missedPaid: KindCount(found: 3, repaired: 1, open: 1, accepted: 1),
                    .overdue: KindCount(found: 1, information: 1),
                ])
            // What a run says at its end counts from then on.
            let last: [FindingKind: KindCount] = [.missedPaid: KindCount(found: 7, open: 7)]
            try await runs.end(fence, RunOutcome(state: .drift, counts: last))
            #expect(try await runs.counts(of: world.run.id) == last)
        }
    }

    @Test("what only informs is no open difference: in counts, in lists, and in what is open of a job")
    func information() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let findings = Findings(pool: world.pool)
            let found = [
                FindingSample.found("in_1"), FindingSample.found("in_2", kind: .amountMismatch, action: .review),
                FindingSample.found("in_3", kind: .overdue, action: .inform),
            ]
            let ids = try await findings.record(found, for: RunFence(world.run)).map(\.id)
            #expect(try await findings.list(state: .open).map(\.id) == [ids[0], ids[1]])
            #expect(try await findings.list(state: .information).map(\.id) == [ids[2]])
            #expect(try await findings.list().map(\.state) == [.open, .open, .information])
            let counts = try await findings.counts(of: world.run)
            #expect(counts[.overdue] == KindCount(found: 1, information: 1))
            #expect(counts.values.map(\.open).reduce(0, +) == 2)
            #expect(try await findings.open() == ["tests": OpenFindings(open: 2, information: 1)])
            let kinds = try await world.pool.withConnection { try await OpenKind.read(on: $0) }
            #expect(kinds.map(\.kind).sorted() == ["amount_mismatch", "missed_paid"])
            let figures = try await Figures.read(pool: world.pool)
            let states = figures.findings.map { $0.labels.map(\.value).dropFirst().joined(separator: " ") }
            #expect(states == ["amount_mismatch open", "missed_paid open", "overdue information"])
            #expect(figures.open.map(\.value) == [1, 1] && figures.oldest.count == 2)
        }
    }
}
