/// Invoices and payment intents of every kind, as a general account has them.
struct PlainHistory: GeneratedHistory {
    let seed: UInt64
    private let invoiceTimes: Timeline
    private let intentTimes: Timeline
    private let fromSeconds: Int64

    init(
        seed: UInt64, invoices: Int, paymentIntents: Int, fromSeconds: Int64, toSeconds: Int64, skew: SandboxSkew
    ) {
        self.seed = seed
        self.fromSeconds = fromSeconds
        invoiceTimes = Timeline(
            count: Int64(invoices), fromSeconds: fromSeconds, toSeconds: toSeconds, skew: skew, seed: seed ^ 1)
        intentTimes = Timeline(
            count: Int64(paymentIntents), fromSeconds: fromSeconds, toSeconds: toSeconds, skew: skew, seed: seed ^ 2)
    }

    var invoiceCount: Int64 { invoiceTimes.count }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { invoiceTimes.seconds(at: index) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .exists }
    var finalizeDelaySeconds: Int64 { 3_600 }
    var longestLifeSeconds: Int64 { 40 * 86_400 }
    var longLivedInvoices: [Int64] { [] }
    var intentCount: Int64 { intentTimes.count }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { intentTimes.seconds(at: index) }
    var customerCount: Int64 { max(1, (invoiceCount + intentCount) / 20) }

    func isUndelivered(invoice index: Int64) -> Bool {
        scrambled(seed ^ UInt64(bitPattern: index) ^ 0xDE11) & 255 == 0
    }

    func customer(_ index: Int64) -> CustomerRecord {
        let hash = scrambled(seed ^ 0xC057 ^ UInt64(bitPattern: index))
        var customer = CustomerRecord(
            index: index, createdSeconds: fromSeconds - 86_400 * (1 + Int64(hash & 63)), hash: hash)
        customer.isGeneratedPerson = true
        customer.hasAddress = hash >> 20 & 3 != 0
        return customer
    }

    func invoice(_ index: Int64) -> InvoiceRecord {
        var draw = SeededDraw(seed: seed, 0x1A, UInt64(bitPattern: index))
        var record = InvoiceRecord(
            index: index, hash: draw.next(), createdSeconds: invoiceTimes.seconds(at: index))
        record.customer = draw.below(customerCount)
        if draw.below(10) < 4 { record.subscription = record.customer }
        record.sendsInvoice = draw.below(4) == 0
        (record.currency, record.taxPercent) = Self.currencies[Int(draw.below(10))]
        record.lineCount = Self.lineCounts[Int(draw.below(6))]
        record.subtotal = Self.amounts[Int(draw.below(8))] * Int64(record.lineCount * 2)
        if record.sendsInvoice { record.dueSeconds = record.createdSeconds + 30 * 86_400 }
        run(&record, share: draw.below(100), delay: draw.below(25 * 86_400))
        return record
    }

    /// What happens to an invoice: 70 % are paid, 12 % stay open, 8 % stay drafts, 7 % are voided, 3 % given up.
    private func run(_ record: inout InvoiceRecord, share: Int64, delay: Int64) {
        guard share >= 8 else {
            record.autoAdvance = share < 3
            return
        }
        let finalized = record.createdSeconds + finalizeDelaySeconds
        record.finalizedSeconds = finalized
        switch share {
        case 8..<20: record.status = .open
        case 20..<27:
            record.status = .void
            record.voidedSeconds = finalized + delay
        case 27..<30:
            record.status = .uncollectible
            record.uncollectibleSeconds = finalized + 10 * 86_400 + delay
        default:
            record.status = .paid
            record.paidSeconds = finalized + (record.sendsInvoice ? delay : 7)
            record.amountPaid = record.amountDue
            record.attempted = true
            record.attemptCount = 1
            guard let paid = record.paidSeconds, record.amountPaid > 0 else { return }
            record.aftermath = aftermath(record.hash, paid: record.amountPaid, paidSeconds: paid)
            if record.hash >> 44 & 63 == 9 {
                let amount = max(1, record.amountPaid / 5)
                record.aftermath = record.aftermath.with(
                    Aftermath.CreditNote(
                        createdSeconds: paid + 90_000, amount: amount, isPostPayment: true, reason: "order_change"))
                record.postPaymentCredit = amount
            }
        }
    }

    /// Of a hundred payments three are given back, some of them in part, and one is disputed.
    private func aftermath(_ hash: UInt64, paid: Int64, paidSeconds: Int64) -> Aftermath? {
        switch hash >> 28 & 127 {
        case 0..<4:
            let amount = hash >> 36 & 1 == 0 ? paid : max(1, paid / 3)
            return Aftermath(refunds: [
                .init(createdSeconds: paidSeconds + 7_200, amount: amount, reason: "requested_by_customer")
            ])
        case 4:
            return Aftermath(disputes: [.init(createdSeconds: paidSeconds + 400_000, amount: paid)])
        default: return nil
        }
    }

    func intent(_ index: Int64) -> IntentRecord {
        var draw = SeededDraw(seed: seed, 0x9, UInt64(bitPattern: index))
        var record = IntentRecord(
            kind: .intent, index: index, hash: draw.next(), createdSeconds: intentTimes.seconds(at: index),
            amount: Self.amounts[Int(draw.below(8))])
        record.currency = Self.currencies[Int(draw.below(10))].0
        record.customer = draw.below(customerCount)
        record.metadata = [("agency_id", String(1 + draw.below(200))), ("charge_id", String(1 + index))]
        switch draw.below(100) {
        case 0..<72:
            record.status = .succeeded
            record.succeededSeconds = record.createdSeconds + 3
            record.attempts = [IntentAttempt(createdSeconds: record.createdSeconds + 3, outcome: .succeeded)]
            record.aftermath = aftermath(record.hash, paid: record.amount, paidSeconds: record.createdSeconds + 3)
        case 72..<82:
            let decline = SandboxDecline.allCases[Int(record.hash >> 7 & 255) % SandboxDecline.allCases.count]
            if draw.below(10) < 6 {
                record.attempts = [
                    IntentAttempt(createdSeconds: record.createdSeconds + 2, outcome: .declined(decline))
                ]
            }
        case 82..<86: record.status = .requiresAction
        case 86..<92:
            record.status = .canceled
            record.canceledSeconds = record.createdSeconds + 9_999
            record.cancellationReason = draw.below(2) == 0 ? "abandoned" : "requested_by_customer"
        case 92..<96:
            record.status = .processing
            record.isBankTransfer = true
            record.attempts = [IntentAttempt(createdSeconds: record.createdSeconds + 2, outcome: .pending)]
        case 96..<98:
            record.status = .requiresCapture
            record.capturesManually = true
            record.attempts = [IntentAttempt(createdSeconds: record.createdSeconds + 2, outcome: .uncaptured)]
        default: record.status = .requiresConfirmation
        }
        return record
    }

    private static let currencies: [(Currency, Int64)] =
        Array(repeating: (.usd, 0), count: 6) + [(.eur, 19), (.eur, 19), (.gbp, 20), (.jpy, 10)]
    private static let lineCounts = [1, 1, 1, 2, 2, 3]
    private static let amounts: [Int64] = [100, 499, 990, 1_500, 2_000, 4_900, 12_500, 99_900]
}
