/// The invoices of the agencies. Their intents belong to them and are never orphans of their own.
extension AgencyHistory {
    var invoiceCount: Int64 { Int64(invoices) }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { billing.createdSeconds(index) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .exists }
    func invoice(_ index: Int64) -> InvoiceRecord { billing.invoice(index) }
    func isUndelivered(finalizationOf index: Int64) -> Bool { billing.isUndelivered(index) }

    /// A row of `agency_invoice_notice`.
    public typealias Notice = AgencyNotice

    /// The notices that were recorded: one for each finalized invoice, but for the missed ones.
    public var notices: some Sequence<AgencyNotice> { billing.notices }

    /// The ids of the finalized invoices without a notice, in order of creation.
    public var unnoticedInvoiceIDs: [String] { billing.unnoticedIDs }

    /// What an expiry of the account has to remove.
    public var expectedExpiry: ExpectedExpiry {
        ExpectedExpiry(draftIDs: staleDraftIDs, intentIDs: staleIntentIDs)
    }

    /// The drafts that an expiry has to delete: older than `stale_after`, without `auto_advance`, no subscription's.
    public var staleDraftIDs: [String] { billing.staleDraftIDs(staleAfterSeconds: staleAfterSeconds) }

    /// The payment intents that an expiry has to cancel: never confirmed, older than `stale_after`, and no Checkout
    /// session's.
    public var staleIntentIDs: [String] {
        (0..<count).compactMap { index in
            guard hasIntent(Int64(index)) else { return nil }
            let isStale = intent(Int64(index)).isExpirable(
                nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds)
            return isStale ? paymentIntentID(at: index) : nil
        }
    }
}
