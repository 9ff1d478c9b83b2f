import PostgreSQL
import Reconciliation

// Rows to pairs.
extension InvoiceDiff {
    private func invoice(_ row: Row) throws -> InvoiceFacts? {
        let word: String = try row["s_status"]
        guard word != StagingTable.absent else { return nil }
        return InvoiceFacts(
            id: try row["s_id"], status: InvoiceStatus(word), createdSeconds: try row["s_created"],
            currency: try row["s_currency"], total: try row["s_total"], prePaymentCredit: try row["s_pre"],
            postPaymentCredit: try row["s_post"], customer: try row["s_customer"], dueSeconds: try row["s_due"],
            autoAdvance: try row["s_auto"], isSubscription: try row["s_sub"], orderID: try row["s_order"],
            agencyID: try row["s_agency"], paidAtSeconds: try row["s_paid_at"],
            voidedAtSeconds: try row["s_voided_at"], finalizedAtSeconds: try row["s_finalized_at"],
            paymentIntent: try row["s_intent"])
    }

    private func order(_ row: Row) throws -> OrderFacts? {
        guard let key = try row["l_key"] as Int64? else { return nil }
        return OrderFacts(
            rowID: key, invoiceID: try row["l_id"], agencyID: try row["l_agency"], credits: try row["l_credits"],
            amount: try row["l_amount"], currency: try row["l_currency"], paid: try row["l_paid"],
            isCancelled: try row["l_cancelled"], createdSeconds: try row["l_created"], customer: try row["l_customer"])
    }

    private func reversed(_ row: Row) throws -> Reversed {
        Reversed(refunded: try row["refunded"], disputed: try row["disputed"], isShared: try row["is_shared"])
    }

    func matchedPair(_ row: Row, lookalikes: [String: [Int64]]) throws -> DifferingPair {
        let id: String = try row["s_id"]
        return DifferingPair(
            account: account,
            pair: .order(
                InvoicePair(
                    stripe: try invoice(row), order: try order(row), otherRows: lookalikes[id] ?? [],
                    liveInvoicesOfOrder: Int(try row["live"] as Int64),
                    reversed: try reversed(row))),
            requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func stripeOnlyPair(_ row: Row) throws -> DifferingPair {
        let named = try order(row)
        var pair = InvoicePair(
            stripe: try invoice(row), order: nil, liveInvoicesOfOrder: Int(try row["live"] as Int64),
            reversed: try reversed(row))
        if let named, let other = named.invoiceID, Lookalikes.areAlike(other, pair.stripe?.id) {
            // The row was not looked at by itself: it is of another time, or its object was read alone.
            pair.order = named
            pair.link = .lookalike
        } else if let named, let other = named.invoiceID {
            let status: String? = try row["other_status"]
            let isDead = status == "void" || status == "uncollectible" || status == StagingTable.absent
            if !isDead { pair.orderLinkedTo = other }
        } else if let named {
            pair.order = named
            pair.link = .metadata
        }
        return DifferingPair(
            account: account, pair: .order(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func localOnlyPair(_ row: Row) throws -> DifferingPair {
        var order = try order(row)
        order?.isPlacedHere = try row["l_placed"]
        if let look = try row["look_id"] as String? {
            let exactRow: Int64? = try row["exact_row"]
            let pair = InvoicePair(
                stripe: try invoice(row), order: order, link: .lookalike, otherRows: exactRow.map { [$0] } ?? [])
            return DifferingPair(
                account: account, pair: .order(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"],
                duplicates: exactRow == nil ? nil : look)
        }
        let pair = InvoicePair(stripe: nil, order: order)
        return DifferingPair(
            account: account, pair: .order(pair), requestID: nil, isFresh: false, unread: order?.invoiceID)
    }
}
