import Jobs
import Store
import Stripe
import Synchronization

/// The job runs in another process, outside the schedule: its occurrence waits, and nothing failed.
public struct JobBusy: Error, Sendable {
    public init() {}
}

/// Runs a job for an occurrence, to its end.
/// - Throws: ``JobBusy``; `CancellationError` when its task is cancelled; anything else is a failed attempt.
public typealias RunOccurrence = @Sendable (JobDefinition, Lease) async throws -> AttemptEnd

/// One attempt at one occurrence: the run, the heartbeat beside it, and the time limit over it.
struct Attempt: Sendable {
    let lease: Lease
    let definition: JobDefinition
    let occurrences: Occurrences
    let leaseSeconds: Double
    let clock: MonotonicClock
    let run: RunOccurrence

    /// How it came out.
    enum Outcome: Sendable {
        case ended(AttemptEnd)
        /// Nothing may be written any more.
        case lost
        /// The worker stops.
        case stopped
        case busy
    }

    /// Why the run was stopped: the first cause counts.
    private final class Cause: Sendable {
        enum Word {
            case lost, timeout
        }

        private let word = Mutex<Word?>(nil)

        var found: Word? { word.withLock { $0 } }

        func note(_ new: Word) { word.withLock { $0 = $0 ?? new } }
    }

    /// Runs until the end, the time limit, the loss of the lease, or until the task is cancelled.
    func outcome() async -> Outcome {
        let cause = Cause()
        let result = await withTaskGroup(of: Result<AttemptEnd, any Error>?.self) { group in
            group.addTask {
                do {
                    return .success(try await run(definition, lease))
                } catch {
                    return .failure(error)
                }
            }
            group.addTask {
                await beat()
                if !Task.isCancelled { cause.note(.lost) }
                return nil
            }
            group.addTask {
                let limit = clock.now() + lease.occurrence.timeoutSeconds * 1_000_000_000
                guard (try? await clock.sleepUntil(limit)) != nil else { return nil }
                cause.note(.timeout)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // The run winds up in its own time; what it says then counts only where it had not been stopped.
            if let first { return first }
            for await other in group { if let other { return other } }
            return .failure(CancellationError())
        }
        switch (cause.found, result) {
        // A run that came to its end has ended its occurrence; of any other the database says who has it.
        case (_, .success(let end)): return .ended(end)
        case (.lost, _): return .lost
        case (.timeout, .failure):
            let limit = "It was stopped after \(lease.occurrence.timeoutSeconds) s, the job's timeout."
            return .ended(AttemptEnd(.failed("timeout"), detail: limit))
        case (_, .failure(is JobBusy)): return .busy
        case (_, .failure(let error)):
            if Task.isCancelled { return .stopped }
            return .ended(AttemptEnd(.failed("error"), detail: "\(error)"))
        }
    }

    /// Says that the attempt lives, until the lease is lost: by the database's word, or because for as long as a lease
    /// lasts nothing could be said.
    private func beat() async {
        var heldUntil = clock.now() + Int64(leaseSeconds * 1e9)
        while !Task.isCancelled {
            guard (try? await clock.sleepUntil(clock.now() + Int64(leaseSeconds * 1e9 / 3))) != nil else { return }
            let askedAt = clock.now()
            do {
                guard try await occurrences.extend(lease, leaseSeconds: leaseSeconds) else { return }
                heldUntil = askedAt + Int64(leaseSeconds * 1e9)
            } catch {
                if clock.now() >= heldUntil { return }
            }
        }
    }
}
