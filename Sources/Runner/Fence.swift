import PostgreSQL
import Store

/// What every transaction of a run begins with where the run belongs to an occurrence: it is refused when the lease was
/// lost, so that a worker that was thought dead writes nothing.
public struct Fence: Sendable {
    private let lease: Lease?

    /// No lease: the run belongs to whoever started it, and holds the job's lock.
    public static let none = Fence(lease: nil)

    /// The attempt that holds this lease, and no other.
    public static func holding(_ lease: Lease) -> Fence { Fence(lease: lease) }

    /// Must be the first statement of the transaction.
    /// - Throws: `LeaseLost`; the transaction is then to be rolled back.
    func hold(on connection: Connection) async throws {
        guard let lease else { return }
        try await Occurrences.hold(lease, on: connection)
    }
}

extension Pool {
    /// A transaction of a run: behind its fence.
    func transaction<T: Sendable>(
        _ fence: Fence, _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await transaction { connection in
            try await fence.hold(on: connection)
            return try await body(connection)
        }
    }
}
