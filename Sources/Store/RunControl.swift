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
    static func record(
        _ staged: StagingTable, _ compared: [ComparedList], on connection: Connection
    ) async throws {
        let exists: Bool = try await connection.query("SELECT to_regclass($1) IS NOT NULL AS yes", staged.name)[0][
            "yes"]
        guard exists else { return }
        // What an invoice asks for; an amount out of range is not there, and its total stands for it.
        let amount = staged.object == .invoice ? "coalesce(s.amount, s.total)" : "s.amount"
        try await connection.execute(
            """
            INSERT INTO trueup.run_control (run_id, account, object, currency, read_count, read_amount, open_count,
                open_amount)
            SELECT $1, account, $2, lower(currency), sum(read), sum(amount), sum(open), sum(open_amount) FROM (
                SELECT s.account, s.currency, count(*) AS read, coalesce(sum(\(amount)), 0) AS amount,
                    count(f.stripe_id) AS open,
                    coalesce(sum(\(amount)) FILTER (WHERE f.stripe_id IS NOT NULL), 0) AS open_amount
                FROM \(staged.name) s LEFT JOIN (SELECT DISTINCT account, stripe_id FROM trueup.finding
                    WHERE last_run_id = $1 AND state <> 'closed' AND stripe_id <> '') f
                    ON f.account = s.account AND f.stripe_id = s.id
                WHERE s.status <> '\(StagingTable.absent)'
                GROUP BY s.account, s.currency) spellings
            GROUP BY account, lower(currency)
            ON CONFLICT (run_id, account, object, currency) DO NOTHING
            """, staged.runID, staged.object.rawValue)
        for list in compared { try await record(list, of: staged, on: connection) }
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
