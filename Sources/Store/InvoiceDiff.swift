import PostgreSQL
import Reconciliation

/// The set-based comparison (DESIGN section 2, step 5): PostgreSQL joins staged invoices and local rows in one
/// REPEATABLE READ, READ ONLY snapshot and returns only the pairs that may differ; ``InvoiceRules`` judges them.
///
/// The conditions here must never call a pair equal that the rules call a difference; the tests hold the two against
/// each other.
public struct InvoiceDiff: Diff {
    let staged: StagingTable
    let reversals: StagedReversals
    let table: OrderTable
    let account: String
    let period: Window
    let rules: InvoiceRules
    /// A row this young may still get its Stripe id.
    let settleSeconds: Int64
    /// Open rows are compared whatever their age; else only those of the period.
    let ofAnyAge: Bool

    public init(
        staged: StagingTable, reversals: StagedReversals, table: OrderTable, account: String, period: Window,
        rules: InvoiceRules,
        settleSeconds: Int64, ofAnyAge: Bool = true
    ) {
        self.staged = staged
        self.reversals = reversals
        self.table = table
        self.account = account
        self.period = period
        self.rules = rules
        self.settleSeconds = settleSeconds
        self.ofAnyAge = ofAnyAge
    }

    /// Those of these invoices that are not staged: they have to be read by id.
    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }

    /// Walks all pairs that may differ, in one snapshot.
    /// - Parameters:
    ///   - alsoRead: invoices of findings that are still open, to be looked at whatever their age.
    ///   - alsoRows: local rows of such findings.
    ///   - isLast: whether what agrees is counted as well.
    ///   - visit: called with batches of at most 1,000 pairs.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await snapshot(on: connection) { connection in
            let lookalikes = Lookalikes()
            _ = try await connection.forEachBatch(
                of: Self.batch, localOnlySQL,
                parameters: [period.fromSeconds, period.toSeconds, settleSeconds, alsoRead, alsoRows]
            ) { rows in
                let pairs = try rows.map(localOnlyPair)
                await lookalikes.add(pairs)
                try await visit(pairs)
            }
            let found = await lookalikes.rows
            _ = try await connection.forEachBatch(
                of: Self.batch, matchedSQL,
                parameters: [rules.nowSeconds, rules.staleAfterSeconds, rules.creditPrice, Array(found.keys)]
            ) { rows in
                try await visit(try rows.map { try matchedPair($0, lookalikes: found) })
            }
            _ = try await connection.forEachBatch(
                of: Self.batch, stripeOnlySQL, parameters: [await lookalikes.nearlyNamed]
            ) { rows in
                try await visit(try rows.map(stripeOnlyPair))
            }
            let counts = try await connection.query(countSQL, period.fromSeconds, period.toSeconds)[0]
            var count = LocalCount(rows: try counts["local"], staged: try counts["staged"])
            if await isLast() {
                count.agreed = try tallies(
                    try await connection.query(
                        agreedSQL, rules.nowSeconds, rules.staleAfterSeconds, rules.creditPrice, Array(found.keys),
                        await lookalikes.nearlyNamed))
            }
            return count
        }
    }
}
