import Foundation
import PostgreSQL
import Reconciliation
import Store

/// Both sides of a difference as they are kept with the finding: for the record, to see later what changed, and as
/// what a repair rests on.
public struct FindingFacts: Codable, Sendable, Equatable {
    public struct Invoice: Codable, Sendable, Equatable {
        var id: String
        var status: String
        var created: Int64
        var currency: String
        var total: Int64
        var prePaymentCredit: Int64
        var postPaymentCredit: Int64
        var customer: String?
        var due: Int64?
        var autoAdvance: Bool
        var isSubscription: Bool?
        var orderID: String?
        var agencyID: String?
        var paidAt: Int64?
        var voidedAt: Int64?
    }

    public struct Order: Codable, Sendable, Equatable {
        var row: Int64
        var invoiceID: String?
        var agency: Int64
        var credits: Int64
        var amount: Int64
        var currency: String
        var paid: Bool
        public var cancelled: Bool
        var created: Int64
        /// Absent where it is not so.
        var placedHere: Bool?
    }

    public struct Intent: Codable, Sendable, Equatable {
        var id: String
        var status: String
        var created: Int64
        var currency: String
        var amount: Int64
        var received: Int64
        var customer: String?
        var invoiceID: String?
        var latestCharge: String?
        var hasFailed: Bool
        var hasCheckoutSession: Bool?
        var chargeID: String?
        var agencyID: String?
        var orderID: String?
        var canceledAt: Int64?
        var chargedAt: Int64?
    }

    public struct Charge: Codable, Sendable, Equatable {
        var row: Int64
        var intentID: String?
        var agency: Int64
        var amount: Int64
        var currency: String
        var status: String
        var created: Int64
    }

    public struct Notice: Codable, Sendable, Equatable {
        var isNoticed: Bool
        var agency: Int64?
        var email: String?
        var finalizedAt: Int64?
    }

    public struct Payment: Codable, Sendable, Equatable {
        var explains: String
        var localID: String?
        var succeededOfInvoice: Int
    }

    /// What was taken back of the payment; absent where nothing was.
    public struct Back: Codable, Sendable, Equatable {
        var refunded: Int64
        var disputed: Int64
        /// Absent where it is not so: the payment paid other invoices too.
        var shared: Bool?
        /// Absent where it is not so: something paid it of which nothing is listed.
        var unlisted: Bool?
    }

    public var stripe: Invoice?
    public var order: Order?
    public var intent: Intent?
    public var charge: Charge?
    public var notice: Notice?
    public var payment: Payment?
    public var reversed: Back?

    init(_ pair: Pair) {
        switch pair {
        case .order(let pair):
            stripe = pair.stripe.map(Invoice.init)
            order = pair.order.map(Order.init)
            reversed = Back(pair.reversed)
        case .charge(let pair):
            intent = pair.stripe.map(Intent.init)
            charge = pair.charge.map(Charge.init)
            reversed = Back(pair.reversed)
        case .notice(let pair):
            stripe = Invoice(pair.stripe)
            notice = Notice(
                isNoticed: pair.isNoticed, agency: pair.agencyID, email: pair.email,
                finalizedAt: pair.stripe.finalizedAtSeconds)
        case .payment(let pair):
            intent = Intent(pair.stripe)
            order = pair.order.map(Order.init)
            payment = Payment(
                explains: pair.explains.rawValue, localID: pair.localID, succeededOfInvoice: pair.succeededOfInvoice)
        }
    }

    init(json: JSONText) throws {
        self = try JSONDecoder().decode(FindingFacts.self, from: Data(json.text.utf8))
    }

    /// One JSON object with sorted keys: the same facts, the same bytes.
    func json() throws -> JSONText {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return JSONText(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

extension FindingFacts {
    /// The facts without those that are only known where somebody asked for them: the same object, the same facts,
    /// however it was read.
    var lasting: FindingFacts {
        var facts = self
        facts.intent?.hasCheckoutSession = nil
        facts.intent?.chargedAt = nil
        facts.intent?.invoiceID = nil
        facts.order?.placedHere = nil
        return facts
    }

    /// Whether the local row waits for the object, so that it is cancelled with it.
    public var alsoCancels: Bool { order.map { !$0.paid && !$0.cancelled } ?? (charge?.status == "pending") }

    /// The pair that these facts were taken from, as far as a repair needs it.
    var pair: Pair {
        let back = reversed?.facts ?? Reversed()
        if let notice, let stripe {
            var invoice = stripe.facts
            invoice.finalizedAtSeconds = notice.finalizedAt
            return .notice(
                NoticePair(
                    stripe: invoice, isNoticed: notice.isNoticed, agencyID: notice.agency, email: notice.email))
        }
        if let payment, let intent {
            return .payment(
                PaymentPair(
                    explains: PaymentPair.Explains(rawValue: payment.explains) ?? .customer, stripe: intent.facts,
                    localID: payment.localID, order: order?.facts, succeededOfInvoice: payment.succeededOfInvoice))
        }
        if intent != nil || charge != nil {
            return .charge(IntentPair(stripe: intent?.facts, charge: charge?.facts, reversed: back))
        }
        return .order(InvoicePair(stripe: stripe?.facts, order: order?.facts, reversed: back))
    }
}

extension FindingFacts.Back {
    fileprivate init?(_ reversed: Reversed) {
        guard reversed != Reversed() else { return nil }
        self.init(
            refunded: reversed.refunded, disputed: reversed.disputed, shared: reversed.isShared ? true : nil,
            unlisted: reversed.isUnlisted ? true : nil)
    }

    fileprivate var facts: Reversed {
        Reversed(refunded: refunded, disputed: disputed, isShared: shared ?? false, isUnlisted: unlisted ?? false)
    }
}

extension FindingFacts.Invoice {
    fileprivate init(_ facts: InvoiceFacts) {
        self.init(
            id: facts.id, status: facts.status.word, created: facts.createdSeconds, currency: facts.currency,
            total: facts.total, prePaymentCredit: facts.prePaymentCredit, postPaymentCredit: facts.postPaymentCredit,
            customer: facts.customer, due: facts.dueSeconds, autoAdvance: facts.autoAdvance,
            isSubscription: facts.isSubscription, orderID: facts.orderID, agencyID: facts.agencyID,
            paidAt: facts.paidAtSeconds, voidedAt: facts.voidedAtSeconds)
    }

    fileprivate var facts: InvoiceFacts {
        InvoiceFacts(
            id: id, status: InvoiceStatus(status), createdSeconds: created, currency: currency, total: total,
            prePaymentCredit: prePaymentCredit, postPaymentCredit: postPaymentCredit, customer: customer,
            dueSeconds: due, autoAdvance: autoAdvance, isSubscription: isSubscription ?? false, orderID: orderID,
            agencyID: agencyID, paidAtSeconds: paidAt, voidedAtSeconds: voidedAt)
    }
}

extension FindingFacts.Order {
    fileprivate init(_ facts: OrderFacts) {
        self.init(
            row: facts.rowID, invoiceID: facts.invoiceID, agency: facts.agencyID, credits: facts.credits,
            amount: facts.amount, currency: facts.currency, paid: facts.paid, cancelled: facts.isCancelled,
            created: facts.createdSeconds, placedHere: facts.isPlacedHere ? true : nil)
    }

    fileprivate var facts: OrderFacts {
        OrderFacts(
            rowID: row, invoiceID: invoiceID, agencyID: agency, credits: credits, amount: amount, currency: currency,
            paid: paid, isCancelled: cancelled, createdSeconds: created, isPlacedHere: placedHere ?? false)
    }
}

extension FindingFacts.Intent {
    fileprivate init(_ facts: IntentFacts) {
        self.init(
            id: facts.id, status: facts.status.word, created: facts.createdSeconds, currency: facts.currency,
            amount: facts.amount, received: facts.amountReceived, customer: facts.customer, invoiceID: facts.invoiceID,
            latestCharge: facts.latestCharge, hasFailed: facts.hasFailed, hasCheckoutSession: facts.hasCheckoutSession,
            chargeID: facts.chargeID, agencyID: facts.agencyID, orderID: facts.orderID,
            canceledAt: facts.canceledAtSeconds, chargedAt: facts.chargedAtSeconds)
    }

    fileprivate var facts: IntentFacts {
        IntentFacts(
            id: id, status: IntentStatus(status), createdSeconds: created, currency: currency, amount: amount,
            amountReceived: received, customer: customer, invoiceID: invoiceID, latestCharge: latestCharge,
            hasFailed: hasFailed, hasCheckoutSession: hasCheckoutSession, chargeID: chargeID, agencyID: agencyID,
            orderID: orderID, canceledAtSeconds: canceledAt, chargedAtSeconds: chargedAt)
    }
}

extension FindingFacts.Charge {
    fileprivate init(_ facts: ChargeFacts) {
        self.init(
            row: facts.rowID, intentID: facts.intentID, agency: facts.agencyID, amount: facts.amount,
            currency: facts.currency, status: facts.status.word, created: facts.createdSeconds)
    }

    fileprivate var facts: ChargeFacts {
        ChargeFacts(
            rowID: row, intentID: intentID, agencyID: agency, amount: amount, currency: currency,
            status: ChargeStatus(status), createdSeconds: created)
    }
}

extension FoundDifference {
    /// A pair and its verdict as a row of `trueup.finding`.
    init(_ judged: Judged, job: String) throws {
        let pair = judged.found.pair
        self.init(
            identity: FindingIdentity(
                job: job, kind: judged.kind, account: judged.found.account, stripeID: pair.stripeID,
                localID: pair.localID),
            comparison: judged.comparison, action: judged.action, explanation: judged.verdict.explanation,
            stripeStatus: pair.stripeStatus, localState: pair.localState, stripeAmount: pair.stripeAmount,
            localAmount: pair.localAmount, currency: pair.currency, credits: pair.credits, agencyID: pair.agencyID,
            facts: try FindingFacts(pair).lasting.json())
    }
}
