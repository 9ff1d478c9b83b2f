import PostgreSQL
import Reconciliation

/// What a run read at Stripe, counted and summed before its staging table goes: Stripe's side of the control totals.
public struct RunControl: Sendable, Hashable {
    public let runID: Int64
    public let account: String
    public let object: ListedObject
    /// Lower-case ISO 4217.
    public let currency: String
    public let readCount: Int64
    /// Minor units.
    public let readAmount: Int64
    /// Of these, what stood in a finding that was not closed when the run ended.
    public let openCount: Int64
    public let openAmount: Int64
    /// The classes in which the comparison counted them; `nil` where none did.
    public let classes: ComparedClasses?

    init(_ row: Row) throws {
        runID = try row["run_id"]
        account = try row["account"]
        object = ListedObject(rawValue: try row["object"]) ?? .invoice
        currency = try row["currency"]
        readCount = try row["read_count"]
        readAmount = try row["read_amount"]
        openCount = try row["open_count"]
        openAmount = try row["open_amount"]
        guard let agreed = try row["agreed_count"] as Int64? else {
            classes = nil
            return
        }
        var counted = ComparedClasses()
        counted.agreed = Tally(count: agreed, amount: try row["agreed_amount"])
        counted.differing = Tally(count: try row["differing_count"], amount: try row["differing_amount"])
        counted.ignored = Tally(count: try row["ignored_count"], amount: try row["ignored_amount"])
        classes = counted
    }

    /// The controls of some runs.
    public static func of(runs: [Int64], on connection: Connection) async throws -> [RunControl] {
        try await connection.query(
            """
            SELECT run_id, account, object, currency, read_count, read_amount::bigint AS read_amount, open_count,
                open_amount::bigint AS open_amount, agreed_count, agreed_amount::bigint AS agreed_amount,
                differing_count, differing_amount::bigint AS differing_amount, ignored_count,
                ignored_amount::bigint AS ignored_amount
            FROM trueup.run_control WHERE run_id = ANY($1) ORDER BY run_id, account, object, currency
            """, runs
        ).map(RunControl.init)
    }

    /// Writes the controls of one staging table. It belongs into the transaction that ends the run and drops the table.
    /// - Parameter totals: of this table.
    static func record(
        _ totals: StagedTotals, _ compared: [ComparedList], on connection: Connection
    ) async throws {
        let staged = totals.staged
        for row in totals.rows where row.read > 0 {
            try await connection.execute(
                """
                INSERT INTO trueup.run_control (run_id, account, object, currency, read_count, read_amount, open_count,
                    open_amount)
                VALUES ($1, $2, $3, $4, $5, $6::text::numeric, 0, 0)
                ON CONFLICT (run_id, account, object, currency) DO NOTHING
                """, staged.runID, row.account, staged.object.rawValue, row.currency, row.read, row.amount)
        }
        try await recordOpen(staged, on: connection)
        for list in compared { try await record(list, of: staged, on: connection) }
    }

    /// Writes what stands in findings that are not closed.
    private static func recordOpen(_ staged: StagingTable, on connection: Connection) async throws {
        let open = "FROM trueup.finding WHERE last_run_id = $1 AND state <> 'closed' AND stripe_id <> ''"
        let any = try await connection.query("SELECT 1 AS one \(open) LIMIT 1", staged.runID)
        guard !any.isEmpty else { return }
        try await connection.execute(
            """
            UPDATE trueup.run_control c SET open_count = o.n, open_amount = o.amount
            FROM (SELECT s.account, lower(s.currency) AS currency, count(*) AS n,
                    coalesce(sum(\(StagedTotals.amount(of: staged.object))), 0) AS amount
                FROM \(staged.name) s JOIN (SELECT DISTINCT account, stripe_id \(open)) f
                    ON f.account = s.account AND f.stripe_id = s.id
                WHERE s.status <> '\(StagingTable.absent)'
                GROUP BY 1, 2) o
            WHERE c.run_id = $1 AND c.object = $2 AND c.account = o.account AND c.currency = o.currency
            """, staged.runID, staged.object.rawValue)
    }

    /// Writes the classes of one list. An object whose currency was not read counts as 0 read: its control fails.
    private static func record(
        _ list: ComparedList, of staged: StagingTable, on connection: Connection
    ) async throws {
        let read = try await connection.query(
            "SELECT currency FROM trueup.run_control WHERE run_id = $1 AND account = $2 AND object = $3",
            staged.runID, list.account, staged.object.rawValue
        ).map { try $0["currency"] as String }
        for currency in Set(read).union(list.classes.keys).sorted() {
            let classes = list.classes[currency] ?? ComparedClasses()
            try await connection.execute(
                """
                INSERT INTO trueup.run_control AS c (run_id, account, object, currency, read_count, read_amount,
                    open_count, open_amount, agreed_count, agreed_amount, differing_count, differing_amount,
                    ignored_count, ignored_amount)
                VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5, $6::bigint, $7, $8::bigint, $9, $10::bigint)
                ON CONFLICT (run_id, account, object, currency) DO UPDATE SET agreed_count = excluded.agreed_count,
                    agreed_amount = excluded.agreed_amount, differing_count = excluded.differing_count,
                    differing_amount = excluded.differing_amount, ignored_count = excluded.ignored_count,
                    ignored_amount = excluded.ignored_amount
                """, staged.runID, list.account, staged.object.rawValue, currency, classes.agreed.count,
                classes.agreed.amount, classes.differing.count, classes.differing.amount, classes.ignored.count,
                classes.ignored.amount)
        }
    }
}
