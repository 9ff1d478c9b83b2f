import Credits
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// What is done about a difference: a change at Stripe, a change of the local row, or both, Stripe's first.
struct Remedy: Sendable, Hashable {
    /// A change at Stripe.
    enum AtStripe: String, Sendable, Hashable {
        /// The draft is deleted, or finalized and voided where Stripe refuses to delete it.
        case deleteDraft = "delete_draft"
        /// The intent is cancelled.
        case cancelIntent = "cancel_intent"
    }

    /// A change of the local tables.
    enum Local: Sendable, Hashable {
        case order(OrderEffect)
        case charge(ChargeEffect)
        /// The notice is recorded and its mail handed over. The invoice is read right before.
        case notice(FinalizedInvoice?)

        /// The word in the audit.
        var word: String {
            switch self {
            case .order(let effect): effect.word
            case .charge(let effect): effect.word
            case .notice: NoticeEffects.word
            }
        }
    }

    var atStripe: AtStripe?
    var local: Local?
    /// Right before, Stripe is asked whether an invoice names the order after all.
    var asksFirst = false

    /// The word in plans: what a person has to know of it first.
    var word: String { atStripe?.rawValue ?? local?.word ?? "" }

    /// What is done about it; `nil` where nothing can be, or is to be.
    init?(_ judged: Judged) {
        guard judged.action == .apply else { return nil }
        switch judged.found.pair {
        case .order(let pair): self.init(judged.kind, pair)
        case .charge(let pair): self.init(judged.kind, pair)
        case .payment:
            guard judged.kind == .staleIntent else { return nil }
            self.init(atStripe: .cancelIntent, local: nil)
        case .notice:
            guard judged.kind == .missedFinalizedNotice else { return nil }
            self.init(atStripe: nil, local: .notice(nil))
        }
    }

    private init(atStripe: AtStripe?, local: Local?) {
        self.atStripe = atStripe
        self.local = local
    }

    private init?(_ kind: FindingKind, _ pair: IntentPair) {
        guard let charge = pair.charge else {
            guard kind == .staleIntent else { return nil }
            atStripe = .cancelIntent
            return
        }
        switch kind {
        case .missedSucceeded: local = .charge(.succeed(atSeconds: pair.stripe?.chargedAtSeconds))
        case .missedCanceled: local = .charge(.cancel)
        case .missedFailed: local = .charge(.fail)
        case .staleIntent:
            atStripe = .cancelIntent
            local = charge.status == .pending ? .charge(.cancel) : nil
        case .unlinkedOrder:
            guard let intent = pair.stripe?.id else { return nil }
            local = .charge(.link(intentID: intent))
        default: return nil
        }
    }

    private init?(_ kind: FindingKind, _ pair: InvoicePair) {
        let isOpen = pair.order?.state == .open
        switch kind {
        case .missedPaid where isOpen: local = .order(.grant(paidAtSeconds: pair.stripe?.paidAtSeconds))
        case .missedVoid where isOpen: local = .order(.cancel(atSeconds: pair.stripe?.voidedAtSeconds))
        case .missingInStripe where isOpen: local = .order(.cancel(atSeconds: nil))
        case .staleDraft where pair.stripe != nil:
            atStripe = .deleteDraft
            local = isOpen ? .order(.cancel(atSeconds: nil)) : nil
        case .unlinkedOrder:
            guard let order = pair.order else { return nil }
            if let invoice = pair.stripe?.id {
                local = .order(.link(invoiceID: invoice))
            } else {
                guard isOpen, order.isPlacedHere, order.invoiceID == nil else { return nil }
                local = .order(.cancel(atSeconds: nil))
                asksFirst = true
            }
        default: return nil
        }
    }

    /// An invoice names the order after all.
    mutating func link(orderTo invoice: String) {
        local = .order(.link(invoiceID: invoice))
        asksFirst = false
    }

    /// The object that a link connects a row to.
    var linkedID: String? {
        switch local {
        case .order(.link(let id)): id
        case .charge(.link(let id)): id
        default: nil
        }
    }
}

// The local effects of a comparison.
extension Subject {
    /// What a local effect begins with, for the caller to send with its BEGIN: locks alone.
    func locking(_ effect: Remedy.Local, of pair: Pair, rowHash: String?) -> [PostgreSQL.Statement] {
        guard case (.order, .orders(let table), .order(let pair)) = (effect, side, pair), let order = pair.order else {
            return []
        }
        return CreditEffects(table: table).locking(
            order.rowID, expecting: OrderExpectation(order), rowHash: rowHash)
    }

    /// Runs a local effect inside the caller's transaction.
    /// - Parameter locked: what ``locking(_:of:rowHash:)`` gave.
    func apply(
        _ effect: Remedy.Local, to pair: Pair, rowHash: String?, locked: [Outcome], on connection: Connection
    ) async throws -> EffectOutcome {
        switch (effect, side, pair) {
        case (.order(let effect), .orders(let table), .order(let pair)):
            guard let order = pair.order else { return .refused("no order was compared") }
            return try await CreditEffects(table: table).apply(
                effect, toOrder: order.rowID, expecting: OrderExpectation(order), rowHash: rowHash, locked: locked,
                on: connection)
        case (.charge(let effect), .charges(let table), .charge(let pair)):
            guard let charge = pair.charge else { return .refused("no charge was compared") }
            return try await ChargeEffects(table: table).apply(
                effect, toCharge: charge.rowID, expecting: ChargeExpectation(charge), rowHash: rowHash, on: connection)
        case (.notice(let invoice?), .notices(let table, _), _):
            return try await NoticeEffects(table: table).queue(invoice, on: connection)
        default: return .refused("\(effect.word) does not fit \(pair.localNoun) \(pair.localID)")
        }
    }

    /// Whether the row of a pair is still what was compared, locked until the transaction ends.
    /// - Parameter rowHash: that it must have, where a plan is applied.
    /// - Returns: what is not so any more, in a sentence; `nil` where all is.
    func moved(_ pair: Pair, rowHash: String?, on connection: Connection) async throws -> String? {
        switch (side, pair) {
        case (.orders(let table), .order(let pair)):
            let effects = CreditEffects(table: table)
            if let order = pair.order { return try await effects.moved(order, rowHash: rowHash, on: connection) }
            return try await effects.row(naming: pair.stripe?.id ?? "", on: connection).map {
                "order \($0) names \(pair.stripe?.id ?? "it") by now"
            }
        case (.charges(let table), .charge(let pair)):
            let effects = ChargeEffects(table: table)
            if let charge = pair.charge { return try await effects.moved(charge, rowHash: rowHash, on: connection) }
            return try await effects.row(naming: pair.stripe?.id ?? "", on: connection).map {
                "charge \($0) names \(pair.stripe?.id ?? "it") by now"
            }
        default: return nil
        }
    }

    /// Takes an audited effect back inside the caller's transaction, if the row is still as the effect left it.
    func undo(_ repair: Repair, on connection: Connection) async throws -> EffectOutcome {
        guard let key = Int64(repair.localID) else { return .refused("it changed no row") }
        switch side {
        case .orders(let table):
            guard let undo = OrderUndo(undoing: repair.effect) else { return .refused("it cannot be undone") }
            return try await CreditEffects(table: table).undo(undo, ofOrder: key, after: repair.after, on: connection)
        case .charges(let table):
            return try await ChargeEffects(table: table).undo(
                ofCharge: key, effect: repair.effect, before: repair.before, after: repair.after, on: connection)
        case .notices, .customers, .payments, .nothing: return .refused("it changed no row")
        }
    }

    /// The word of the effect that undoes this one; `nil` where there is none.
    func undoWord(_ effect: String) -> String? {
        switch side {
        case .orders: OrderUndo(undoing: effect)?.rawValue
        case .charges: ChargeUndo(undoing: effect)?.rawValue
        case .notices, .customers, .payments, .nothing: nil
        }
    }

    /// The hashes of these rows, by key: what a plan says that it would touch.
    func rowHashes(of keys: [Int64], on connection: Connection) async throws -> [Int64: String] {
        guard !keys.isEmpty else { return [:] }
        switch side {
        case .orders(let table): return try await CreditEffects(table: table).rowHashes(of: keys, on: connection)
        case .charges(let table): return try await ChargeEffects(table: table).rowHashes(of: keys, on: connection)
        case .notices, .customers, .payments, .nothing: return [:]
        }
    }

    /// One row as it is, as a pair without Stripe's side; `nil` when it is gone.
    func localPair(_ key: Int64, on connection: Connection) async throws -> Pair? {
        switch side {
        case .orders(let table):
            try await CreditEffects(table: table).order(key, on: connection).map {
                .order(InvoicePair(stripe: nil, order: $0))
            }
        case .charges(let table):
            try await ChargeEffects(table: table).charge(key, on: connection).map {
                .charge(IntentPair(stripe: nil, charge: $0))
            }
        case .notices, .customers, .payments, .nothing: nil
        }
    }

    /// The table's name for people.
    var tableName: String {
        switch side {
        case .orders(let table): table.plainName
        case .charges(let table): table.plainName
        case .notices(let table, _): table.plainName
        case .customers(let table): table.plainName
        case .payments(let table): table.plainName
        case .nothing: ""
        }
    }
}
