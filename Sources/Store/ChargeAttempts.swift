import PostgreSQL

/// The attempts to take the payment of one charge that were begun (`trueup.charge_attempt`): under which keys, and
/// whose payments they were to be. What became of them, only Stripe knows.
///
/// ```swift
/// var attempts = try await ChargeAttempts.read(ofCharge: 7, identity: "trueup-charge-7-1", on: connection)
/// let key = attempts.nextKey
/// let id = try await attempts.begin(key, customer: "cus_1", on: connection)
/// ```
public struct ChargeAttempts: Sendable, Hashable {
    private struct Begun: Sendable, Hashable {
        let id: Int64
        let key: String
        let customer: String
    }

    private let chargeID: Int64
    /// What the keys of the charge begin with.
    private let identity: String
    private var begun: [Begun] = []
    private var usedUp: Set<String> = []

    private init(chargeID: Int64, identity: String) {
        self.chargeID = chargeID
        self.identity = identity
    }

    /// - Parameter identity: what the keys of the charge begin with. Attempts under other keys are those of another row
    ///   that had the same number, in a restored database, say.
    public static func read(
        ofCharge id: Int64, identity: String, on connection: Connection
    ) async throws -> ChargeAttempts {
        var attempts = ChargeAttempts(chargeID: id, identity: identity)
        let rows = try await connection.query(
            """
            SELECT id, idempotency_key AS key, customer, is_key_used_up FROM trueup.charge_attempt
            WHERE charge_id = $1 AND outcome = 'begun' AND starts_with(idempotency_key, $2) ORDER BY id
            """, id, identity + "-")
        for row in rows {
            let one = Begun(id: try row["id"], key: try row["key"], customer: try row["customer"])
            attempts.begun.append(one)
            if try row["is_key_used_up"] { attempts.usedUp.insert(one.key) }
        }
        return attempts
    }

    /// Nothing was ever asked for.
    public var isEmpty: Bool { begun.isEmpty }

    /// Whose payments may be the charge's.
    public var customers: Set<String> { Set(begun.map(\.customer)) }

    /// What the next attempt carries: the key of the last one, unless Stripe keeps a failure for it.
    public var nextKey: String { "\(identity)-\(usedUp.count)" }

    /// Whether an attempt was begun under the key.
    public func hasBegun(_ key: String) -> Bool { begun.contains { $0.key == key } }

    /// Notes that an attempt begins. It belongs into no transaction: it has to be there whatever comes next.
    /// - Returns: the note's number.
    public mutating func begin(_ key: String, customer: String, on connection: Connection) async throws -> Int64 {
        let id: Int64 = try await connection.query(
            """
            INSERT INTO trueup.charge_attempt (charge_id, outcome, customer, idempotency_key)
            VALUES ($1, 'begun', $2, $3) RETURNING id
            """, chargeID, customer, key)[0]["id"]
        begun.append(Begun(id: id, key: key, customer: customer))
        return id
    }

    /// Takes the note of an attempt back that Stripe has refused to look at: it has made no payment.
    public mutating func withdraw(_ id: Int64, on connection: Connection) async throws {
        try await connection.execute("DELETE FROM trueup.charge_attempt WHERE id = $1 AND outcome = 'begun'", id)
        begun.removeAll { $0.id == id }
    }

    /// Notes that Stripe keeps a failure for the key, and gives it to whoever asks under it again.
    public mutating func useUp(_ key: String, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.charge_attempt SET is_key_used_up = true
            WHERE charge_id = $1 AND outcome = 'begun' AND idempotency_key = $2
            """, chargeID, key)
        usedUp.insert(key)
    }
}
