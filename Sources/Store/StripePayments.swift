import PostgreSQL
import Reconciliation

/// The rows of `trueup.stripe_payment` and `trueup.stripe_reading`: what complete runs read of paid objects, and over
/// which times they read.
enum StripePayments {
    /// Writes what a run read, inside the transaction that ends it and before its staging tables go.
    /// - Parameter totals: of these tables.
    static func record(
        _ run: Run, _ lists: [ComparedList], _ totals: [StagedTotals], on connection: Connection
    ) async throws {
        // In one order for all, as they lock each other out.
        for list in lists.map(\.list).sorted(by: { "\($0)" < "\($1)" }) {
            try await lock(list, on: connection)
            let counts = totals.first { $0.staged.object == list.object }?.counts(of: list.account)
            try await write(run, list, counts ?? (0, 0), on: connection)
            try await connection.execute(
                """
                INSERT INTO trueup.stripe_reading (run_id, account, object, from_seconds, to_seconds)
                SELECT run_id, account, object, from_seconds, to_seconds FROM trueup.run_list
                WHERE run_id = $1 AND account = $2 AND object = $3 AND to_seconds > from_seconds
                ON CONFLICT DO NOTHING
                """, run.id, list.account, list.object.rawValue)
        }
    }

    /// - Parameter counts: of what is staged of the list.
    private static func write(
        _ run: Run, _ list: RunList, _ counts: (paid: Int64, fresh: Int64), on connection: Connection
    ) async throws {
        if try await areWritten(run, list, counts, on: connection) { return }
        try await settle(read(StagingTable(list.object, runID: run.id)), run, list, on: connection)
    }

    /// SQL: a payment `s` is not written. Parameters: account, object.
    private static let isUnknown = """
        NOT EXISTS (SELECT FROM trueup.stripe_payment p WHERE p.account = $1 AND p.object = $2 AND p.id = s.id)
        """

    /// Adds, changes and removes payments until they are those of what was read.
    /// - Parameter read: SQL as of ``read(_:)``: of all objects, or of some.
    /// - Returns: how many payments there are more than before; `nil` where all that was read was settled, because too
    ///   much differed.
    @discardableResult
    static func settle(
        _ read: String, _ run: Run, _ list: RunList, on connection: Connection
    ) async throws -> Int? {
        let staged = StagingTable(list.object, runID: run.id)
        let isOfMeanwhile = try await isOfMeanwhile(run.id, on: connection)
        let found = try await connection.query(
            """
            SELECT s.id, s.place::text AS place, s.is_paid, p.id IS NOT NULL AS is_known
            FROM (\(read)) s
            LEFT JOIN trueup.stripe_payment p ON p.account = $1 AND p.object = $2 AND p.id = s.id
            WHERE CASE WHEN s.is_paid THEN p.id IS NULL OR \(differs)
                ELSE p.id IS NOT NULL AND NOT \(isOfMeanwhile) END
            LIMIT \(heldMax + 1)
            """, list.account, list.object.rawValue)
        var (gone, changed, new): ([String], [String], [String]) = ([], [], [])
        for row in found {
            switch (try row["is_paid"] as Bool, try row["is_known"] as Bool) {
            case (false, _): gone.append(try row["id"])
            case (true, true): changed.append(try row["place"])
            case (true, false): new.append(try row["place"])
            }
        }
        guard found.count <= heldMax else {
            try await writeMany(run, list, isOfMeanwhile, on: connection)
            return nil
        }
        if !gone.isEmpty {
            try await connection.execute(
                "DELETE FROM trueup.stripe_payment WHERE account = $1 AND object = $2 AND id = ANY($3)", list.account,
                list.object.rawValue, gone)
        }
        if !changed.isEmpty {
            try await change(
                to: "\(paid(staged)) AND s.ctid = ANY($4::text[]::tid[])", at: changed, list, run.id, on: connection)
        }
        if !new.isEmpty {
            try await add("\(paid(staged)) AND s.ctid = ANY($4::text[]::tid[])", at: new, list, run.id, on: connection)
        }
        return new.count - gone.count
    }

    /// So many differences are looked up by their place; where there are more, all is joined for each kind of them.
    private static let heldMax = 50_000

    private static func writeMany(
        _ run: Run, _ list: RunList, _ isOfMeanwhile: String, on connection: Connection
    ) async throws {
        let staged = StagingTable(list.object, runID: run.id)
        try await connection.execute(
            """
            DELETE FROM trueup.stripe_payment p USING \(staged.name) s
            WHERE p.account = $1 AND p.object = $2 AND s.account = $1 AND s.id = p.id
                AND NOT (\(isPaid(list.object))) AND NOT \(isOfMeanwhile)
            """, list.account, list.object.rawValue)
        try await change(to: paid(staged), list, run.id, on: connection)
        try await add("\(paid(staged)) AND \(isUnknown)", list, run.id, on: connection)
    }

    /// SQL: a payment `p` was written by another run while this one was under way, which has read the object unpaid.
    /// Which of the two was later nobody knows, but what is paid stays so: the one that read it unpaid was earlier. An
    /// intent can have got an invoice since, whose payment it is then.
    private static func isOfMeanwhile(_ runID: Int64, on connection: Connection) async throws -> String {
        let ids: [Int64] = try await connection.query(
            """
            SELECT other.id FROM trueup.run other, trueup.run own
            WHERE own.id = $1 AND other.id <> own.id
                AND (other.ended_at IS NULL OR other.ended_at >= own.started_at)
            """, runID
        ).map { try $0["id"] }
        let list = ids.map(String.init).joined(separator: ",")
        return "(p.run_id = ANY ('{\(list)}'::bigint[]) AND s.status <> 'succeeded')"
    }

    /// A payment `p` says something else than what was read, `s`.
    private static let differs = """
        (p.amount, p.currency, p.paid_seconds, p.agency_id, p.customer) IS DISTINCT FROM
            (s.amount, s.currency, s.paid_seconds, s.agency_id, s.customer)
        """

    /// - Parameters:
    ///   - read: SQL for what was read of payments that are known, see ``paid(_:)``.
    ///   - places: parameter 4 of it.
    private static func change(
        to read: String, at places: [String]? = nil, _ list: RunList, _ runID: Int64, on connection: Connection
    ) async throws {
        var parameters: [any PostgresEncodable] = [list.account, list.object.rawValue, runID]
        if let places { parameters.append(places) }
        _ = try await connection.execute(
            """
            UPDATE trueup.stripe_payment p SET agency_id = s.agency_id, customer = s.customer, amount = s.amount,
                currency = s.currency, created_seconds = s.created_seconds, paid_seconds = s.paid_seconds,
                run_id = $3
            FROM (\(read)) s
            WHERE p.account = $1 AND p.object = $2 AND p.id = s.id AND \(differs)
            """, parameters: parameters)
    }

    /// - Parameters:
    ///   - read: SQL for what was read of payments, see ``paid(_:)``.
    ///   - places: parameter 4 of it.
    private static func add(
        _ read: String, at places: [String]? = nil, _ list: RunList, _ runID: Int64, on connection: Connection
    ) async throws {
        var parameters: [any PostgresEncodable] = [list.account, list.object.rawValue, runID]
        if let places { parameters.append(places) }
        // In the order of the key: each goes beside the one before it. What was staged twice is found when the run's
        // objects are counted.
        try await connection.execute(
            """
            INSERT INTO trueup.stripe_payment (account, object, id, agency_id, customer, amount, currency,
                created_seconds, paid_seconds, run_id)
            SELECT DISTINCT ON (s.id) $1, $2, s.id, s.agency_id, s.customer, s.amount, s.currency, s.created_seconds,
                s.paid_seconds, $3::bigint
            FROM (\(read)) s
            ORDER BY s.id
            """, parameters: parameters)
    }

    /// What is a payment of its own: the intent of an invoice belongs to its invoice. ``PagePayments`` says the same.
    static func isPaid(_ object: ListedObject) -> String {
        object == .invoice ? "s.status = 'paid'" : "s.status = 'succeeded' AND s.invoice_id IS NULL"
    }

    /// SQL for all that was read of one account, parameter 1: where it is, whether it is a payment, and what it says
    /// as one. Intents tell when they were charged only where that was read with them. ``PagePayments`` says the same.
    static func read(_ staged: StagingTable) -> String {
        let isInvoice = staged.object == .invoice
        let (amount, at) =
            isInvoice
            ? ("coalesce(s.amount, s.total)", "s.paid_at_seconds") : ("s.amount_received", "s.charged_at_seconds")
        return """
            SELECT s.id, s.status, s.customer,
                CASE WHEN octet_length(s.agency_id) BETWEEN 1 AND 18 AND ltrim(s.agency_id, '0123456789') = ''
                    THEN s.agency_id::bigint END AS agency_id,
                \(amount) AS amount, lower(s.currency) AS currency, s.created_seconds,
                coalesce(\(at), s.created_seconds) AS paid_seconds, s.ctid AS place,
                coalesce(\(isPaid(staged.object)), false) AS is_paid
            FROM \(staged.name) s WHERE s.account = $1
            """
    }

    /// SQL for the payments among them; conditions on `s` can be appended.
    private static func paid(_ staged: StagingTable) -> String { "\(read(staged)) AND \(isPaid(staged.object))" }

    /// The times between `from` and `to` that no complete run has read, the oldest first. All are Unix seconds of
    /// `created`, half-open.
    static func unread(
        _ list: RunList, from: Int64, to: Int64, on connection: Connection
    ) async throws -> [Window] {
        guard from < to else { return [] }
        return try await connection.query(
            """
            SELECT lower(gap) AS from_seconds, upper(gap) AS to_seconds
            FROM unnest(int8multirange(int8range($3, $4)) - coalesce((
                SELECT range_agg(int8range(from_seconds, to_seconds)) FROM trueup.stripe_reading
                WHERE account = $1 AND object = $2), '{}'::int8multirange)) AS gap
            ORDER BY 1
            """, list.account, list.object.rawValue, from, to
        ).map { Window(fromSeconds: try $0["from_seconds"], toSeconds: try $0["to_seconds"]) }
    }
}

/// A time that a statement is about and no complete run has read.
public struct UnreadTime: Sendable, Hashable {
    public let job: String
    public let account: String
    public let scope: StatementItem.Scope
    /// Of `created`, Unix seconds, half-open.
    public let period: Window
}
