import Stripe
import Synchronization

/// How long a run may take: the `timeout` of its job. One that takes longer is stopped as by a signal: what it is in
/// the middle of is given up, what it has committed stays, and the next run goes on from there.
///
/// ```swift
/// let result = try await TimeLimit(seconds: definition.timeoutSeconds).run { try await run.run() }
/// ```
public struct TimeLimit: Sendable {
    /// From the beginning of the work.
    public let seconds: Int64
    private let clock: MonotonicClock

    /// - Parameter seconds: at least 1.
    public init(seconds: Int64, clock: MonotonicClock = .system) {
        self.seconds = seconds
        self.clock = clock
    }

    /// Why work was stopped.
    enum Cause: Sendable {
        /// Its time was over.
        case limit
        /// What went on beside it came to its end.
        case watch
    }

    /// What stopped work: the first cause counts.
    private final class Standing: Sendable {
        let limit: TimedOut
        private let word = Mutex<Cause?>(nil)

        init(_ limit: TimedOut) { self.limit = limit }

        var cause: Cause? { word.withLock { $0 } }

        func note(_ new: Cause) { word.withLock { $0 = $0 ?? new } }
    }

    /// Of the work that this task belongs to.
    @TaskLocal private static var standing: Standing?

    /// The limit that stopped the work of this task, for what is written of it; `nil` where something else stops it, or
    /// nothing does.
    package static var passed: TimedOut? { standing.flatMap { $0.cause == .limit ? $0.limit : nil } }

    /// What is said of work that took too long.
    var timedOut: TimedOut { TimedOut(seconds: seconds) }

    /// Runs until the work's own end, the limit, or until the task is cancelled.
    /// - Throws: ``TimedOut`` for work that was stopped by the limit; else what the work throws. Work that comes to its
    ///   end all the same has ended.
    public func run<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (result, cause) = await outcome(of: work)
        if case .failure = result, cause == .limit { throw timedOut }
        return try result.get()
    }

    /// The same, without an opinion on what counts more.
    /// - Parameter watch: goes on beside the work, which is stopped when it returns.
    func outcome<Value: Sendable>(
        of work: @escaping @Sendable () async throws -> Value, beside watch: (@Sendable () async -> Void)? = nil
    ) async -> (result: Result<Value, any Error>, cause: Cause?) {
        let clock = clock
        let standing = Standing(timedOut)
        let end = clock.now() + seconds * 1_000_000_000
        let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do {
                    return .success(try await Self.$standing.withValue(standing) { try await work() })
                } catch {
                    return .failure(error)
                }
            }
            if let watch {
                group.addTask {
                    await watch()
                    if !Task.isCancelled { standing.note(.watch) }
                    return nil
                }
            }
            group.addTask {
                guard (try? await clock.sleepUntil(end)) != nil else { return nil }
                standing.note(.limit)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // The work winds up in its own time; what it says then counts only where it had not been stopped.
            if let first { return first }
            for await other in group { if let other { return other } }
            return .failure(CancellationError())
        }
        return (result, standing.cause)
    }
}

/// Something took longer than its job's `timeout`, and was stopped.
public struct TimedOut: Error, Sendable, Hashable, CustomStringConvertible {
    public let seconds: Int64

    public var description: String { "It was stopped after \(seconds) s, the job's timeout." }
}
