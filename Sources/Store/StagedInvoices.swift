import PostgreSQL
import Reconciliation

/// The staging table of one run: what Stripe said, page by page.
///
/// A page's rows and its window's cursor are one transaction, so that a crash loses both or neither. The commit of a
/// page need not reach the disk at once (`synchronous_commit = off`): what a power failure takes is read again.
public struct StagedInvoices: Sendable {
    public let runID: Int64
    /// Ready for SQL: schema and table name.
    public let table: String

    public init(runID: Int64) {
        self.runID = runID
        self.table = "trueup.staged_invoice_\(runID)"
    }

    var createSQL: String {
        "CREATE TABLE \(table) (LIKE trueup.staged_invoice) WITH (autovacuum_enabled = off);"
    }
    var dropSQL: String { "DROP TABLE IF EXISTS \(table);" }
    var copySQL: String { "COPY \(table) FROM STDIN (FORMAT binary)" }

    /// How many columns a row has, in the order of ``append(_:account:requestID:isFresh:to:)``.
    static let columnCount = 19

    /// Encodes one invoice for COPY.
    public static func append(
        _ invoice: InvoiceFacts, account: String, requestID: String, isFresh: Bool, to rows: inout BinaryRows
    ) {
        rows.beginRow(columns: columnCount)
        rows.append(account)
        rows.append(invoice.id)
        rows.append(invoice.status.word)
        rows.append(invoice.createdSeconds)
        rows.append(invoice.currency)
        rows.append(invoice.total)
        rows.append(invoice.amount)
        rows.append(invoice.prePaymentCredit)
        rows.append(invoice.postPaymentCredit)
        rows.append(invoice.customer)
        rows.append(invoice.dueSeconds)
        rows.append(invoice.autoAdvance)
        rows.append(invoice.isSubscription)
        rows.append(invoice.orderID)
        rows.append(invoice.agencyID)
        rows.append(invoice.paidAtSeconds)
        rows.append(invoice.voidedAtSeconds)
        rows.append(requestID)
        rows.append(isFresh)
    }

    /// The word in `status` of an invoice that Stripe answered 404 for on a fresh read.
    public static let absent = "absent"

    /// Replaces what is staged of these ids by what a fresh read said.
    /// - Parameters:
    ///   - ids: all ids that were read.
    ///   - rows: those that exist, from ``append(_:account:requestID:isFresh:to:)``, and those that do not, from
    ///     ``appendAbsent(_:account:requestID:to:)``.
    public func replace(_ ids: [String], with rows: BinaryRows, on connection: Connection) async throws {
        try await connection.transaction { connection in
            try await connection.execute("DELETE FROM \(table) WHERE id = ANY($1)", ids)
            _ = try await connection.copyIn(copySQL, rows)
        }
    }

    /// Encodes "404 on a fresh read".
    public static func appendAbsent(_ id: String, account: String, requestID: String, to rows: inout BinaryRows) {
        var facts = InvoiceFacts(id: id, status: .unknown(absent), createdSeconds: 0, currency: "", total: 0)
        facts.autoAdvance = false
        append(facts, account: account, requestID: requestID, isFresh: true, to: &rows)
    }

    /// Gives the planner statistics; call once when the last page is in.
    public func analyze(on connection: Connection) async throws {
        try await connection.run(script: "ANALYZE \(table)")
    }

    /// Rows and distinct ids: equal when every object was staged exactly once. Absent ones do not count.
    public func count(on connection: Connection) async throws -> (rows: Int64, distinct: Int64, fresh: Int64) {
        // GROUP BY hashes where count(DISTINCT …) would sort.
        let row = try await connection.query(
            """
            SELECT coalesce(sum(n), 0)::bigint AS rows, count(*) AS ids, coalesce(sum(fresh), 0)::bigint AS fresh
            FROM (SELECT count(*) AS n, count(*) FILTER (WHERE is_fresh) AS fresh FROM \(table)
                WHERE status <> '\(Self.absent)' GROUP BY account, id) objects
            """)[0]
        return (try row["rows"], try row["ids"], try row["fresh"])
    }
}
