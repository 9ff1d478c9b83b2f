/// The judgement over one finalized invoice and its notice: was the agency told that there is something to pay?
///
/// An invoice that is older than the settle delay and has no recorded notice is `missed_finalized_notice`, and is
/// repaired where the tables say whom to tell and mail can be sent. Whatever its age: the diff decides how far back a
/// run looks.
public struct NoticeRules: Sendable, Hashable {
    /// The frozen upper bound of the run, Unix seconds.
    public var nowSeconds: Int64
    /// A notice may still be on its way for this long after the invoice was finalized.
    public var settleSeconds: Int64
    /// `delivery.email` is configured.
    public var canSend: Bool

    public init(nowSeconds: Int64, settleSeconds: Int64, canSend: Bool) {
        self.nowSeconds = nowSeconds
        self.settleSeconds = settleSeconds
        self.canSend = canSend
    }

    /// The kinds of this comparison.
    public static let kinds: [FindingKind] = [.unknownStatus, .missedFinalizedNotice]

    /// Invoices that were finalized before this second ought to have a notice.
    public var dueBeforeSeconds: Int64 {
        let (seconds, overflow) = nowSeconds.subtractingReportingOverflow(settleSeconds)
        return overflow ? .min : seconds
    }

    /// The verdict on a pair. A recorded notice is all that this comparison wants, whatever became of the invoice.
    public func classify(_ pair: NoticePair) -> Verdict {
        if pair.isNoticed { return .agree }
        switch pair.stripe.status {
        case .unknown(let word):
            return Verdict(
                .unknownStatus, .review, "Stripe gives the status “\(word)”, which this version does not know.")
        case .draft, .void: return .agree
        case .open, .paid, .uncollectible: break
        }
        guard let finalized = pair.stripe.finalizedAtSeconds, finalized < dueBeforeSeconds else { return .agree }
        return missed(pair, finalized)
    }

    private func missed(_ pair: NoticePair, _ finalized: Int64) -> Verdict {
        let fact = "The invoice was finalized \(Self.age(finalized, nowSeconds)) ago and no notice of it was recorded"
        let obstacle: String? =
            if pair.agencyID == nil {
                "no agency has its customer, \(pair.stripe.customer ?? "which is missing")"
            } else if pair.agencies > 1 {
                "\(pair.agencies) agencies have its customer \(pair.stripe.customer ?? "?"), and only one can be told"
            } else if let email = pair.email {
                MailAddress.isPlausible(email) ? nil : "“\(email)” is no address that mail can be sent to"
            } else {
                "agency \(pair.agencyID ?? 0) has no e-mail address"
            }
        if let obstacle { return Verdict(.missedFinalizedNotice, .review, "\(fact); \(obstacle).") }
        guard canSend else {
            return Verdict(
                .missedFinalizedNotice, .review,
                "\(fact); nothing can be sent, because delivery.email is not configured.")
        }
        return Verdict(.missedFinalizedNotice, .apply, "\(fact); agency \(pair.agencyID ?? 0) was not told.")
    }

    /// `3 days`, `5 hours`, `10 minutes`.
    private static func age(_ seconds: Int64, _ now: Int64) -> String {
        let (age, overflow) = now.subtractingReportingOverflow(seconds)
        guard !overflow else { return "very long" }
        let (number, unit): (Int64, String) =
            age >= 172_800 ? (age / 86_400, "days") : age >= 7_200 ? (age / 3_600, "hours") : (age / 60, "minutes")
        return "\(Money.grouped(number)) \(unit)"
    }
}
