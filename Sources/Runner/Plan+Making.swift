import Reconciliation
import Store

extension Plan.Item {
    /// A difference that can be repaired; `nil` when its row is gone by now.
    init?(_ judged: Judged, _ remedy: Remedy, rowHashes: [Int64: String]) {
        let pair = judged.found.pair
        if let key = pair.rowKey {
            guard let hash = rowHashes[key] else { return nil }
            rowHash = hash
        } else {
            rowHash = ""
        }
        kind = judged.kind.rawValue
        comparison = judged.comparison.rawValue
        effect = remedy.word
        account = judged.found.account
        stripeID = pair.stripeID
        stripeStatus = pair.stripeStatus
        localID = pair.localID
        agencyID = pair.agencyID
        credits = pair.credits ?? 0
        amount = pair.localAmount ?? pair.stripeAmount ?? 0
        currency = pair.currency ?? ""
        explanation = judged.verdict.explanation
        requestID = judged.found.requestID ?? ""
        facts = FindingFacts(pair)
    }

    /// The difference as it was when the plan was made.
    var judged: Judged? {
        guard let kind = FindingKind(rawValue: kind), let comparison = ComparisonName(rawValue: comparison) else {
            return nil
        }
        var pair = facts.pair
        if kind == .unlinkedOrder { pair = pair.asNamedByMetadata }
        let found = DifferingPair(account: account, pair: pair, requestID: requestID, isFresh: false)
        return Judged(
            comparison: comparison, found: found, kind: kind, verdict: Verdict(kind, .apply, explanation),
            action: .apply)
    }
}

extension Plan.Review {
    init(_ judged: Judged) {
        let pair = judged.found.pair
        kind = judged.kind.rawValue
        account = judged.found.account
        stripeID = pair.stripeID
        localID = pair.localID
        row = pair.localID.isEmpty ? "" : "\(pair.localNoun) \(pair.localID)"
        explanation = judged.verdict.explanation
    }
}
