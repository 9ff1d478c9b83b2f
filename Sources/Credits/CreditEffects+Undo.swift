import PostgreSQL
import Reconciliation
import Store

/// Takes an effect back.
public enum OrderUndo: String, Sendable, Hashable, CaseIterable {
    /// The opposite of `grant`.
    case ungrant
    /// The opposite of `cancel`.
    case uncancel
    /// The opposite of `link`.
    case unlink

    /// The undoing of an audited effect; `nil` where there is none, as for a deleted draft.
    public init?(undoing effect: String) {
        switch effect {
        case "grant": self = .ungrant
        case "cancel": self = .uncancel
        case "link": self = .unlink
        default: return nil
        }
    }
}

extension CreditEffects {
    /// Takes an effect back, if the row is still exactly as the effect left it.
    /// - Parameter after: the audit's snapshot after the effect.
    /// - Returns: ``EffectOutcome/refused(_:)`` where the row has moved on, or the credits are spent.
    public func undo(
        _ undo: OrderUndo, ofOrder key: Int64, after: JSONText, on connection: Connection
    ) async throws -> EffectOutcome {
        guard let row = try await lock(key, on: connection) else { return .refused("order \(key) is gone") }
        let isSame: Bool = try await connection.query(
            "SELECT $1::text::jsonb = $2 -> 'order' AS same", row.json, after)[0]["same"]
        guard isSame else { return .refused("order \(key) was changed since the repair") }
        let order = row.order
        let balanceBefore = try await lockBalance(of: order.agencyID, on: connection)
        if undo == .ungrant, (balanceBefore ?? 0) < order.credits {
            return .refused(
                "agency \(order.agencyID) has \(balanceBefore ?? 0) credits left, the repair granted \(order.credits)")
        }
        try await write(undo, key: key, order: order, on: connection)
        let balanceAfter = try await lockBalance(of: order.agencyID, on: connection)
        guard let now = try await lock(key, on: connection) else { return .refused("order \(key) is gone") }
        return .done(
            before: Self.snapshot(row.json, balance: balanceBefore),
            after: Self.snapshot(now.json, balance: balanceAfter))
    }

    private func write(_ undo: OrderUndo, key: Int64, order: OrderFacts, on connection: Connection) async throws {
        switch undo {
        case .ungrant:
            try await connection.execute(
                "UPDATE \(table.name) SET \(table.paid) = false, \(table.paidAt) = NULL WHERE \(table.key) = $1", key)
            try await connection.execute(
                """
                UPDATE public.task_credit_agency_balance SET balance = balance - $2, updated_at = now()
                WHERE agency_id = $1
                """, order.agencyID, order.credits)
        case .uncancel:
            try await connection.execute(
                "UPDATE \(table.name) SET \(table.cancelledAt) = NULL WHERE \(table.key) = $1", key)
        case .unlink:
            try await connection.execute("UPDATE \(table.name) SET \(table.id) = NULL WHERE \(table.key) = $1", key)
        }
    }
}
