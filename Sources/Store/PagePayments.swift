import PostgreSQL
import Reconciliation

/// The payments among the objects of a page, as rows of `trueup.stripe_payment`: they are written with the page, where
/// no other run has read the list. At the end of the run that would be its largest piece of work.
///
/// Which objects are payments, and what is kept of them, is the rule of ``StripePayments``, once more for bytes:
/// one definition for both would take a pass over every object more, here or at the run's end. A test holds the two
/// against each other (`PaymentRuleTests`).
///
/// They are what Stripe said, whatever becomes of the run. No statement calls the list read before the run is complete
/// (`trueup.stripe_reading`), and the run's end holds their number against that of the paid objects that were staged
/// (``StripePayments``).
public struct PagePayments: Sendable {
    public private(set) var rows = BinaryRows()
    private let runID: Int64

    public init(runID: Int64) { self.runID = runID }

    static let copySQL = """
        COPY trueup.stripe_payment (account, object, id, agency_id, customer, amount, currency, created_seconds,
            paid_seconds, run_id) FROM STDIN (FORMAT binary)
        """

    /// Adds an invoice that is paid; others are left out.
    public mutating func append(_ invoice: StagedBytes, account: UnsafeRawBufferPointer) {
        guard invoice.status.elementsEqual(Self.paid.utf8) else { return }
        begin(account, .invoice)
        rows.append(utf8: invoice.id)
        rows.append(invoice.agencyID.flatMap(Self.number))
        rows.append(utf8: invoice.customer)
        rows.append(invoice.amount ?? invoice.total)
        StagedInvoices.appendLowercased(invoice.currency, to: &rows)
        end(invoice.createdSeconds, paidSeconds: invoice.paidAtSeconds)
    }

    /// Adds an intent that succeeded and is of no invoice; others are left out.
    public mutating func append(_ intent: IntentFacts, account: String) {
        guard intent.status == .succeeded, intent.invoiceID == nil else { return }
        Array(account.utf8).withUnsafeBytes { begin($0, .paymentIntent) }
        rows.append(intent.id)
        rows.append(intent.agencyID.flatMap { Array($0.utf8).withUnsafeBytes(Self.number) })
        rows.append(intent.customer)
        rows.append(intent.amountReceived)
        rows.append(intent.currency.lowercased())
        end(intent.createdSeconds, paidSeconds: intent.chargedAtSeconds)
    }

    private static let paid = "paid"

    private mutating func begin(_ account: UnsafeRawBufferPointer, _ object: ListedObject) {
        rows.beginRow(columns: 10)
        rows.append(utf8: account)
        rows.append(object.rawValue)
    }

    private mutating func end(_ createdSeconds: Int64, paidSeconds: Int64?) {
        rows.append(createdSeconds)
        rows.append(paidSeconds ?? createdSeconds)
        rows.append(runID)
    }

    /// An agency's number as metadata writes it; `nil` for what is none. As SQL has it: `StripePayments.read(_:)`.
    private static func number(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard (1...18).contains(text.count) else { return nil }
        var number: Int64 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return number
    }
}

extension PostgresError {
    /// A payment is written already, or is being written: another run has read the list meanwhile, an object was listed
    /// twice, or a window begins a second again.
    public var isKnownPayment: Bool {
        sqlState == "40P01" || sqlState == "23505" && server?.constraint == "stripe_payment_pkey"
    }
}
