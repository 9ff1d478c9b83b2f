import PostgreSQL
import Reconciliation

/// Invoices as rows of a ``StagingTable``.
public enum StagedInvoices {
    /// How many columns a row has, in the order of ``append(_:account:requestID:isFresh:to:)``.
    static let columnCount = 21

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
        rows.append(invoice.finalizedAtSeconds)
        rows.append(invoice.paymentIntent)
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
        rows.append(invoice.amount)
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
        rows.append(invoice.finalizedAtSeconds)
        rows.append(utf8: invoice.paymentIntent)
    }

    /// Stripe writes currencies in lower case; only another spelling costs a text.
    static func appendLowercased(_ currency: UnsafeRawBufferPointer, to rows: inout BinaryRows) {
        if currency.allSatisfy({ $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }) {
            rows.append(utf8: currency)
        } else {
            rows.append(String(decoding: currency, as: UTF8.self).lowercased())
        }
    }

    /// The invoices that these payment intents pay, as far as the staged invoices say so, by intent.
    public static func invoices(
        ofIntents intents: [String], account: String, in staged: StagingTable, on connection: Connection
    ) async throws -> [String: [String]] {
        let rows = try await connection.query(
            "SELECT payment_intent, id FROM \(staged.name) WHERE account = $1 AND payment_intent = ANY($2)", account,
            intents)
        var invoices: [String: [String]] = [:]
        for row in rows { invoices[try row["payment_intent"], default: []].append(try row["id"]) }
        return invoices
    }

    /// Encodes "404 on a fresh read".
    public static func appendAbsent(_ id: String, account: String, requestID: String, to rows: inout BinaryRows) {
        var facts = InvoiceFacts(
            id: id, status: .unknown(StagingTable.absent), createdSeconds: 0, currency: "", total: 0)
        facts.autoAdvance = false
        append(facts, account: account, requestID: requestID, isFresh: true, to: &rows)
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
    /// As in ``InvoiceFacts``.
    public var prePaymentCredit: Int64
    public var postPaymentCredit: Int64
    public var dueSeconds: Int64?
    public var paidAtSeconds: Int64?
    public var voidedAtSeconds: Int64?
    public var autoAdvance: Bool
    public var isSubscription: Bool
    public var finalizedAtSeconds: Int64?
    public var paymentIntent: UnsafeRawBufferPointer?

    /// What it asks for; `nil` where that is out of range.
    var amount: Int64? {
        let (amount, overflow) = total.subtractingReportingOverflow(prePaymentCredit)
        return overflow ? nil : amount
    }

    /// All members; see ``InvoiceFacts`` for what they mean.
    public init(
        id: UnsafeRawBufferPointer, status: UnsafeRawBufferPointer, currency: UnsafeRawBufferPointer,
        customer: UnsafeRawBufferPointer?, orderID: UnsafeRawBufferPointer?, agencyID: UnsafeRawBufferPointer?,
        createdSeconds: Int64, total: Int64, prePaymentCredit: Int64, postPaymentCredit: Int64, dueSeconds: Int64?,
        paidAtSeconds: Int64?, voidedAtSeconds: Int64?, autoAdvance: Bool, isSubscription: Bool,
        finalizedAtSeconds: Int64?, paymentIntent: UnsafeRawBufferPointer?
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
        self.finalizedAtSeconds = finalizedAtSeconds
        self.paymentIntent = paymentIntent
    }
}
