import PostgreSQL
import Reconciliation
import Store
import Support

/// A database with a run that has staged objects, and what a comparison of it finds.
struct StagedWorld {
    static let now: Int64 = 1_790_000_000
    static let period = Window(fromSeconds: now - 35 * 86_400, toSeconds: now)

    let pool: Pool
    let run: Run

    /// Opens it for `body`, and closes it after.
    static func with(
        _ object: ListedObject, account: String, _ body: (StagedWorld) async throws -> Void
    ) async throws {
        try await LentDatabase.withPool(size: 3) { pool in
            let run = try await Runs(pool: pool).begin(
                job: "tests", definitionHash: "x", isPlan: false, period: period,
                lists: [RunList(account: account, object: object): period],
                origin: RunOrigin(
                    trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
            try await body(StagedWorld(pool: pool, run: run))
        }
    }

    /// Everything that the comparison lets through.
    static func pairs(_ diff: some Diff, on connection: Connection) async throws -> (
        pairs: [DifferingPair], count: LocalCount
    ) {
        let collected = Collected()
        let count = try await diff.run(on: connection, alsoRead: [], alsoRows: []) { await collected.add($0) }
        return (await collected.pairs, count)
    }

    private actor Collected {
        private(set) var pairs: [DifferingPair] = []
        func add(_ more: [DifferingPair]) { pairs += more }
    }
}
