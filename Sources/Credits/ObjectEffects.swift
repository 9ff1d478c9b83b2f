import PostgreSQL
import Reconciliation
import Store

/// What came of applying what an object at Stripe says of itself.
public enum ObjectOutcome: Sendable, Hashable {
    /// The row changed; the effects' words in their order.
    case applied([String], rowID: Int64)
    /// The row says so already, or the object's state asks for nothing.
    case agrees(rowID: Int64)
    /// No local row is about the object, and none is named by it.
    case unknown
    /// A person has accepted the difference, or reverted its repair: it stays as it is until that is taken back.
    case accepted(rowID: Int64)
    /// The rules forbid to change anything by itself: a person decides. The next run files it as this finding.
    case review(FindingKind, String)
}

/// The one entry for whoever learns an object's state at Stripe: webhooks, orders, charges. It judges by the same rules
/// as a run, and applies the same effects as a repair, so that whoever comes second finds the work done.
///
/// The object decides, not the event: whatever order events come in, and however often, `paid`, `void`, `succeeded` and
/// `canceled` are final at Stripe, and every other state changes no row but one that still waits.
public struct ObjectEffects: Sendable {
    /// The account's name in the settings, under which findings about its objects are filed.
    let account: String
    let orders: OrderTable?
    let charges: ChargeTable?

    /// - Parameters:
    ///   - account: the name of the object's account in the settings.
    ///   - orders: the credit orders of the object's account; `nil` where it has none.
    ///   - charges: the charges of the object's account; `nil` where it has none.
    public init(account: String, orders: OrderTable? = nil, charges: ChargeTable? = nil) {
        self.account = account
        self.orders = orders
        self.charges = charges
    }

    /// Applies an invoice's state to its credit order: links an order that lacks its id, grants the credits of a paid
    /// one, cancels the order of a void one. It must run inside a transaction, which the caller commits together with
    /// its own record of it.
    /// - Parameter reversed: what was taken back of its payments, where somebody asked.
    /// - Throws: `PostgresError`; the transaction is then to be rolled back.
    public func apply(
        _ invoice: InvoiceFacts, reversed: Reversed = Reversed(), on connection: Connection
    ) async throws -> ObjectOutcome {
        guard let orders else { return .unknown }
        let effects = CreditEffects(table: orders)
        let rows = try await effects.orders(ofInvoice: invoice.id, on: connection)
        if rows.count > 1 {
            let keys = rows.map { String($0.rowID) }.joined(separator: ", ")
            return .review(.duplicateLocal, "Orders \(keys) all name invoice \(invoice.id).")
        }
        if let order = rows.first {
            return try await settle(invoice, order, linked: [], reversed, effects, connection)
        }
        guard let key = Self.key(invoice.orderID),
            let order = try await effects.orderWithCustomer(key, on: connection)
        else { return .unknown }
        // Who had the row locked until now may have linked the two.
        if order.invoiceID == invoice.id {
            return try await settle(invoice, order, linked: [], reversed, effects, connection)
        }
        guard invoice.status.isLive else { return Self.leave(invoice, order) }
        if let other = order.invoiceID {
            return .review(
                .duplicateInStripe, "Invoice \(invoice.id) names order \(key), which is linked to invoice \(other).")
        }
        let verdict = Self.rules.classify(InvoicePair(stripe: invoice, order: order, link: .metadata))
        let link = OrderEffect.link(invoiceID: invoice.id)
        let outcome = try await carryOut(
            verdict.kind == .unlinkedOrder ? link.word : nil, verdict, invoice.id, order.rowID, [], connection
        ) {
            try await effects.apply(link, toOrder: key, expecting: OrderExpectation(order), on: connection)
        }
        guard case .applied = outcome else { return outcome }
        var linked = order
        linked.invoiceID = invoice.id
        return try await settle(invoice, linked, linked: [link.word], reversed, effects, connection)
    }

    /// An invoice that asks for nothing, such as a void duplicate, changes nothing of the order that it names: that has
    /// another one, or may still get it. The rules say whether a person has to see it.
    private static func leave(_ invoice: InvoiceFacts, _ order: OrderFacts) -> ObjectOutcome {
        let pair =
            if let other = order.invoiceID {
                InvoicePair(stripe: invoice, order: nil, orderLinkedTo: other)
            } else {
                InvoicePair(stripe: invoice, order: order, link: .metadata)
            }
        let verdict = rules.classify(pair)
        guard let kind = verdict.kind, verdict.defaultAction == .review else { return .agrees(rowID: order.rowID) }
        return .review(kind, verdict.explanation)
    }

    private func settle(
        _ invoice: InvoiceFacts, _ order: OrderFacts, linked: [String], _ reversed: Reversed,
        _ effects: CreditEffects, _ connection: Connection
    ) async throws -> ObjectOutcome {
        var verdict = Self.rules.classify(InvoicePair(stripe: invoice, order: order))
        // Of an order that has its credits already nothing new is said here: what was taken back since is the night's.
        if verdict.kind == .missedPaid {
            verdict = Self.rules.classify(InvoicePair(stripe: invoice, order: order, reversed: reversed))
        }
        let effect: OrderEffect?
        switch verdict.kind {
        case .missedPaid? where verdict.defaultAction == .apply: effect = .grant(paidAtSeconds: invoice.paidAtSeconds)
        case .missedVoid?: effect = .cancel(atSeconds: invoice.voidedAtSeconds)
        default: effect = nil
        }
        return try await carryOut(effect?.word, verdict, invoice.id, order.rowID, linked, connection) {
            guard let effect else { return .alreadyDone }
            return try await effects.apply(
                effect, toOrder: order.rowID, expecting: OrderExpectation(order), on: connection)
        }
    }

    /// Applies a payment intent's state to its charge: links a charge that lacks its id, and marks it succeeded, failed
    /// or canceled. It must run inside a transaction, which the caller commits together with its own record of it.
    /// - Parameters:
    ///   - intent: the time of success is `chargedAtSeconds`; `nil`: now.
    ///   - reversed: what was taken back of it, where somebody asked.
    /// - Throws: `PostgresError`; the transaction is then to be rolled back.
    public func apply(
        _ intent: IntentFacts, reversed: Reversed = Reversed(), on connection: Connection
    ) async throws -> ObjectOutcome {
        guard let charges else { return .unknown }
        let effects = ChargeEffects(table: charges)
        let rows = try await effects.charges(ofIntent: intent.id, on: connection)
        if rows.count > 1 {
            let keys = rows.map { String($0.rowID) }.joined(separator: ", ")
            return .review(.duplicateLocal, "Charges \(keys) all name payment intent \(intent.id): it pays one.")
        }
        if let charge = rows.first {
            return try await settle(intent, charge, linked: [], reversed, effects, connection)
        }
        guard let key = Self.key(intent.chargeID),
            let charge = try await effects.chargeWithCustomer(key, on: connection)
        else { return .unknown }
        if charge.intentID == intent.id {
            return try await settle(intent, charge, linked: [], reversed, effects, connection)
        }
        if let other = charge.intentID {
            return .review(
                .duplicateInStripe,
                "Payment intent \(intent.id) names charge \(key), which is linked to payment intent \(other).")
        }
        let verdict = Self.intentRules.classify(IntentPair(stripe: intent, charge: charge, link: .metadata))
        let link = ChargeEffect.link(intentID: intent.id)
        let outcome = try await carryOut(
            verdict.kind == .unlinkedOrder ? link.word : nil, verdict, intent.id, charge.rowID, [], connection
        ) {
            try await effects.apply(link, toCharge: key, expecting: ChargeExpectation(charge), on: connection)
        }
        guard case .applied = outcome else { return outcome }
        var linked = charge
        linked.intentID = intent.id
        return try await settle(intent, linked, linked: [link.word], reversed, effects, connection)
    }

    private func settle(
        _ intent: IntentFacts, _ charge: ChargeFacts, linked: [String], _ reversed: Reversed,
        _ effects: ChargeEffects, _ connection: Connection
    ) async throws -> ObjectOutcome {
        var verdict = Self.intentRules.classify(IntentPair(stripe: intent, charge: charge))
        if verdict.kind == .missedSucceeded {
            verdict = Self.intentRules.classify(IntentPair(stripe: intent, charge: charge, reversed: reversed))
        }
        let effect: ChargeEffect?
        switch verdict.kind {
        case .missedSucceeded?: effect = .succeed(atSeconds: intent.chargedAtSeconds)
        case .missedCanceled?: effect = .cancel
        case .missedFailed?: effect = .fail
        default: effect = nil
        }
        return try await carryOut(effect?.word, verdict, intent.id, charge.rowID, linked, connection) {
            guard let effect else { return .alreadyDone }
            return try await effects.apply(
                effect, toCharge: charge.rowID, expecting: ChargeExpectation(charge), on: connection)
        }
    }

    /// Whether a person has decided that this difference stays. The row is locked by now, as it is when a repair is
    /// reverted, so that neither overlooks the other.
    private func isAccepted(
        _ kind: FindingKind, _ stripeID: String, _ rowID: Int64, _ connection: Connection
    ) async throws -> Bool {
        try await Findings.isAccepted(
            kind, account: account, stripeID: stripeID, localID: String(rowID), on: connection)
    }

    /// Applies what a verdict asks for, unless a person has decided that it stays as it is.
    /// - Parameters:
    ///   - word: the effect's; `nil` where the verdict asks for none.
    ///   - linked: the words of what was done before.
    private func carryOut(
        _ word: String?, _ verdict: Verdict, _ stripeID: String, _ rowID: Int64, _ linked: [String],
        _ connection: Connection, _ apply: () async throws -> EffectOutcome
    ) async throws -> ObjectOutcome {
        let agreed = linked.isEmpty ? ObjectOutcome.agrees(rowID: rowID) : .applied(linked, rowID: rowID)
        guard let word, let kind = verdict.kind else {
            guard let kind = verdict.kind, verdict.defaultAction != .inform else { return agreed }
            return .review(kind, verdict.explanation)
        }
        if try await isAccepted(kind, stripeID, rowID, connection) {
            return linked.isEmpty ? .accepted(rowID: rowID) : agreed
        }
        switch try await apply() {
        case .done: return .applied(linked + [word], rowID: rowID)
        case .alreadyDone: return agreed
        case .refused(let reason): return .review(kind, reason)
        }
    }

    // Nothing is stale or overdue for whoever hears of a change: ages belong to runs.
    private static let rules = InvoiceRules(
        nowSeconds: 0, staleAfterSeconds: .max, creditPrice: CreditEffects.pricePerCreditCents)
    private static let intentRules = IntentRules(nowSeconds: 0, staleAfterSeconds: .max)

    /// A row's key as metadata writes it; what differs from it by anything names no row.
    private static func key(_ text: String?) -> Int64? {
        text.flatMap { text in Int64(text).flatMap { $0 > 0 && String($0) == text ? $0 : nil } }
    }
}

extension CreditEffects {
    /// The orders that carry exactly this invoice's id, locked, with their agencies' customers: more than one only
    /// where the table has no unique index.
    func orders(ofInvoice id: String, on connection: Connection) async throws -> [OrderFacts] {
        try await connection.query(
            Self.selection(of: table) + " WHERE l.\(table.id) = $1 ORDER BY 1 FOR UPDATE OF l", id
        )
        .map(Self.facts)
    }

    /// The order as it is, locked, with its agency's customer; `nil` when it is gone.
    public func orderWithCustomer(_ key: Int64, on connection: Connection) async throws -> OrderFacts? {
        try await connection.query(Self.selection(of: table) + " WHERE l.\(table.key) = $1 FOR UPDATE OF l", key)
            .first.map(Self.facts)
    }

    private static func selection(of table: OrderTable) -> String {
        """
        SELECT l.\(table.key)::bigint AS key, l.\(table.id)::text AS id, l.\(table.agencyID)::bigint AS agency,
            l.\(table.credits)::bigint AS credits, l.\(table.amount)::bigint AS amount,
            l.\(table.currency)::text AS currency, l.\(table.paid) AS paid,
            l.\(table.cancelledAt) IS NOT NULL AS cancelled,
            floor(extract(epoch FROM l.\(table.createdAt)))::bigint AS created, \(table.customer)::text AS customer
        FROM \(table.name) l \(table.agencyJoin)
        """
    }

    private static func facts(_ row: Row) throws -> OrderFacts {
        OrderFacts(
            rowID: try row["key"], invoiceID: try row["id"], agencyID: try row["agency"], credits: try row["credits"],
            amount: try row["amount"], currency: try row["currency"], paid: try row["paid"],
            isCancelled: try row["cancelled"], createdSeconds: try row["created"], customer: try row["customer"])
    }
}

extension ChargeEffects {
    /// The charges that carry exactly this intent's id, locked, with their agencies' customers.
    func charges(ofIntent id: String, on connection: Connection) async throws -> [ChargeFacts] {
        try await connection.query(
            Self.selection(of: table) + " WHERE l.\(table.id) = $1 ORDER BY 1 FOR UPDATE OF l", id
        )
        .map(Self.facts)
    }

    /// The charge as it is, locked, with its agency's customer; `nil` when it is gone.
    public func chargeWithCustomer(_ key: Int64, on connection: Connection) async throws -> ChargeFacts? {
        try await connection.query(Self.selection(of: table) + " WHERE l.\(table.key) = $1 FOR UPDATE OF l", key)
            .first.map(Self.facts)
    }

    private static func selection(of table: ChargeTable) -> String {
        """
        SELECT l.\(table.key)::bigint AS key, l.\(table.id)::text AS id, l.\(table.agencyID)::bigint AS agency,
            l.\(table.amount)::bigint AS amount, l.\(table.currency)::text AS currency,
            coalesce(l.\(table.status)::text, '') AS status,
            floor(extract(epoch FROM l.\(table.createdAt)))::bigint AS created, \(table.customer)::text AS customer
        FROM \(table.name) l \(table.agencyJoin)
        """
    }

    private static func facts(_ row: Row) throws -> ChargeFacts {
        ChargeFacts(
            rowID: try row["key"], intentID: try row["id"], agencyID: try row["agency"], amount: try row["amount"],
            currency: try row["currency"], status: ChargeStatus(try row["status"]), createdSeconds: try row["created"],
            customer: try row["customer"])
    }
}
