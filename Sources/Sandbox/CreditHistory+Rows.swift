/// The local side of the history.
extension CreditHistory {
    /// All places, made as they are asked for.
    public var orders: LazyMapCollection<Range<Int>, CreditOrder> {
        let history = self
        return (0..<count).lazy.map { history.order(at: $0) }
    }

    /// The rows of `task_credit_stripe_invoice`, made as they are asked for, ordered by id.
    public var localRows: some Sequence<CreditRow> {
        let history = self
        return (0..<count).lazy.compactMap { history.row(at: $0) }
    }

    /// What an expiry of the account has to remove.
    public var expectedExpiry: ExpectedExpiry {
        ExpectedExpiry(draftIDs: staleDraftIDs, intentIDs: staleIntentIDs)
    }

    /// The drafts that an expiry has to delete: older than `stale_after` and without `auto_advance`.
    public var staleDraftIDs: [String] {
        (0..<count).compactMap { index in
            guard fate(index) == .draft, nowSeconds - timeline.seconds(at: Int64(index)) > staleAfterSeconds,
                !invoice(Int64(index)).autoAdvance
            else { return nil }
            return invoiceID(at: index)
        }
    }

    /// The place at `index`, in constant time.
    public func order(at index: Int) -> CreditOrder {
        let basics = basics(index)
        let planting = planting(index)
        return CreditOrder(
            index: index, orderID: orderID(index), agencyID: basics.agency, agencyMemberID: basics.member,
            orderOptionID: basics.option.id, credits: basics.option.credits, amountCents: basics.option.priceCents,
            createdSeconds: timeline.seconds(at: Int64(index)),
            plant: planting.flatMap { $0.main == nil ? $0.plant : nil }, invoice: stripeInvoice(at: index),
            row: row(at: index))
    }

    /// The id that the invoice at `index` has in Stripe.
    public func invoiceID(at index: Int) -> String {
        space.text(.invoice, Int64(index), createdSeconds: timeline.seconds(at: Int64(index)))
    }

    /// The invoice at `index` as Stripe has it, a deleted one included; `nil` where there never was one.
    public func stripeInvoice(at index: Int) -> CreditInvoice? {
        let fate = fate(index)
        guard fate != .never else { return nil }
        let record = invoice(Int64(index))
        guard case .order(let order, let agency, let member, _) = record.theme else { return nil }
        return CreditInvoice(
            id: invoiceID(at: index), customerID: space.text(.customer, record.customer, createdSeconds: 0),
            status: record.status, createdSeconds: record.createdSeconds, finalizedSeconds: record.finalizedSeconds,
            paidSeconds: record.paidSeconds, voidedSeconds: record.voidedSeconds,
            uncollectibleSeconds: record.uncollectibleSeconds,
            deletedSeconds: fate == .deleted ? deletedSeconds(index) : nil, dueSeconds: record.dueSeconds,
            total: record.total, amountDue: record.amountDue, amountPaid: record.amountPaid,
            prePaymentCredit: record.prePaymentCredit, postPaymentCredit: record.postPaymentCredit,
            refunded: record.aftermath.refunds.reduce(0) { $0 + $1.amount },
            isDisputed: !record.aftermath.disputes.isEmpty,
            currency: record.currency.code, autoAdvance: record.autoAdvance, orderID: order, agencyID: agency,
            agencyMemberID: member)
    }

    private func local(_ index: Int) -> Plant.Local {
        guard let planting = planting(index) else { return natural(index).local }
        guard planting.main != nil else { return planting.plant.local(planting.number) }
        return planting.plant == .duplicateLocal ? .open : .absent
    }

    /// The local row at `index`; `nil` where the tables have none.
    public func row(at index: Int) -> CreditRow? {
        let local = local(index)
        guard local != .absent else { return nil }
        let basics = basics(index)
        let record = invoice(Int64(index))
        var row = CreditRow(
            id: orderID(index), agencyID: basics.agency, agencyMemberID: basics.member,
            orderOptionID: basics.option.id, credits: basics.option.credits, amountCents: basics.option.priceCents,
            currency: "usd", stripeInvoiceID: storedID(index, local), hostedInvoiceURL: nil, paid: local == .paid,
            paidSeconds: nil, cancelledSeconds: nil, createdSeconds: record.createdSeconds - Int64(record.hash & 1))
        if row.stripeInvoiceID != nil, record.finalizedSeconds != nil {
            row.hostedInvoiceURL = record.hostedURL(accountID: accountID, livemode: false)
        }
        let guess = min(record.createdSeconds + 3_600, nowSeconds - 60)
        if local == .paid { row.paidSeconds = record.paidSeconds ?? guess }
        if local == .cancelled {
            let end = record.voidedSeconds ?? record.uncollectibleSeconds
            row.cancelledSeconds = end.map { $0 + 2 } ?? guess
        }
        return row
    }

    /// The invoice id as the row has it, which is not always as it should be.
    private func storedID(_ index: Int, _ local: Plant.Local) -> String? {
        guard local != .unlinked else { return nil }
        guard let planting = planting(index) else { return invoiceID(at: index) }
        let id = invoiceID(at: planting.main ?? index)
        let isSpoilt = planting.plant == .malformedID || (planting.plant == .duplicateLocal && planting.main != nil)
        guard isSpoilt else { return id }
        return planting.number.isMultiple(of: 2) ? id + " " : "in_" + id.dropFirst(3).lowercased()
    }
}
