import PostgreSQL
import Reconciliation
import Store
import Stripe

/// A page of some list, as far as reading and staging it needs to know it.
protocol ListedPage: Sendable {
    var count: Int { get }
    var hasMore: Bool { get }
    var requestID: String { get }
    /// How long the answer took, without the wait for the rate limit.
    var transferMicroseconds: Int64 { get }

    /// Visits the ids, newest first; the bytes are valid inside the call only.
    func forEachID(_ body: (UnsafeRawBufferPointer) -> Void)

    /// The part of the page that lies in its window, ready to be staged.
    /// - Parameters:
    ///   - fromSeconds: the window's lower bound; the page is newest first, so the part is its beginning.
    ///   - payments: to be filled with the payments among its objects; `nil` where they are not written with it.
    func part(fromSeconds: Int64, account: String, payments: PagePayments?) -> StagedPart
}

/// The part of a page that lies in its window, ready to be staged.
struct StagedPart: Sendable {
    var rows: BinaryRows
    var count: Int
    var lastID: String?
    var lastSeconds: Int64?
    /// `nil` where they are not written with the page.
    var payments: PagePayments?
}

extension RawInvoicePage: ListedPage {
    /// About what a row takes.
    private static let rowBytes = 360

    func forEachID(_ body: (UnsafeRawBufferPointer) -> Void) { forEach { body($0.id) } }

    func part(fromSeconds: Int64, account: String, payments: PagePayments?) -> StagedPart {
        var rows = BinaryRows(reservingBytes: count * Self.rowBytes)
        var taken = 0
        var payments = payments
        let accountBytes = Array(account.utf8)
        let requestBytes = Array(requestID.utf8)
        var lastSeconds: Int64?
        accountBytes.withUnsafeBytes { account in
            requestBytes.withUnsafeBytes { request in
                forEach { invoice in
                    if invoice.createdSeconds < fromSeconds { return }
                    let staged = StagedBytes(invoice)
                    StagedInvoices.append(staged, account: account, requestID: request, to: &rows)
                    payments?.append(staged, account: account)
                    taken += 1
                    lastSeconds = invoice.createdSeconds
                }
            }
        }
        return StagedPart(
            rows: rows, count: taken, lastID: taken > 0 ? id(at: taken - 1) : nil, lastSeconds: lastSeconds,
            payments: payments)
    }
}

extension StagedBytes {
    /// The compared part of a listed invoice; valid as long as the invoice is.
    fileprivate init(_ invoice: borrowing RawInvoice) {
        self.init(
            id: invoice.id, status: invoice.status, currency: invoice.currency, customer: invoice.customer,
            orderID: invoice.metadataOrderID, agencyID: invoice.metadataAgencyID,
            createdSeconds: invoice.createdSeconds, total: invoice.total,
            prePaymentCredit: Invoice.takenOff(
                credit: invoice.prePaymentCreditNotesAmount, due: invoice.amountDue, paid: invoice.amountPaid,
                remaining: invoice.amountRemaining, isPaid: invoice.status.elementsEqual("paid".utf8)),
            postPaymentCredit: invoice.postPaymentCreditNotesAmount, dueSeconds: invoice.dueDateSeconds,
            paidAtSeconds: invoice.paidSeconds, voidedAtSeconds: invoice.voidedSeconds,
            // Where Stripe does not say, a draft is taken for one that Stripe finalizes: it is then never stale.
            autoAdvance: invoice.autoAdvance ?? true, isSubscription: invoice.subscription != nil,
            finalizedAtSeconds: invoice.finalizedSeconds, paymentIntent: invoice.paymentIntent)
    }
}

extension RawIntentPage: ListedPage {
    func forEachID(_ body: (UnsafeRawBufferPointer) -> Void) { forEach { body($0.id) } }

    func part(fromSeconds: Int64, account: String, payments: PagePayments?) -> StagedPart {
        var part = StagedPart(rows: BinaryRows(), count: 0, payments: payments)
        forEach { intent in
            if intent.createdSeconds < fromSeconds { return }
            let facts = IntentFacts(intent.value)
            StagedIntents.append(facts, account: account, requestID: requestID, isFresh: false, to: &part.rows)
            part.payments?.append(facts, account: account)
            part.count += 1
            part.lastSeconds = intent.createdSeconds
        }
        if part.count > 0 { part.lastID = id(at: part.count - 1) }
        return part
    }
}

/// A page of small objects, as plain values.
struct PlainPage<Object: Sendable>: ListedPage {
    let page: Page<Object>
    let id: @Sendable (Object) -> String
    let createdSeconds: @Sendable (Object) -> Int64
    /// Encodes one object for COPY.
    let append: @Sendable (Object, inout BinaryRows) -> Void

    var count: Int { page.objects.count }
    var hasMore: Bool { page.hasMore }
    var requestID: String { page.requestID }
    var transferMicroseconds: Int64 { page.transferMicroseconds }

    func forEachID(_ body: (UnsafeRawBufferPointer) -> Void) {
        for object in page.objects { Array(id(object).utf8).withUnsafeBytes(body) }
    }

    func part(fromSeconds: Int64, account: String, payments: PagePayments?) -> StagedPart {
        var part = StagedPart(rows: BinaryRows(), count: 0)
        for object in page.objects where createdSeconds(object) >= fromSeconds {
            append(object, &part.rows)
            part.count += 1
            part.lastID = id(object)
            part.lastSeconds = createdSeconds(object)
        }
        return part
    }
}

extension InvoiceFacts {
    /// The compared part of a Stripe invoice.
    public init(_ invoice: Invoice) {
        self.init(
            id: invoice.id, status: Reconciliation.InvoiceStatus(invoice.status.text),
            createdSeconds: invoice.createdSeconds, currency: invoice.currency.lowercased(), total: invoice.total,
            prePaymentCredit: Invoice.takenOff(
                credit: invoice.prePaymentCreditNotesAmount, due: invoice.amountDue, paid: invoice.amountPaid,
                remaining: invoice.amountRemaining, isPaid: invoice.status == .paid),
            postPaymentCredit: invoice.postPaymentCreditNotesAmount, customer: invoice.customer,
            dueSeconds: invoice.dueDateSeconds,
            // Where Stripe does not say, a draft is taken for one that Stripe finalizes: it is then never stale.
            autoAdvance: invoice.autoAdvance ?? true, isSubscription: invoice.subscription != nil,
            orderID: invoice.metadata.orderID, agencyID: invoice.metadata.agencyID, paidAtSeconds: invoice.paidSeconds,
            voidedAtSeconds: invoice.voidedSeconds, finalizedAtSeconds: invoice.finalizedSeconds,
            paymentIntent: invoice.paymentIntent)
    }
}

extension IntentFacts {
    /// The compared part of a payment intent.
    public init(_ intent: PaymentIntent) {
        self.init(
            id: intent.id, status: IntentStatus(intent.status.text), createdSeconds: intent.createdSeconds,
            currency: intent.currency.lowercased(), amount: intent.amount, amountReceived: intent.amountReceived,
            customer: intent.customer, invoiceID: intent.invoice, latestCharge: intent.latestCharge,
            hasFailed: intent.lastPaymentError != nil, chargeID: intent.metadata.chargeID,
            agencyID: intent.metadata.agencyID, orderID: intent.metadata.orderID,
            canceledAtSeconds: intent.canceledSeconds, chargedAtSeconds: intent.chargedSeconds)
    }
}
