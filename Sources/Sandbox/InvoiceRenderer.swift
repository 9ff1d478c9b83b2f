/// Writes invoices as Stripe does. One per account; it has no state of its own.
struct InvoiceRenderer: Sendable {
    let space: IDSpace
    let accountID: String
    let accountName: String
    let livemode: Bool
    private let layouts: [InvoiceLayout]
    private let lineLists: [LineLayout]

    /// The depths at which an invoice stands: alone, in a list or an event, and in an event of a list.
    private static let depths = [0, 2, 4]

    init(space: IDSpace, accountID: String, accountName: String, livemode: Bool) {
        self.space = space
        self.accountID = accountID
        self.accountName = accountName
        self.livemode = livemode
        layouts = SandboxAPIVersion.allCases.flatMap { version in
            Self.depths.map { InvoiceLayout(version: version, depth: $0) }
        }
        lineLists = SandboxAPIVersion.allCases.map { LineLayout(version: $0, depth: 2) }
    }

    func layout(_ version: SandboxAPIVersion, depth: Int) -> InvoiceLayout {
        layouts[version.position * Self.depths.count + depth / 2]
    }

    /// An upper bound of the bytes that ``write(_:customer:layout:payments:to:)`` needs.
    func sizeBound(
        _ record: InvoiceRecord, customer: CustomerRecord?, layout: InvoiceLayout, payments: ShownPayments? = nil
    ) -> Int {
        let fixed = layout.invoice.sizeBound + 4_096
        let line = layout.lines.item.sizeBound + 2_048
        return fixed + line * record.lines + 6 * (record.wordsLength + (customer?.wordsLength ?? 0))
            + (payments?.sizeBound ?? 0)
    }

    /// - Parameter payments: shown where the version has them in an invoice; `nil`: nobody asked for them.
    func write(
        _ record: InvoiceRecord, customer: CustomerRecord?, layout: InvoiceLayout, payments: ShownPayments? = nil,
        to pen: inout Pen
    ) {
        layout.invoice.write(to: &pen) { slot, pen in
            switch slot {
            case .word(let word): write(word, record, customer, layout, to: &pen)
            case .amount(let amount): write(amount, record, to: &pen)
            case .time(let time): write(time, record, to: &pen)
            case .flag(let flag): write(flag, record, to: &pen)
            case .block(.payments):
                if let payments { payments.write(depth: layout.depth + 1, to: &pen) }
            case .block(let block): write(block, record, customer, layout, to: &pen)
            }
        }
    }

    /// The layout of a line in `GET /v1/invoices/:id/lines`.
    func lineLayout(_ version: SandboxAPIVersion) -> LineLayout { lineLists[version.position] }

    private func write(_ slot: InvoiceSlot.Amount, _ record: InvoiceRecord, to pen: inout Pen) {
        switch slot {
        case .subtotal: pen.integer(record.subtotal)
        case .tax: pen.optional(record.taxPercent == 0 ? nil : record.tax)
        case .total: pen.integer(record.total)
        case .amountDue: pen.integer(record.amountDue)
        case .amountPaid: pen.integer(record.amountPaid)
        case .amountRemaining: pen.integer(record.amountRemaining)
        case .attemptCount: pen.integer(record.attemptCount)
        case .endingBalance: pen.optional(record.finalizedSeconds == nil ? nil : 0)
        case .lineCount: pen.integer(Int64(record.lines))
        case .postPaymentCredit: pen.integer(record.postPaymentCredit)
        case .prePaymentCredit: pen.integer(record.prePaymentCredit)
        }
    }

    private func write(_ slot: InvoiceSlot.Time, _ record: InvoiceRecord, to pen: inout Pen) {
        let advances = record.status == .draft && record.autoAdvance
        switch slot {
        case .created, .periodEnd, .webhooksDeliveredAt: pen.integer(record.createdSeconds)
        case .periodStart: pen.integer(record.createdSeconds - (record.isOneOff ? 0 : 2_592_000))
        // One second more than the hour, as recorded.
        case .automaticallyFinalizesAt: pen.optional(advances ? record.createdSeconds + 3_601 : nil)
        case .nextPaymentAttempt: pen.optional(advances && !record.sendsInvoice ? record.createdSeconds + 3_600 : nil)
        case .dueDate: pen.optional(record.dueSeconds)
        case .finalizedAt: pen.optional(record.finalizedSeconds)
        case .paidAt: pen.optional(record.paidSeconds)
        case .uncollectibleAt: pen.optional(record.uncollectibleSeconds)
        case .voidedAt: pen.optional(record.voidedSeconds)
        }
    }

    private func write(_ slot: InvoiceSlot.Flag, _ record: InvoiceRecord, to pen: inout Pen) {
        switch slot {
        case .attempted: pen.boolean(record.attempted)
        case .livemode: pen.boolean(livemode)
        case .paid: pen.boolean(record.status == .paid)
        case .autoAdvance: pen.boolean(record.autoAdvance)
        case .linesMore: pen.boolean(record.lines > InvoiceRecord.linesShown)
        case .paidOutOfBand: pen.boolean(record.paidOutOfBand)
        }
    }
}

extension InvoiceRecord {
    /// An invoice shows its first lines; the rest has to be listed.
    static let linesShown = 10

    /// The bytes of everything that somebody wrote.
    var wordsLength: Int {
        guard let words else { return 0 }
        let lines = (words.lines ?? []).map { ($0.description ?? "").utf8.count + $0.metadata.wordsLength }
        return words.metadata.wordsLength + (words.description ?? "").utf8.count + (words.footer ?? "").utf8.count
            + lines.reduce(0, +)
    }
}

extension CustomerRecord {
    var wordsLength: Int {
        guard !isGeneratedPerson else { return 0 }
        return [name, email, phone, description].reduce(0) { $0 + ($1 ?? "").utf8.count } + metadata.wordsLength
    }
}

extension [(key: String, value: String)] {
    /// The bytes of all keys and values, with room for the marks around them.
    var wordsLength: Int { reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 32 } }
}
