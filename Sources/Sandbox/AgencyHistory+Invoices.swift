/// The invoices of the agencies. Their intents belong to them and are never orphans of their own.
extension AgencyHistory {
    var invoiceCount: Int64 { Int64(invoices) }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { invoiceTimes.seconds(at: index) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .exists }

    static func invoiceFate(_ seed: UInt64, _ index: Int) -> SandboxInvoiceStatus {
        switch scrambled(seed ^ 0x1F7 ^ UInt64(index)) % 100 {
        case 0..<6: .draft
        case 6..<20: .open
        case 20..<26: .void
        case 26..<28: .uncollectible
        default: .paid
        }
    }

    func invoice(_ index: Int64) -> InvoiceRecord {
        var draw = SeededDraw(seed: seed, 0x11, UInt64(bitPattern: index))
        var record = InvoiceRecord(
            index: index, hash: draw.next(), createdSeconds: invoiceTimes.seconds(at: index))
        let agency = 1 + draw.below(Int64(agencyCount))
        record.customer = agency
        record.theme = .agency(id: agency)
        record.subtotal = 5_000 * (1 + draw.below(40))
        record.dueSeconds = record.createdSeconds + 30 * 86_400
        let finalized = record.createdSeconds + finalizeDelaySeconds
        let age = nowSeconds - finalized - 300
        let end = finalized + 60 + draw.below(max(1, min(age - 120, 25 * 86_400)))
        record.status = Self.invoiceFate(seed, Int(index))
        if record.status != .draft { record.finalizedSeconds = finalized }
        switch record.status {
        case .draft:
            // Of four drafts one is finalized by Stripe itself, and one is a subscription's: neither is ever stale.
            record.autoAdvance = record.hash & 3 == 0
            if record.hash & 3 == 1 { record.subscription = agency }
        case .open: break
        case .void: record.voidedSeconds = end
        case .uncollectible: record.uncollectibleSeconds = end
        case .paid:
            record.paidSeconds = end
            record.amountPaid = record.amountDue
            record.attempted = true
            record.attemptCount = 1
        }
        return record
    }

    /// A row of `agency_invoice_notice`.
    public struct Notice: Sendable, Hashable {
        /// The id of the invoice, which is the primary key.
        public var stripeInvoiceID: String
        /// The name of the account.
        public var account: String
        /// The id of the agency.
        public var agencyID: Int64
        /// When the e-mail went out, in Unix seconds.
        public var sentSeconds: Int64
    }

    /// The notices that were recorded: one for each finalized invoice, but for the missed ones.
    public var notices: some Sequence<Notice> {
        let history = self
        return (0..<invoices).lazy.compactMap { index -> Notice? in
            let record = history.invoice(Int64(index))
            guard let finalized = record.finalizedSeconds, !history.unnoticed.contains(index) else { return nil }
            return Notice(
                stripeInvoiceID: history.space.text(.invoice, record.index, createdSeconds: record.createdSeconds),
                account: history.accountName, agencyID: record.customer, sentSeconds: finalized + 4)
        }
    }

    /// The drafts that an expiry has to delete: older than `stale_after`, without `auto_advance`, no subscription's.
    public var staleDraftIDs: [String] {
        (0..<invoices).compactMap { index in
            let record = invoice(Int64(index))
            let isStale = nowSeconds - record.createdSeconds > staleAfterSeconds
            guard record.status == .draft, isStale, !record.autoAdvance, record.isOneOff else { return nil }
            return space.text(.invoice, record.index, createdSeconds: record.createdSeconds)
        }
    }

    /// The payment intents that an expiry has to cancel: never confirmed, older than `stale_after`, and no Checkout
    /// session's.
    public var staleIntentIDs: [String] {
        (0..<count).compactMap { index in
            guard hasIntent(Int64(index)) else { return nil }
            let record = intent(Int64(index))
            let isOpen = record.status == .requiresPaymentMethod || record.status == .requiresConfirmation
            let isStale = nowSeconds - record.createdSeconds > staleAfterSeconds
            guard isOpen, record.attempts.isEmpty, isStale, !record.hasCheckoutSession else { return nil }
            return paymentIntentID(at: index)
        }
    }

    /// The ids of the finalized invoices without a notice, in order of creation.
    public var unnoticedInvoiceIDs: [String] {
        unnoticed.sorted().map { index in
            space.text(.invoice, Int64(index), createdSeconds: invoiceTimes.seconds(at: Int64(index)))
        }
    }
}
