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

    /// White space that an id may have caught.
    static let blanks = #"E' \t\r\n\u00A0'"#
    private static let batch = 1_000

    /// Both sides are read whole, so that only plans which grow no faster than the data do: no scan of one side for
    /// each row of the other, which the planner takes where it expects a single row. Sorting groups costs less than
    /// hashing a million of them, which misses the processor's caches; compiling the queries costs more than it saves.
    static let planning = """
        SET LOCAL enable_nestloop = off; SET LOCAL enable_hashagg = off; SET LOCAL jit = off
        """

    /// Those of these invoices that are not staged: they have to be read by id.
    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }

    /// Walks all pairs that may differ, in one snapshot.
    /// - Parameters:
    ///   - alsoRead: invoices of findings that are still open, to be looked at whatever their age.
    ///   - alsoRows: local rows of such findings.
    ///   - visit: called with batches of at most 1,000 pairs.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64],
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await connection.transaction(.repeatableRead, access: .readOnly) { connection in
            try await connection.run(script: Self.planning)
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
            return LocalCount(rows: try counts["local"], staged: try counts["staged"])
        }
    }
}

/// The second rows of invoices, by invoice. They are few: each one is for a person to look at.
private actor Lookalikes {
    /// Second rows by the invoice that another row names exactly.
    private(set) var rows: [String: [Int64]] = [:]
    /// Every invoice that some row names by a lookalike.
    private(set) var nearlyNamed: [String] = []

    func add(_ pairs: [DifferingPair]) {
        for found in pairs {
            guard case .order(let pair) = found.pair, pair.link == .lookalike else { continue }
            if let invoice = pair.stripe?.id { nearlyNamed.append(invoice) }
            guard let invoice = found.duplicates, let row = pair.order?.rowID else { continue }
            rows[invoice, default: []].append(row)
        }
    }
}
