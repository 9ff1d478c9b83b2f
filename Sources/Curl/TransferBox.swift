import Synchronization

/// Where the cancellation handler finds the transfer, which is made after the handler is set.
final class TransferBox: Sendable {
    private struct State {
        var transfer: Transfer?
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Keeps the transfer; true when the task was cancelled before.
    func put(_ transfer: Transfer) -> Bool {
        state.withLock { state in
            state.transfer = transfer
            return state.isCancelled
        }
    }

    /// Notes the cancellation and gives the transfer if there is one already.
    func cancel() -> Transfer? {
        state.withLock { state in
            state.isCancelled = true
            return state.transfer
        }
    }
}
