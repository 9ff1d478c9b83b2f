import PostgreSQL
import Reconciliation
import Store

/// Takes an effect on a charge back. The raw value is its word in the audit.
public enum ChargeUndo: String, Sendable, Hashable, CaseIterable {
    /// The opposite of `succeed`.
    case unsucceed
    /// The opposite of `cancel_charge`.
    case uncancel = "uncancel_charge"
    /// The opposite of `fail`.
    case unfail
    /// The opposite of `link`.
    case unlink

    /// The undoing of an audited effect; `nil` where there is none, as for an intent that was canceled at Stripe.
    public init?(undoing effect: String) {
        switch effect {
        case "succeed": self = .unsucceed
        case "cancel_charge": self = .uncancel
        case "fail": self = .unfail
        case "link": self = .unlink
        default: return nil
        }
    }
}

extension ChargeEffects {
    /// Takes an effect back, if the row is still exactly as the effect left it: the status, the time of success and
    /// the missing id become what they were.
    /// - Parameters:
    ///   - effect: the word in the audit, `succeed` for example.
    ///   - before: the audit's snapshot before the effect.
    ///   - after: the audit's snapshot after the effect.
    /// - Returns: ``EffectOutcome/refused(_:)`` where the row has moved on, or the effect has no undoing.
    public func undo(
        ofCharge key: Int64, effect: String, before: JSONText, after: JSONText, on connection: Connection
    ) async throws -> EffectOutcome {
        guard ChargeUndo(undoing: effect) != nil else {
            return .refused("“\(effect)” of charge \(key) cannot be taken back")
        }
        guard let row = try await lock(key, on: connection) else { return .refused("charge \(key) is gone") }
        let isSame: Bool = try await connection.query(
            "SELECT coalesce($1::text::jsonb = $2 -> 'charge', false) AS same", row.json, after)[0]["same"]
        guard isSame else { return .refused("charge \(key) was changed since the repair") }
        // The effect changed nothing but these, so that one statement undoes them all.
        let restored = try await connection.execute(
            """
            UPDATE \(table.name) l SET \(table.id) = b.\(table.id), \(table.status) = b.\(table.status),
                \(table.succeededAt) = b.\(table.succeededAt)
            FROM jsonb_populate_record(NULL::\(table.name), $2::jsonb -> 'charge') b
            WHERE l.\(table.key) = $1 AND b.\(table.key) = l.\(table.key)
            """, key, before)
        guard restored == 1 else { return .refused("the audit has no row of charge \(key) to go back to") }
        return try await done(key, before: row.json, on: connection)
    }
}
