/// The judgement over one payment intent that has no local row of its own: does a patient's customer or a credit
/// order's invoice explain it?
///
/// Nothing here grants or takes back money. The one repair is to cancel an intent that nobody ever confirmed.
public struct PaymentRules: Sendable, Hashable {
    /// The frozen upper bound of the run, Unix seconds.
    public var nowSeconds: Int64
    /// A never-confirmed intent older than this is stale.
    public var staleAfterSeconds: Int64

    public init(nowSeconds: Int64, staleAfterSeconds: Int64) {
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
    }

    /// The kinds of these comparisons, in the order in which they outrank each other.
    public static let kinds: [FindingKind] = [
        .duplicateInStripe, .currencyMismatch, .amountMismatch, .unknownStatus, .missingLocally, .staleIntent,
    ]

    /// Never-confirmed intents that were made before this second are stale.
    public var staleBeforeSeconds: Int64 {
        let (seconds, overflow) = nowSeconds.subtractingReportingOverflow(staleAfterSeconds)
        return overflow ? .min : seconds
    }

    /// The verdict on a pair.
    public func classify(_ pair: PaymentPair) -> Verdict {
        if case .unknown(let word) = pair.stripe.status {
            return Verdict(
                .unknownStatus, .review, "Stripe gives the status “\(word)”, which this version does not know.")
        }
        return switch pair.explains {
        case .customer: patient(pair)
        case .order: pair.stripe.invoiceID.map { ofInvoice($0, pair) } ?? withoutInvoice(pair.stripe)
        }
    }

    /// Payments of patients: the customer has to be one that the tables know.
    private func patient(_ pair: PaymentPair) -> Verdict {
        let intent = pair.stripe
        // What pays an invoice belongs to the invoice, and what was canceled took nothing.
        guard intent.invoiceID == nil, intent.status != .canceled, pair.localID == nil else { return .agree }
        let whose = intent.customer.map { "customer \($0), whom no local row knows" } ?? "no customer at all"
        return Verdict(
            .missingLocally, .review, "\(Self.money(intent)) \(Self.words(intent.status)) for \(whose).")
    }

    /// Payments of credit orders: the invoice has to be paid once, with what the order asks for.
    private func ofInvoice(_ invoice: String, _ pair: PaymentPair) -> Verdict {
        let intent = pair.stripe
        guard intent.status == .succeeded else { return .agree }
        if pair.succeededOfInvoice > 1 {
            return Verdict(
                .duplicateInStripe, .review,
                "\(pair.succeededOfInvoice) payment intents have succeeded for invoice \(invoice): it was paid twice.")
        }
        guard let order = pair.order else { return .agree }
        if intent.currency.lowercased() != order.currency.lowercased() {
            return Verdict(
                .currencyMismatch, .review,
                "Invoice \(invoice) was paid in \(intent.currency.uppercased()), order \(order.rowID) is in "
                    + "\(order.currency.uppercased()).")
        }
        if pair.succeededOfInvoice == 1, intent.amountReceived != order.amount {
            let received = Money(minorUnits: intent.amountReceived, currency: intent.currency)
            let ordered = Money(minorUnits: order.amount, currency: order.currency)
            return Verdict(
                .amountMismatch, .review,
                "\(received) was received for invoice \(invoice), order \(order.rowID) is for \(ordered).")
        }
        return .agree
    }

    private func withoutInvoice(_ intent: IntentFacts) -> Verdict {
        switch intent.status {
        case .succeeded, .processing, .requiresCapture:
            let named = intent.orderID.map { "its metadata names order “\($0)”" } ?? "it names no order"
            return Verdict(
                .missingLocally, .review,
                "\(Self.money(intent)) \(Self.words(intent.status)) without an invoice, which no order explains; "
                    + "\(named).")
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction:
            guard intent.wasNeverConfirmed, intent.createdSeconds < staleBeforeSeconds,
                intent.hasCheckoutSession != true
            else { return .agree }
            return Verdict(
                .staleIntent, .apply,
                "Nobody has confirmed this intent of \(Self.money(intent)) in \(staleAfterSeconds / 86_400) days, and "
                    + "it pays no invoice.")
        case .canceled, .unknown: return .agree
        }
    }

    /// What came in where something did, else what is asked for.
    private static func money(_ intent: IntentFacts) -> Money {
        Money(
            minorUnits: intent.status == .succeeded ? intent.amountReceived : intent.amount, currency: intent.currency)
    }

    private static func words(_ status: IntentStatus) -> String {
        switch status {
        case .succeeded: "came in"
        case .processing: "is on its way"
        case .requiresCapture: "is authorized and waits to be captured"
        default: "is asked for (\(status.word))"
        }
    }
}
