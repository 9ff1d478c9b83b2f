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
    }

    public var stripe: Invoice?
    public var order: Order?

    init(_ pair: InvoicePair) {
        stripe = pair.stripe.map { facts in
            Invoice(
                id: facts.id, status: facts.status.word, created: facts.createdSeconds, currency: facts.currency,
                total: facts.total, prePaymentCredit: facts.prePaymentCredit,
                postPaymentCredit: facts.postPaymentCredit, customer: facts.customer, due: facts.dueSeconds,
                autoAdvance: facts.autoAdvance, isSubscription: facts.isSubscription, orderID: facts.orderID,
                agencyID: facts.agencyID, paidAt: facts.paidAtSeconds, voidedAt: facts.voidedAtSeconds)
        }
        order = pair.order.map { facts in
            Order(
                row: facts.rowID, invoiceID: facts.invoiceID, agency: facts.agencyID, credits: facts.credits,
                amount: facts.amount, currency: facts.currency, paid: facts.paid, cancelled: facts.isCancelled,
                created: facts.createdSeconds)
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
    /// The pair that these facts were taken from, as far as a repair needs it.
    var pair: InvoicePair {
        InvoicePair(
            stripe: stripe.map { facts in
                InvoiceFacts(
                    id: facts.id, status: InvoiceStatus(facts.status), createdSeconds: facts.created,
                    currency: facts.currency, total: facts.total, prePaymentCredit: facts.prePaymentCredit,
                    postPaymentCredit: facts.postPaymentCredit, customer: facts.customer, dueSeconds: facts.due,
                    autoAdvance: facts.autoAdvance, isSubscription: facts.isSubscription ?? false,
                    orderID: facts.orderID, agencyID: facts.agencyID, paidAtSeconds: facts.paidAt,
                    voidedAtSeconds: facts.voidedAt)
            },
            order: order.map { facts in
                OrderFacts(
                    rowID: facts.row, invoiceID: facts.invoiceID, agencyID: facts.agency, credits: facts.credits,
                    amount: facts.amount, currency: facts.currency, paid: facts.paid, isCancelled: facts.cancelled,
                    createdSeconds: facts.created)
            })
    }
}

extension FoundDifference {
    /// A pair and its verdict as a row of `trueup.finding`.
    init(_ found: DifferingPair, kind: FindingKind, verdict: Verdict, action: Action, job: String) throws {
        let stripe = found.pair.stripe
        let order = found.pair.order
        self.init(
            identity: FindingIdentity(
                job: job, kind: kind, account: found.account, stripeID: stripe?.id ?? order?.invoiceID ?? "",
                localID: order.map { String($0.rowID) } ?? ""),
            action: action, explanation: verdict.explanation, stripeStatus: stripe?.status.word ?? "absent",
            localState: order?.state.rawValue ?? "absent", stripeAmount: stripe?.amount, localAmount: order?.amount,
            currency: stripe?.currency ?? order?.currency, credits: order?.credits, agencyID: order?.agencyID,
            facts: try FindingFacts(found.pair).json())
    }
}
