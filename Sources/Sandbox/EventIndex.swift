import Synchronization

/// The events that follow from a history, for the month that can be listed: eight bytes each, built when somebody asks.
final class EventIndex: Sendable {
    /// What happened. The order is the order within one second.
    enum Kind: UInt64, CaseIterable, Sendable {
        case invoiceCreated, invoiceFinalized, invoiceOpened, intentCreated
        case intentSucceeded, intentCanceled, invoiceEnded, invoicePaid, invoicePaymentSucceeded
        case invoiceVoided, invoiceMarkedUncollectible, invoiceDeleted
        case chargeSucceeded, creditNoteCreated, refundCreated, chargeRefunded, disputeCreated
        // About payment intents of their own; everything before is about an invoice.
        case ownIntentCreated, ownIntentSucceeded, ownIntentCanceled, ownIntentFailed
        case ownIntentProcessing, ownIntentRequiresAction, ownIntentCapturable
        case ownChargeFailed, ownChargeSucceeded, ownRefundCreated, ownChargeRefunded, ownDisputeCreated

        var type: String {
            switch self {
            case .invoiceCreated: "invoice.created"
            case .invoiceFinalized: "invoice.finalized"
            case .invoiceOpened, .invoiceEnded: "invoice.updated"
            case .intentCreated, .ownIntentCreated: "payment_intent.created"
            case .intentSucceeded, .ownIntentSucceeded: "payment_intent.succeeded"
            case .intentCanceled, .ownIntentCanceled: "payment_intent.canceled"
            case .ownIntentFailed: "payment_intent.payment_failed"
            case .ownIntentProcessing: "payment_intent.processing"
            case .ownIntentRequiresAction: "payment_intent.requires_action"
            case .ownIntentCapturable: "payment_intent.amount_capturable_updated"
            case .chargeSucceeded, .ownChargeSucceeded: "charge.succeeded"
            case .ownChargeFailed: "charge.failed"
            case .chargeRefunded, .ownChargeRefunded: "charge.refunded"
            case .refundCreated, .ownRefundCreated: "refund.created"
            case .disputeCreated, .ownDisputeCreated: "charge.dispute.created"
            case .creditNoteCreated: "credit_note.created"
            case .invoicePaid: "invoice.paid"
            case .invoicePaymentSucceeded: "invoice.payment_succeeded"
            case .invoiceVoided: "invoice.voided"
            case .invoiceMarkedUncollectible: "invoice.marked_uncollectible"
            case .invoiceDeleted: "invoice.deleted"
            }
        }
    }

    /// How far back events can be listed.
    static let horizonSeconds: Int64 = 30 * 86_400
    /// How far ahead the index reaches, so that a clock that runs does not make it anew for every second.
    private static let aheadSeconds: Int64 = 86_400

    /// A sorted list of events from `baseSeconds` on.
    struct Entries: Sendable {
        let baseSeconds: Int64
        let packed: [UInt64]

        func createdSeconds(_ position: Int) -> Int64 { baseSeconds + Int64(packed[position] >> 42) }
        func index(_ position: Int) -> Int64 { Int64(packed[position] >> 6 & ((1 << 36) - 1)) }
        func kind(_ position: Int) -> Kind { Kind(rawValue: packed[position] & 63) ?? .invoiceCreated }

        /// Where an event stands.
        func position(_ kind: Kind, _ index: Int64, createdSeconds: Int64) -> Int? {
            guard let key = Self.packed(kind, index, createdSeconds, from: baseSeconds) else { return nil }
            let place = partitionPoint(packed.count) { packed[$0] >= key }
            return place < packed.count && packed[place] == key ? place : nil
        }

        static func packed(_ kind: Kind, _ index: Int64, _ seconds: Int64, from base: Int64) -> UInt64? {
            guard seconds >= base, seconds - base < 1 << 22 else { return nil }
            return UInt64(seconds - base) << 42 | UInt64(index) << 6 | kind.rawValue
        }
    }

    private let cache = Mutex<Entries?>(nil)

    /// The events of the month before `nowSeconds`, and some later ones.
    func entries(of history: any GeneratedHistory, nowSeconds: Int64) -> Entries {
        cache.withLock { cache in
            if let entries = cache {
                let age = nowSeconds - Self.horizonSeconds - entries.baseSeconds
                if age >= 0, age < Self.aheadSeconds { return entries }
            }
            let fresh = Self.build(history, baseSeconds: nowSeconds - Self.horizonSeconds)
            cache = fresh
            return fresh
        }
    }

    private static func build(_ history: any GeneratedHistory, baseSeconds: Int64) -> Entries {
        let endSeconds = baseSeconds + horizonSeconds + aheadSeconds
        var packed: [UInt64] = []
        func add(_ kind: Kind, _ index: Int64, _ seconds: Int64) {
            guard seconds < endSeconds else { return }
            if let key = Entries.packed(kind, index, seconds, from: baseSeconds) { packed.append(key) }
        }
        let first = partitionPoint(Int(history.invoiceCount)) {
            history.invoiceCreatedSeconds(Int64($0)) >= baseSeconds - history.longestLifeSeconds
        }
        let last = partitionPoint(Int(history.invoiceCount)) {
            history.invoiceCreatedSeconds(Int64($0)) >= endSeconds
        }
        let early = history.longLivedInvoices.filter { $0 < Int64(first) }
        for index in early + (Int64(first)..<Int64(max(first, last))) {
            history.forEachInvoiceEvent(index) { add($0, index, $1) }
        }
        let firstIntent = partitionPoint(Int(history.intentCount)) {
            history.intentCreatedSeconds(Int64($0)) >= baseSeconds - history.longestLifeSeconds
        }
        let earlyIntents = history.longLivedIntents.filter { $0 < Int64(firstIntent) }
        for index in earlyIntents + (Int64(firstIntent)..<max(Int64(firstIntent), history.intentCount)) {
            history.forEachIntentEvent(index) { add($0, index, $1) }
        }
        packed.sort()
        return Entries(baseSeconds: baseSeconds, packed: packed)
    }
}

extension GeneratedHistory {
    /// What happened to a generated invoice, in order.
    func forEachInvoiceEvent(_ index: Int64, _ body: (EventIndex.Kind, Int64) -> Void) {
        let fate = invoiceFate(index)
        if case .never = fate { return }
        let invoice = invoice(index)
        body(.invoiceCreated, invoice.createdSeconds)
        if case .deleted(let seconds) = fate { body(.invoiceDeleted, seconds) }
        guard let finalized = invoice.finalizedSeconds else { return }
        body(.invoiceFinalized, finalized)
        body(.invoiceOpened, finalized)
        if invoice.hasIntent { body(.intentCreated, finalized) }
        if let paid = invoice.paidSeconds {
            if let intent = invoice.intent {
                if !intent.attempts.isEmpty { body(.chargeSucceeded, paid) }
                body(intent.status == .succeeded ? .intentSucceeded : .intentCanceled, paid)
            }
            for kind in [EventIndex.Kind.invoiceEnded, .invoicePaid, .invoicePaymentSucceeded] { body(kind, paid) }
        } else if let voided = invoice.voidedSeconds {
            if invoice.hasIntent { body(.intentCanceled, voided) }
            for kind in [EventIndex.Kind.invoiceEnded, .invoiceVoided] { body(kind, voided) }
        } else if let given = invoice.uncollectibleSeconds {
            for kind in [EventIndex.Kind.invoiceEnded, .invoiceMarkedUncollectible] { body(kind, given) }
        }
        if let note = invoice.aftermath.creditNotes.first { body(.creditNoteCreated, note.createdSeconds) }
        if let refund = invoice.aftermath.refunds.first {
            for kind in [EventIndex.Kind.refundCreated, .chargeRefunded] { body(kind, refund.createdSeconds) }
        }
        if let dispute = invoice.aftermath.disputes.first { body(.disputeCreated, dispute.createdSeconds) }
    }

    /// What happened to a generated payment intent of its own, in order.
    func forEachIntentEvent(_ index: Int64, _ body: (EventIndex.Kind, Int64) -> Void) {
        guard hasIntent(index) else { return }
        let intent = intent(index)
        body(.ownIntentCreated, intent.createdSeconds)
        if intent.status == .requiresAction { body(.ownIntentRequiresAction, intent.createdSeconds + 1) }
        for attempt in intent.attempts {
            switch attempt.outcome {
            case .declined:
                for kind in [EventIndex.Kind.ownChargeFailed, .ownIntentFailed] { body(kind, attempt.createdSeconds) }
            case .pending: body(.ownIntentProcessing, attempt.createdSeconds)
            case .uncaptured: body(.ownIntentCapturable, attempt.createdSeconds)
            case .succeeded:
                let seconds = intent.succeededSeconds ?? attempt.createdSeconds
                if seconds > attempt.createdSeconds { body(.ownIntentProcessing, attempt.createdSeconds) }
                for kind in [EventIndex.Kind.ownChargeSucceeded, .ownIntentSucceeded] { body(kind, seconds) }
            }
        }
        if let canceled = intent.canceledSeconds { body(.ownIntentCanceled, canceled) }
        if let refund = intent.aftermath.refunds.first {
            for kind in [EventIndex.Kind.ownRefundCreated, .ownChargeRefunded] { body(kind, refund.createdSeconds) }
        }
        if let dispute = intent.aftermath.disputes.first { body(.ownDisputeCreated, dispute.createdSeconds) }
    }
}
