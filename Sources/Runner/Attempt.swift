import Jobs
import Store
import Stripe

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

    /// Runs until the end, the time limit, the loss of the lease, or until the task is cancelled.
    func outcome() async -> Outcome {
        let limit = TimeLimit(seconds: lease.occurrence.timeoutSeconds, clock: clock)
        let (result, cause) = await limit.outcome(
            of: { try await run(definition, lease) }, beside: { await beat() })
        switch (cause, result) {
        // A run that came to its end has ended its occurrence; of any other the database says who has it.
        case (_, .success(let end)): return .ended(end)
        case (.watch, _): return .lost
        case (.limit, .failure): return .ended(AttemptEnd(.failed("timeout"), detail: "\(limit.timedOut)"))
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
