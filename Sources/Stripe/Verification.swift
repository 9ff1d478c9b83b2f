import Synchronization

/// One check of a key for all who ask at the same time. A success is kept, a failure is not.
final class Verification: Sendable {
    typealias Outcome = Result<AccountIdentity, StripeError>

    private struct State {
        var known: AccountIdentity?
        var running: Task<Outcome, Never>?
        var askers = 0
    }

    private let state = Mutex(State())

    var identity: AccountIdentity? {
        state.withLock { $0.known }
    }

    /// The identity; `check` runs when there is none yet and nobody runs it already.
    /// It is cancelled when all who wait for it are.
    func identity(_ check: @escaping @Sendable () async -> Outcome) async -> Outcome {
        let task: Task<Outcome, Never> = state.withLock { state in
            if let known = state.known {
                return Task { .success(known) }
            }
            state.askers += 1
            if let running = state.running {
                return running
            }
            let started = Task { await self.run(check) }
            state.running = started
            return started
        }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            leave(task)
        }
    }

    private func run(_ check: @Sendable () async -> Outcome) async -> Outcome {
        let outcome = await check()
        state.withLock { state in
            state.known = try? outcome.get()
            state.running = nil
            state.askers = 0
        }
        return outcome
    }

    private func leave(_ task: Task<Outcome, Never>) {
        let mustCancel = state.withLock { state in
            guard state.running == task else { return false }
            state.askers -= 1
            return state.askers == 0
        }
        if mustCancel {
            task.cancel()
        }
    }
}
