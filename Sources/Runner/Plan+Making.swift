import Reconciliation
import Store

extension Plan.Item {
    /// A difference that can be repaired; `nil` when its row is gone by now.
    init?(_ judged: Judged, rowHashes: [Int64: String]) {
        let pair = judged.found.pair
        guard let order = pair.order, let hash = rowHashes[order.rowID] else { return nil }
        let isDraft = judged.kind == .staleDraft
        kind = judged.kind.rawValue
        effect = isDraft ? "delete_draft" : Repairer.effect(of: judged)?.word ?? ""
        account = judged.found.account
        stripeID = pair.stripe?.id ?? order.invoiceID ?? ""
        stripeStatus = pair.stripe?.status.word ?? StagedInvoices.absent
        orderID = order.rowID
        agencyID = order.agencyID
        credits = order.credits
        amount = order.amount
        currency = order.currency
        explanation = judged.verdict.explanation
        requestID = judged.found.requestID ?? ""
        rowHash = hash
        facts = FindingFacts(pair)
    }

    /// The difference as it was when the plan was made.
    var judged: Judged? {
        guard let kind = FindingKind(rawValue: kind) else { return nil }
        var pair = facts.pair
        if kind == .unlinkedOrder { pair.link = .metadata }
        let found = DifferingPair(
            account: account, pair: pair, requestID: requestID, isFresh: false, unread: nil, duplicates: nil)
        return Judged(found: found, kind: kind, verdict: Verdict(kind, .apply, explanation), action: .apply)
    }
}

extension Plan.Review {
    init(_ judged: Judged) {
        let pair = judged.found.pair
        kind = judged.kind.rawValue
        account = judged.found.account
        stripeID = pair.stripe?.id ?? pair.order?.invoiceID ?? ""
        orderID = pair.order.map { String($0.rowID) } ?? ""
        explanation = judged.verdict.explanation
    }
}
