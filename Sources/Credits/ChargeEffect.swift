import PostgreSQL
import Reconciliation
import Store

/// A change to one charge. Repairs and webhooks run the same code, so that whoever comes second finds the work done.
public enum ChargeEffect: Sendable, Hashable {
    /// The payment intent succeeded, in Unix seconds; `nil`: now. A charge that failed before may succeed yet.
    case succeed(atSeconds: Int64?)
    /// The payment intent was canceled.
    case cancel
    /// The last attempt failed.
    case fail
    /// The payment intent names the charge in its metadata: writes the missing id.
    case link(intentID: String)

    /// The word in the audit.
    public var word: String {
        switch self {
        case .succeed: "succeed"
        case .cancel: "cancel_charge"
        case .fail: "fail"
        case .link: "link"
        }
    }

    /// The status that it leads to; `nil` where it leaves the status alone.
    var status: ChargeStatus? {
        switch self {
        case .succeed: .succeeded
        case .cancel: .canceled
        case .fail: .failed
        case .link: nil
        }
    }

    /// Whether a charge may come from this status to the one that the effect leads to.
    func mayFollow(_ status: ChargeStatus) -> Bool {
        switch self {
        case .succeed: status == .pending || status == .failed
        case .cancel, .fail: status == .pending
        case .link: true
        }
    }
}

/// What the charge must still look like for an effect to be right: the facts that the decision rested on.
public struct ChargeExpectation: Sendable, Hashable {
    public var intentID: String?
    public var agencyID: Int64
    public var amount: Int64
    public var currency: String

    public init(_ charge: ChargeFacts) {
        intentID = charge.intentID
        agencyID = charge.agencyID
        amount = charge.amount
        currency = charge.currency
    }
}

/// Applies effects to the application's charges (DESIGN section 5, "Payment intents against agency_charge").
public struct ChargeEffects: Sendable {
    let table: ChargeTable

    /// - Parameter table: the charges, as the catalog has them.
    public init(table: ChargeTable) { self.table = table }

    /// Locks the charge, checks it again, and applies the effect. It must run inside a transaction, which the caller
    /// commits together with its own record of the effect.
    /// - Returns: ``EffectOutcome/done(before:after:)`` with snapshots `{"charge": {…}}`.
    /// - Throws: `PostgresError`; the transaction is then to be rolled back.
    public func apply(
        _ effect: ChargeEffect, toCharge key: Int64, expecting expectation: ChargeExpectation, rowHash: String? = nil,
        on connection: Connection
    ) async throws -> EffectOutcome {
        guard let row = try await lock(key, hashed: rowHash != nil, on: connection) else {
            return .refused("charge \(key) is gone")
        }
        let now = row.charge
        if case .link(let intent) = effect {
            if now.intentID == intent { return .alreadyDone }
            guard now.intentID == nil else { return .refused("charge \(key) has a Stripe id by now") }
        }
        if let status = effect.status, now.status == status { return .alreadyDone }
        guard effect.mayFollow(now.status) else { return .refused("charge \(key) is \(now.status.word) by now") }
        guard ChargeExpectation(now) == expectation, rowHash == nil || rowHash == row.hash else {
            return .refused("charge \(key) was changed in the meantime")
        }
        try await write(effect, key: key, on: connection)
        return try await done(key, before: row.json, on: connection)
    }

    /// The charge as it is, locked; `nil` when it is gone.
    public func charge(_ key: Int64, on connection: Connection) async throws -> ChargeFacts? {
        try await lock(key, on: connection)?.charge
    }

    /// The hashes of these charges' rows, by key.
    public func rowHashes(of keys: [Int64], on connection: Connection) async throws -> [Int64: String] {
        let rows = try await connection.query(
            """
            SELECT \(table.key)::bigint AS key, \(CreditEffects.rowHash) AS hash FROM \(table.name) l
            WHERE \(table.key) = ANY($1)
            """, keys)
        var hashes: [Int64: String] = [:]
        for row in rows { hashes[try row["key"]] = try row["hash"] }
        return hashes
    }

    /// Whether a charge is still what was compared; it is locked until the transaction ends.
    /// - Parameters:
    ///   - before: as it was compared.
    ///   - rowHash: that its row must have; `nil`: no plan says.
    /// - Returns: what is not so any more, in a sentence; `nil` where all is.
    public func moved(
        _ before: ChargeFacts, rowHash: String?, on connection: Connection
    ) async throws -> String? {
        let key = before.rowID
        guard let row = try await lock(key, hashed: rowHash != nil, on: connection) else {
            return "charge \(key) is gone"
        }
        guard row.charge.status == before.status else { return "charge \(key) is \(row.charge.status.word) by now" }
        guard ChargeExpectation(row.charge) == ChargeExpectation(before), rowHash == nil || rowHash == row.hash else {
            return "charge \(key) was changed in the meantime"
        }
        return nil
    }

    /// The key of the charge that names an intent; `nil` where none does.
    public func row(naming intent: String, on connection: Connection) async throws -> Int64? {
        try await connection.query(
            "SELECT \(table.key)::bigint AS key FROM \(table.name) l WHERE \(table.id) = $1 LIMIT 1", intent
        ).first.map { try $0["key"] }
    }

    struct LockedCharge {
        let charge: ChargeFacts
        let json: String
        /// Where it was asked for.
        let hash: String?
    }

    /// The charge as it is, locked; `nil` when it is gone.
    /// - Parameter hashed: with its hash.
    func lock(_ key: Int64, hashed: Bool = false, on connection: Connection) async throws -> LockedCharge? {
        let rows = try await connection.query(
            """
            SELECT \(table.key)::bigint AS key, \(table.id)::text AS id, \(table.agencyID)::bigint AS agency,
                \(table.amount)::bigint AS amount, \(table.currency)::text AS currency,
                coalesce(\(table.status)::text, '') AS status,
                floor(extract(epoch FROM \(table.createdAt)))::bigint AS created, to_jsonb(l)::text AS json,
                \(hashed ? CreditEffects.rowHash : "NULL::text") AS hash
            FROM \(table.name) l WHERE \(table.key) = $1 FOR UPDATE
            """, key)
        guard let row = rows.first else { return nil }
        let charge = ChargeFacts(
            rowID: try row["key"], intentID: try row["id"], agencyID: try row["agency"], amount: try row["amount"],
            currency: try row["currency"], status: ChargeStatus(try row["status"]), createdSeconds: try row["created"])
        return LockedCharge(charge: charge, json: try row["json"], hash: try row["hash"])
    }

    /// What changed, once it is written.
    func done(_ key: Int64, before: String, on connection: Connection) async throws -> EffectOutcome {
        guard let after = try await lock(key, on: connection) else { return .refused("charge \(key) is gone") }
        return .done(before: Self.snapshot(before), after: Self.snapshot(after.json))
    }

    private func write(_ effect: ChargeEffect, key: Int64, on connection: Connection) async throws {
        switch effect {
        case .succeed(let atSeconds):
            try await connection.execute(
                """
                UPDATE \(table.name) SET \(table.status) = 'succeeded',
                    \(table.succeededAt) = coalesce(to_timestamp($2::bigint), now())
                WHERE \(table.key) = $1
                """, key, atSeconds)
        case .cancel:
            try await connection.execute(
                "UPDATE \(table.name) SET \(table.status) = 'canceled' WHERE \(table.key) = $1", key)
        case .fail:
            try await connection.execute(
                "UPDATE \(table.name) SET \(table.status) = 'failed' WHERE \(table.key) = $1", key)
        case .link(let intent):
            try await connection.execute(
                "UPDATE \(table.name) SET \(table.id) = $2 WHERE \(table.key) = $1", key, intent)
        }
    }

    static func snapshot(_ charge: String) -> JSONText { JSONText("{\"charge\": \(charge)}") }
}
