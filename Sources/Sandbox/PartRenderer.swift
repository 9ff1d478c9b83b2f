/// The gaps in the texts of charges, refunds and payments of invoices.
enum PartSlot: String, Sendable {
    case id, amount, captured, charge, created, currency, customer, description, descriptor, dispute, disputed, invoice
    case livemode, metadata, outcome, paid, reason, refunded, status
    case amountCaptured = "amount_captured"
    case amountRefunded = "amount_refunded"
    case amountRequested = "amount_requested"
    case isDefault = "is_default"
    case balanceTransaction = "balance_transaction"
    case canceledAt = "canceled_at"
    case destinationDetails = "destination_details"
    case failureCode = "failure_code"
    case failureMessage = "failure_message"
    case paidAt = "paid_at"
    case payment
    case paymentIntent = "payment_intent"
    case paymentMethod = "payment_method"
    case paymentMethodDetails = "payment_method_details"
    case receiptURL = "receipt_url"
    case taxID = "tax_id"
}

/// Writes charges, refunds, disputes and credit notes as Stripe does.
struct PartRenderer: Sendable {
    let space: IDSpace
    let livemode: Bool
    let accountID: String
    let descriptor: String
    private let charges: [Template<PartSlot>]
    private let refunds: [Template<PartSlot>]
    private let payments: [Template<PartSlot>]

    init(space: IDSpace, account: SandboxAccount) {
        self.space = space
        livemode = account.livemode
        accountID = account.accountID
        descriptor = String(account.displayName.uppercased().filter { $0.isLetter || $0 == " " }.prefix(22))
        func templates(_ text: String) -> [Template<PartSlot>] {
            [0, 2, 4].map { Template(text, depth: $0) { PartSlot(rawValue: $0) } }
        }
        // At any depth: a charge also stands inside its intent.
        charges = (0...4).map { Template(ChargeText.any, depth: $0) { PartSlot(rawValue: $0) } }
        refunds = templates(RefundText.any)
        // A payment also stands inside its invoice.
        payments = (0...5).map { Template(InvoicePaymentText.dahlia, depth: $0) { PartSlot(rawValue: $0) } }
    }

    /// - Parameter expanding: the charge that was refunded or is disputed is written whole, where it was asked for.
    func sizeBound(_ record: PartRecord, _ version: SandboxAPIVersion, expanding: Bool = false) -> Int {
        if expanding, let charge = takenBackOf(record) {
            return sizeBound(record, version) + sizeBound(charge, version)
        }
        let words = 6 * (record.intent.metadata.wordsLength + (record.intent.description ?? "").utf8.count)
        switch record.part.kind {
        case .charge: return charges[4].sizeBound + 6_144 + words
        case .refund: return refunds[2].sizeBound + 1_024 + 6 * refund(record).metadata.wordsLength
        case .dispute: return disputeJSON(record, version).sizeBound(depth: 6)
        case .creditNote: return creditNoteJSON(record, version).sizeBound(depth: 6)
        }
    }

    /// `depth` is that of the first brace: 0 alone, 2 in a list or an event, 4 in an event of a list. A charge inside
    /// an intent is one deeper than that.
    func write(
        _ record: PartRecord, _ version: SandboxAPIVersion, depth: Int, expanding: Bool = false, to pen: inout Pen
    ) {
        let whole = expanding ? takenBackOf(record) : nil
        switch record.part.kind {
        case .charge:
            charges[depth].write(to: &pen) { slot, pen in
                writeCharge(slot, record, version, depth: depth, to: &pen)
            }
        case .refund:
            refunds[depth / 2].write(to: &pen) { slot, pen in
                if slot == .charge, let whole { return write(whole, version, depth: depth + 1, to: &pen) }
                writeRefund(slot, record, depth: depth, to: &pen)
            }
        case .dispute:
            let charge = whole.map { charge in
                String(unsafeUninitializedCapacity: sizeBound(charge, version)) { buffer in
                    var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
                    write(charge, version, depth: depth + 1, to: &pen)
                    return pen.count
                }
            }
            disputeJSON(record, version, charge: charge).write(depth: depth, to: &pen)
        case .creditNote: creditNoteJSON(record, version).write(depth: depth, to: &pen)
        }
    }

    /// The charge that a refund or a dispute is about.
    private func takenBackOf(_ record: PartRecord) -> PartRecord? {
        switch record.part.kind {
        case .refund: record.intent.record(.charge, refund(record).attempt)
        case .dispute: record.intent.record(.charge, record.intent.aftermath.disputes[record.part.number].attempt)
        case .charge, .creditNote: nil
        }
    }

    func attempt(_ record: PartRecord) -> IntentAttempt { record.intent.attempts[record.part.number] }
    func refund(_ record: PartRecord) -> Aftermath.Refund { record.intent.aftermath.refunds[record.part.number] }

    func id(_ record: PartRecord) -> String {
        space.text(record.part.kind.objectKind, record.part.index, createdSeconds: record.createdSeconds)
    }

    func intentID(_ intent: IntentRecord) -> String {
        space.text(intent.kind, intent.index, createdSeconds: intent.createdSeconds)
    }

    /// The id of the charge of this attempt.
    func chargeID(_ intent: IntentRecord, _ attempt: Int) -> String {
        intent.record(.charge, attempt).map { id($0) } ?? "ch_none"
    }

    private func writeID(_ record: PartRecord, to pen: inout Pen) {
        pen.id(record.part.kind.objectKind, record.part.index, createdSeconds: record.createdSeconds, in: space)
    }

    private func writeCharge(
        _ slot: PartSlot, _ record: PartRecord, _ version: SandboxAPIVersion, depth: Int, to pen: inout Pen
    ) {
        let intent = record.intent
        let attempt = attempt(record)
        let isPaid = attempt.outcome == .succeeded
        let refunded = intent.aftermath?.refunded(attempt: record.part.number) ?? 0
        switch slot {
        case .id: writeID(record, to: &pen)
        case .amount: pen.integer(intent.amount)
        case .amountCaptured: pen.integer(isPaid || attempt.outcome == .pending ? intent.amount : 0)
        case .amountRefunded: pen.integer(refunded)
        case .balanceTransaction:
            let has = isPaid || attempt.outcome == .pending
            optionalID(.chargeTransaction, has ? record.part.index : nil, record.createdSeconds, to: &pen)
        case .captured: pen.boolean(isPaid || attempt.outcome == .pending)
        case .created: pen.integer(record.createdSeconds)
        case .currency: intent.currency.write(to: &pen)
        case .customer: optionalID(.customer, intent.customer < 0 ? nil : intent.customer, 0, to: &pen)
        case .description: pen.quoted(optional: intent.description)
        case .descriptor: pen.quoted(descriptor)
        case .dispute: pen.quoted(optional: disputeID(record))
        case .disputed: pen.boolean(disputeID(record) != nil)
        case .failureCode: pen.quoted(optional: attempt.decline?.code)
        case .failureMessage: pen.quoted(optional: attempt.decline?.message)
        case .invoice:
            guard version == .v2023 else { return }
            pen.line(depth + 1)
            pen.text("\"invoice\": ")
            optionalID(.invoice, intent.invoice?.index, intent.invoice?.createdSeconds ?? 0, to: &pen)
            pen.text(",")
        case .livemode: pen.boolean(livemode)
        case .metadata: pen.metadata(intent.metadata, depth: depth + 1)
        case .outcome: outcome(attempt, intent, version).write(depth: depth + 1, to: &pen)
        case .paid: pen.boolean(isPaid || attempt.outcome == .uncaptured)
        case .paymentIntent: optionalIntent(intent, to: &pen)
        case .paymentMethod: pen.id(.paymentMethod, intent.index, createdSeconds: intent.createdSeconds, in: space)
        case .paymentMethodDetails: methodDetails(intent, version).write(depth: depth + 1, to: &pen)
        case .receiptURL: writeReceipt(record, isPaid, to: &pen)
        case .refunded: pen.boolean(refunded > 0 && refunded >= intent.amount)
        case .status:
            pen.text(attempt.decline != nil ? "failed" : attempt.outcome == .pending ? "pending" : "succeeded")
        case .taxID:
            guard version == .dahlia else { return }
            pen.text(",")
            pen.line(depth + 2)
            pen.text("\"tax_id\": null")
        case .amountRequested, .canceledAt, .charge, .destinationDetails, .isDefault, .paidAt, .payment, .reason: break
        }
    }

    private func writeReceipt(_ record: PartRecord, _ isPaid: Bool, to pen: inout Pen) {
        guard isPaid else { return pen.text("null") }
        pen.text("\"https://pay.stripe.com/receipts/payment/")
        pen.base62(scrambled(record.intent.hash), digits: 10)
        pen.base62(scrambled(record.intent.hash ^ 3), digits: 10)
        pen.text("\"")
    }

    /// The dispute about a charge.
    private func disputeID(_ record: PartRecord) -> String? {
        record.intent.aftermath.disputes.firstIndex { $0.attempt == record.part.number }
            .flatMap { record.intent.record(.dispute, $0) }.map { id($0) }
    }

    func optionalID(_ kind: ObjectKind, _ index: Int64?, _ createdSeconds: Int64, to pen: inout Pen) {
        guard let index else { return pen.text("null") }
        pen.text("\"")
        pen.id(kind, index, createdSeconds: createdSeconds, in: space)
        pen.text("\"")
    }

    /// `null` of a charge that has none.
    private func optionalIntent(_ intent: IntentRecord, to pen: inout Pen) {
        optionalID(intent.kind, intent.means == .intent ? intent.index : nil, intent.createdSeconds, to: &pen)
    }

    private func writeRefund(_ slot: PartSlot, _ record: PartRecord, depth: Int, to pen: inout Pen) {
        let refund = refund(record)
        switch slot {
        case .id: writeID(record, to: &pen)
        case .amount: pen.integer(refund.amount)
        case .balanceTransaction:
            optionalID(.refundTransaction, record.part.index, record.createdSeconds, to: &pen)
        case .charge: pen.quoted(chargeID(record.intent, refund.attempt))
        case .created: pen.integer(record.createdSeconds)
        case .currency: record.intent.currency.write(to: &pen)
        case .destinationDetails: destination(record.intent).write(depth: depth + 1, to: &pen)
        case .metadata: pen.metadata(refund.metadata, depth: depth + 1)
        case .paymentIntent: optionalIntent(record.intent, to: &pen)
        case .reason: pen.quoted(optional: refund.reason)
        case .status: pen.text(refund.status.rawValue)
        default: break
        }
    }

    private func destination(_ intent: IntentRecord) -> JSON {
        guard !intent.isBankTransfer else {
            let transfer = JSON.object([("reference", .null), ("reference_status", .null)])
            return .object([("type", .string("us_bank_transfer")), ("us_bank_transfer", transfer)])
        }
        let card: [(String, JSON)] = [
            ("reference_status", .string("pending")), ("reference_type", .string("acquirer_reference_number")),
            ("type", .string("refund")),
        ]
        return .object([("card", .object(card)), ("type", .string("card"))])
    }
}

extension PartRenderer {
    /// An upper bound of what the payment of an invoice needs.
    var paymentSizeBound: Int { payments[5].sizeBound + 512 }

    /// The payment of a finalized invoice, at the depth of its first brace.
    func writePayment(_ payment: InvoicePaymentRecord, depth: Int, to pen: inout Pen) {
        let intent = payment.intent
        let isPaid = intent.status == .succeeded
        payments[depth].write(to: &pen) { slot, pen in
            switch slot {
            case .id: pen.id(payment.kind, payment.index, createdSeconds: payment.createdSeconds, in: space)
            case .amount: pen.optional(isPaid ? payment.amount : nil)
            case .amountRequested: pen.integer(payment.amount)
            case .created: pen.integer(payment.createdSeconds)
            case .currency: intent.currency.write(to: &pen)
            case .invoice:
                pen.id(.invoice, payment.invoice.index, createdSeconds: payment.invoice.createdSeconds, in: space)
            case .isDefault: pen.boolean(payment.kind == .invoicePayment)
            case .livemode: pen.boolean(livemode)
            case .payment: source(intent).write(depth: depth + 1, to: &pen)
            case .status: pen.text(isPaid ? "paid" : intent.status == .canceled ? "canceled" : "open")
            case .canceledAt: pen.optional(intent.canceledSeconds)
            case .paidAt: pen.optional(isPaid ? intent.succeededSeconds : nil)
            default: break
            }
        }
    }

    private func source(_ intent: IntentRecord) -> JSON {
        let (type, id) =
            switch intent.means {
            case .intent: ("payment_intent", intentID(intent))
            case .charge: ("charge", chargeID(intent, 0))
            case .record: ("payment_record", recordID(intent))
            }
        return .object([(type, .string(id)), ("type", .string(type))])
    }

    /// The id of what stands at Stripe for a payment elsewhere.
    func recordID(_ intent: IntentRecord) -> String { "pr_1" + Base62.text(scrambled(intent.hash), digits: 10) }
}
