import PostgreSQL
import Reconciliation
import Store

/// A change to one credit order. Repairs and webhooks run the same code, so that whoever comes second finds the work
/// done.
public enum OrderEffect: Sendable, Hashable {
    /// The invoice is paid: marks the order paid and adds its credits to the agency's balance.
    /// `paidAtSeconds` is Stripe's `status_transitions.paid_at`.
    case grant(paidAtSeconds: Int64?)
    /// The invoice is void or does not exist: the order no longer waits for payment. `nil`: now.
    case cancel(atSeconds: Int64?)
    /// The invoice names the order in its metadata: writes the missing id.
    case link(invoiceID: String)

    /// The word in the audit.
    public var word: String {
        switch self {
        case .grant: "grant"
        case .cancel: "cancel"
        case .link: "link"
        }
    }
}

/// What the order must still look like for an effect to be right: the facts that the decision rested on.
public struct OrderExpectation: Sendable, Hashable {
    public var invoiceID: String?
    public var agencyID: Int64
    public var credits: Int64
    public var amount: Int64
    public var currency: String

    public init(_ order: OrderFacts) {
        invoiceID = order.invoiceID
        agencyID = order.agencyID
        credits = order.credits
        amount = order.amount
        currency = order.currency
    }
}

/// How an effect ended. Only ``done(before:after:)`` changed anything.
public enum EffectOutcome: Sendable, Hashable {
    /// The touched rows before and after: `{"order": {…}, "balance": n}`, or `{"charge": {…}}`.
    case done(before: JSONText, after: JSONText)
    /// Somebody else, a webhook most likely, did it before.
    case alreadyDone
    /// The row is not what the decision rested on.
    case refused(String)
}

/// Applies effects to the application's tables (DESIGN section 5, "Effects").
public struct CreditEffects: Sendable {
    let table: OrderTable

    /// - Parameter table: the orders, as the catalog has them.
    public init(table: OrderTable) { self.table = table }

    /// One Task Health credit in cents, as the application sells it.
    public static let pricePerCreditCents: Int64 = 20_000

    /// What an effect begins with: it locks the order and the balance of its agency. For a caller that sends it with
    /// what its transaction begins with.
    public func locking(
        _ key: Int64, expecting expectation: OrderExpectation, rowHash: String?
    ) -> [PostgreSQL.Statement] {
        [locking(key, hashed: rowHash != nil), lockingBalance(of: expectation.agencyID)]
    }

    /// Locks the order, checks it again, and applies the effect. It must run inside a transaction, which the caller
    /// commits together with its own record of the effect.
    /// - Parameter locked: what ``locking(_:expecting:rowHash:)`` of the same gave in this transaction; `nil`: it is
    ///   done here.
    /// - Throws: `PostgresError`; the transaction is then to be rolled back.
    public func apply(
        _ effect: OrderEffect, toOrder key: Int64, expecting expectation: OrderExpectation, rowHash: String? = nil,
        locked: [Outcome]? = nil, on connection: Connection
    ) async throws -> EffectOutcome {
        var start = locked ?? []
        if locked == nil {
            start = try await connection.pipeline(locking(key, expecting: expectation, rowHash: rowHash))
        }
        guard let row = try start[0].rows.first.map(Self.locked) else { return .refused("order \(key) is gone") }
        let now = row.order
        let state = now.state
        switch effect {
        case .grant where now.paid: return .alreadyDone
        case .cancel where now.isCancelled && !now.paid: return .alreadyDone
        case .link(let invoice) where now.invoiceID == invoice: return .alreadyDone
        case .link where now.invoiceID != nil: return .refused("order \(key) has a Stripe id by now")
        case .link: break
        case .grant where state != .open, .cancel where state != .open:
            return .refused("order \(key) is \(state.rawValue) by now")
        default: break
        }
        guard OrderExpectation(now) == expectation, rowHash == nil || rowHash == row.hash else {
            return .refused("order \(key) was changed in the meantime")
        }
        var balanceBefore: Int64? = try start[1].rows.first.map { try $0["balance"] }
        if case .grant = effect, balanceBefore == nil {
            balanceBefore = try await openBalance(of: now.agencyID, on: connection)
        }
        let end = try await connection.pipeline(
            writing(effect, key: key, order: now) + [reading(key, balanceOf: now.agencyID)])
        guard let after = end[end.count - 1].rows.first else { return .refused("order \(key) is gone") }
        return .done(
            before: Self.snapshot(row.json, balance: balanceBefore),
            after: Self.snapshot(try after["json"], balance: try after["balance"]))
    }

    /// The order as it is, locked; `nil` when it is gone.
    public func order(_ key: Int64, on connection: Connection) async throws -> OrderFacts? {
        try await lock(key, on: connection)?.order
    }

    /// Whether an order is still what was compared; it is locked until the transaction ends.
    /// - Parameters:
    ///   - before: as it was compared.
    ///   - rowHash: that its row must have; `nil`: no plan says.
    /// - Returns: what is not so any more, in a sentence; `nil` where all is.
    public func moved(
        _ before: OrderFacts, rowHash: String?, on connection: Connection
    ) async throws -> String? {
        let key = before.rowID
        guard let row = try await lock(key, hashed: rowHash != nil, on: connection) else {
            return "order \(key) is gone"
        }
        guard row.order.state == before.state else { return "order \(key) is \(row.order.state.rawValue) by now" }
        guard OrderExpectation(row.order) == OrderExpectation(before), rowHash == nil || rowHash == row.hash else {
            return "order \(key) was changed in the meantime"
        }
        return nil
    }

    /// The key of the order that names an invoice; `nil` where none does.
    public func row(naming invoice: String, on connection: Connection) async throws -> Int64? {
        try await connection.query(
            "SELECT \(table.key)::bigint AS key FROM \(table.name) l WHERE \(table.id) = $1 LIMIT 1", invoice
        ).first.map { try $0["key"] }
    }

    struct LockedOrder {
        let order: OrderFacts
        let json: String
        /// Where it was asked for.
        let hash: String?
    }

    /// SQL for the hash of a row `l`: what a plan says that it would touch.
    static let rowHash = "encode(sha256(convert_to(to_jsonb(l)::text, 'UTF8')), 'hex')"

    /// The hashes of these orders' rows, by key.
    public func rowHashes(of keys: [Int64], on connection: Connection) async throws -> [Int64: String] {
        let rows = try await connection.query(
            """
            SELECT \(table.key)::bigint AS key, \(Self.rowHash) AS hash FROM \(table.name) l
            WHERE \(table.key) = ANY($1)
            """, keys)
        var hashes: [Int64: String] = [:]
        for row in rows { hashes[try row["key"]] = try row["hash"] }
        return hashes
    }

    func lock(_ key: Int64, hashed: Bool = false, on connection: Connection) async throws -> LockedOrder? {
        try await connection.pipeline([locking(key, hashed: hashed)])[0].rows.first.map(Self.locked)
    }

    /// The order as it is, locked; no row when it is gone.
    /// - Parameter hashed: with its hash.
    private func locking(_ key: Int64, hashed: Bool) -> PostgreSQL.Statement {
        PostgreSQL.Statement(
            """
            SELECT \(table.key)::bigint AS key, \(table.id)::text AS id, \(table.agencyID)::bigint AS agency,
                \(table.credits)::bigint AS credits, \(table.amount)::bigint AS amount,
                \(table.currency)::text AS currency, \(table.paid) AS paid,
                \(table.cancelledAt) IS NOT NULL AS cancelled,
                floor(extract(epoch FROM \(table.createdAt)))::bigint AS created, to_jsonb(l)::text AS json,
                \(hashed ? Self.rowHash : "NULL::text") AS hash
            FROM \(table.name) l WHERE \(table.key) = $1 FOR UPDATE
            """, key)
    }

    /// The order and the balance of its agency as this transaction, which has locked both, left them.
    private func reading(_ key: Int64, balanceOf agency: Int64) -> PostgreSQL.Statement {
        PostgreSQL.Statement(
            """
            SELECT to_jsonb(l)::text AS json,
                (SELECT balance FROM public.task_credit_agency_balance WHERE agency_id = $2) AS balance
            FROM \(table.name) l WHERE \(table.key) = $1
            """, key, agency)
    }

    private static func locked(_ row: Row) throws -> LockedOrder {
        let order = OrderFacts(
            rowID: try row["key"], invoiceID: try row["id"], agencyID: try row["agency"], credits: try row["credits"],
            amount: try row["amount"], currency: try row["currency"], paid: try row["paid"],
            isCancelled: try row["cancelled"], createdSeconds: try row["created"])
        return LockedOrder(order: order, json: try row["json"], hash: try row["hash"])
    }

    /// Makes the row of an agency without a balance, so that of two grants at once only one says that there was none.
    /// - Returns: the balance of whoever was faster.
    private func openBalance(of agency: Int64, on connection: Connection) async throws -> Int64? {
        let made = try await connection.execute(
            """
            INSERT INTO public.task_credit_agency_balance (agency_id, balance, updated_at) VALUES ($1, 0, now())
            ON CONFLICT DO NOTHING
            """, agency)
        return made == 1 ? nil : try await lockBalance(of: agency, on: connection)
    }

    /// The agency's balance, locked so that what is recorded as "before" is true; `nil` where it has none yet.
    func lockBalance(of agency: Int64, on connection: Connection) async throws -> Int64? {
        try await connection.pipeline([lockingBalance(of: agency)])[0].rows.first.map { try $0["balance"] }
    }

    private func lockingBalance(of agency: Int64) -> PostgreSQL.Statement {
        PostgreSQL.Statement(
            "SELECT balance FROM public.task_credit_agency_balance WHERE agency_id = $1 FOR UPDATE", agency)
    }

    private func writing(_ effect: OrderEffect, key: Int64, order: OrderFacts) -> [PostgreSQL.Statement] {
        switch effect {
        case .grant(let paidAtSeconds):
            [
                PostgreSQL.Statement(
                    """
                    UPDATE \(table.name) SET \(table.paid) = true, \(table.paidAt) = to_timestamp($2::bigint)
                    WHERE \(table.key) = $1
                    """, key, paidAtSeconds),
                PostgreSQL.Statement(
                    """
                    INSERT INTO public.task_credit_agency_balance AS b (agency_id, balance, updated_at)
                    VALUES ($1, $2, now())
                    ON CONFLICT (agency_id) DO UPDATE SET balance = b.balance + excluded.balance, updated_at = now()
                    """, order.agencyID, order.credits),
            ]
        case .cancel(let atSeconds):
            [
                PostgreSQL.Statement(
                    """
                    UPDATE \(table.name) SET \(table.cancelledAt) = coalesce(to_timestamp($2::bigint), now())
                    WHERE \(table.key) = $1
                    """, key, atSeconds)
            ]
        case .link(let invoice):
            [
                PostgreSQL.Statement(
                    "UPDATE \(table.name) SET \(table.id) = $2 WHERE \(table.key) = $1", key, invoice)
            ]
        }
    }

    static func snapshot(_ order: String, balance: Int64?) -> JSONText {
        JSONText("{\"order\": \(order), \"balance\": \(balance.map(String.init) ?? "null")}")
    }
}
