import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Findings that are carried from run to run")
struct CarriedFindingsTests {
    private static func closeGone(_ run: Run, _ findings: Findings, carriedMax: Int) async throws -> Int {
        try await findings.closeGone(
            RunFence(run), account: "task_health", comparison: .orders, stateSQL: "NULL::text", seen: [],
            carriedMax: carriedMax)
    }

    @Test("what is beyond the limit of what a run carries was not looked at: it stays open, and the next run has it")
    func limit() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let runs = Runs(pool: world.pool)
            let findings = Findings(pool: world.pool)
            // Keys are numbers: 10 comes after 7.
            let found = [
                FindingSample.found("in_1", localID: ""), FindingSample.found("in_2", localID: ""),
                FindingSample.found("", localID: "7"), FindingSample.found("", localID: "10"),
            ]
            let ids = try await findings.record(found, for: RunFence(world.run)).map(\.id)
            try await runs.end(RunFence(world.run), RunOutcome(state: .drift))

            let second = try await FindingSample.begin("tests", world.pool)
            let carried = try await findings.unclosed(
                job: "tests", account: "task_health", comparison: .orders, limit: 1)
            #expect(carried == CarriedObjects(stripeIDs: ["in_1"], localIDs: [7]))
            // What the run itself has closed was carried into it all the same.
            for closed in [2, 0] {
                #expect(try await Self.closeGone(second, findings, carriedMax: 1) == closed)
                #expect(try await findings.list().map(\.id) == [ids[1], ids[3]])
            }
            try await runs.end(RunFence(second), RunOutcome(state: .drift))

            let third = try await FindingSample.begin("tests", world.pool)
            #expect(try await Self.closeGone(third, findings, carriedMax: 1) == 2)
            #expect(try await findings.list().isEmpty)
        }
    }

    @Test("within the limit all is closed that a complete run no longer saw")
    func within() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let findings = Findings(pool: world.pool)
            let found = (1...3).map { FindingSample.found("in_\($0)", localID: "\($0)") }
            _ = try await findings.record(found, for: RunFence(world.run))
            try await Runs(pool: world.pool).end(RunFence(world.run), RunOutcome(state: .drift))
            let second = try await FindingSample.begin("tests", world.pool)
            let seen = try await findings.record([found[1]], for: RunFence(second))
            let closed = try await findings.closeGone(
                RunFence(second), account: "task_health", comparison: .orders, stateSQL: "NULL::text",
                seen: seen.map(\.id), carriedMax: 3)
            #expect(closed == 2)
            #expect(try await findings.list().map(\.id) == seen.map(\.id))
        }
    }
}
