import Synchronization

/// Lets a few tests work at once and the others wait, in order: every world of its own has a database, connections and
/// threads, and a machine has room for a few only.
public final class Room: Sendable {
    /// For tests with a database and a server of their own.
    public static let worlds = Room(places: 6)

    private let state: Mutex<(free: Int, waiting: [CheckedContinuation<Void, Never>])>

    public init(places: Int) { state = Mutex((places, [])) }

    /// Runs `body` when there is a place.
    public func enter<T>(_ body: () async throws -> T) async throws -> T {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
        defer { leave() }
        return try await body()
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
