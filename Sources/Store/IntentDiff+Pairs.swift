import PostgreSQL
import Reconciliation

// Rows to pairs.
extension IntentDiff {
    private func intent(_ row: Row) throws -> IntentFacts? {
        let word: String = try row["s_status"]
        guard word != StagingTable.absent else { return nil }
        return IntentFacts(
            id: try row["s_id"], status: IntentStatus(word), createdSeconds: try row["s_created"],
            currency: try row["s_currency"], amount: try row["s_amount"], amountReceived: try row["s_received"],
            customer: try row["s_customer"], invoiceID: try row["s_invoice"], latestCharge: try row["s_latest"],
            hasFailed: try row["s_failed"], hasCheckoutSession: try row["s_checkout"], chargeID: try row["s_charge"],
            agencyID: try row["s_agency"], orderID: try row["s_order"], canceledAtSeconds: try row["s_canceled_at"],
            chargedAtSeconds: try row["s_charged_at"])
    }

    private func charge(_ row: Row) throws -> ChargeFacts? {
        guard let key = try row["l_key"] as Int64? else { return nil }
        return ChargeFacts(
            rowID: key, intentID: try row["l_id"], agencyID: try row["l_agency"], amount: try row["l_amount"],
            currency: try row["l_currency"], status: ChargeStatus(try row["l_status"]),
            createdSeconds: try row["l_created"], customer: try row["l_customer"])
    }

    private func reversed(_ row: Row) throws -> Reversed {
        Reversed(refunded: try row["refunded"], disputed: try row["disputed"])
    }

    func matchedPair(_ row: Row, lookalikes: [String: [Int64]]) throws -> DifferingPair {
        let id: String = try row["s_id"]
        let pair = IntentPair(
            stripe: try intent(row), charge: try charge(row), otherRows: lookalikes[id] ?? [],
            liveIntentsOfCharge: Int(try row["live"] as Int64),
            reversed: try reversed(row))
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func stripeOnlyPair(_ row: Row) throws -> DifferingPair {
        let named = try charge(row)
        var pair = IntentPair(
            stripe: try intent(row), charge: nil, liveIntentsOfCharge: Int(try row["live"] as Int64),
            reversed: try reversed(row))
        if let named, let other = named.intentID, Lookalikes.areAlike(other, pair.stripe?.id) {
            // The row was not looked at by itself: it is of another time, or its object was read alone.
            pair.charge = named
            pair.link = .lookalike
        } else if let named, let other = named.intentID {
            let status: String? = try row["other_status"]
            let isDead = status == IntentStatus.canceled.word || status == StagingTable.absent
            if !isDead { pair.chargeLinkedTo = other }
        } else if let named {
            pair.charge = named
            pair.link = .metadata
        }
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func localOnlyPair(_ row: Row) throws -> DifferingPair {
        let charge = try charge(row)
        if let look = try row["look_id"] as String? {
            let exactRow: Int64? = try row["exact_row"]
            let pair = IntentPair(
                stripe: try intent(row), charge: charge, link: .lookalike, otherRows: exactRow.map { [$0] } ?? [])
            return DifferingPair(
                account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"],
                duplicates: exactRow == nil ? nil : look)
        }
        let pair = IntentPair(stripe: nil, charge: charge)
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: nil, isFresh: false, unread: charge?.intentID)
    }
}
