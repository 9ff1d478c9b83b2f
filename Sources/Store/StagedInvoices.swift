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

    /// Encodes one listed invoice for COPY from its bytes as they came: no text is made on the way.
    public static func append(
        _ invoice: StagedBytes, account: UnsafeRawBufferPointer, requestID: UnsafeRawBufferPointer,
        to rows: inout BinaryRows
    ) {
        rows.beginRow(columns: columnCount)
        rows.append(utf8: account)
        rows.append(utf8: invoice.id)
        rows.append(utf8: invoice.status)
        rows.append(invoice.createdSeconds)
        appendLowercased(invoice.currency, to: &rows)
        rows.append(invoice.total)
        let (amount, overflow) = invoice.total.subtractingReportingOverflow(invoice.prePaymentCredit)
        rows.append(overflow ? nil : amount)
        rows.append(invoice.prePaymentCredit)
        rows.append(invoice.postPaymentCredit)
        rows.append(utf8: invoice.customer)
        rows.append(invoice.dueSeconds)
        rows.append(invoice.autoAdvance)
        rows.append(invoice.isSubscription)
        rows.append(utf8: invoice.orderID)
        rows.append(utf8: invoice.agencyID)
        rows.append(invoice.paidAtSeconds)
        rows.append(invoice.voidedAtSeconds)
        rows.append(utf8: requestID)
        rows.append(false)
    }

    /// Stripe writes currencies in lower case; only another spelling costs a text.
    private static func appendLowercased(_ currency: UnsafeRawBufferPointer, to rows: inout BinaryRows) {
        if currency.allSatisfy({ $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }) {
            rows.append(utf8: currency)
        } else {
            rows.append(String(decoding: currency, as: UTF8.self).lowercased())
        }
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
        // Ids are unique and the joins read everything: the number of rows matters, and a small sample of the rest.
        try await connection.run(script: "SET LOCAL default_statistics_target = 10; ANALYZE \(table)")
    }

    /// Rows and distinct ids: equal when every object was staged exactly once. Absent ones do not count.
    public func count(on connection: Connection) async throws -> (rows: Int64, distinct: Int64, fresh: Int64) {
        let row = try await connection.transaction(access: .readOnly) { connection in
            // Sorted by their bytes the ids cost half of what hashing a million groups does.
            try await connection.run(script: "SET LOCAL enable_hashagg = off; SET LOCAL jit = off")
            return try await connection.query(
                """
                SELECT coalesce(sum(n), 0)::bigint AS rows, count(*) AS ids, coalesce(sum(fresh), 0)::bigint AS fresh
                FROM (SELECT count(*) AS n, count(*) FILTER (WHERE is_fresh) AS fresh
                    FROM (SELECT id COLLATE "C" AS id, account, is_fresh FROM \(table)
                        WHERE status <> '\(Self.absent)') staged
                    GROUP BY id, account) objects
                """)[0]
        }
        return (try row["rows"], try row["ids"], try row["fresh"])
    }
}

/// What is staged of one invoice, as bytes that somebody else owns: they must outlive the call that they are for.
public struct StagedBytes {
    public var id: UnsafeRawBufferPointer
    public var status: UnsafeRawBufferPointer
    public var currency: UnsafeRawBufferPointer
    public var customer: UnsafeRawBufferPointer?
    public var orderID: UnsafeRawBufferPointer?
    public var agencyID: UnsafeRawBufferPointer?
    public var createdSeconds: Int64
    public var total: Int64
    public var prePaymentCredit: Int64
    public var postPaymentCredit: Int64
    public var dueSeconds: Int64?
    public var paidAtSeconds: Int64?
    public var voidedAtSeconds: Int64?
    public var autoAdvance: Bool
    public var isSubscription: Bool

    /// All members; see ``InvoiceFacts`` for what they mean.
    public init(
        id: UnsafeRawBufferPointer, status: UnsafeRawBufferPointer, currency: UnsafeRawBufferPointer,
        customer: UnsafeRawBufferPointer?, orderID: UnsafeRawBufferPointer?, agencyID: UnsafeRawBufferPointer?,
        createdSeconds: Int64, total: Int64, prePaymentCredit: Int64, postPaymentCredit: Int64, dueSeconds: Int64?,
        paidAtSeconds: Int64?, voidedAtSeconds: Int64?, autoAdvance: Bool, isSubscription: Bool
    ) {
        self.id = id
        self.status = status
        self.currency = currency
        self.customer = customer
        self.orderID = orderID
        self.agencyID = agencyID
        self.createdSeconds = createdSeconds
        self.total = total
        self.prePaymentCredit = prePaymentCredit
        self.postPaymentCredit = postPaymentCredit
        self.dueSeconds = dueSeconds
        self.paidAtSeconds = paidAtSeconds
        self.voidedAtSeconds = voidedAtSeconds
        self.autoAdvance = autoAdvance
        self.isSubscription = isSubscription
    }
}
