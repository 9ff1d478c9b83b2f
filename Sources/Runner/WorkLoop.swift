import Jobs
import PostgreSQL
import Store
import Stripe

/// Takes occurrences that are due and runs them: on as many hosts as one likes, a few at once on each.
///
/// When its task is cancelled it takes no more, stops what runs (the next attempt goes on where it was), gives the
/// leases back and returns, within ``stopSeconds``.
public actor WorkLoop {
    private let worker: Worker
    private let places: Int
    private let book: JobBook
    private let occurrences: Occurrences
    private let workers: Workers
    private let leaseSeconds: Double
    private let clock: MonotonicClock
    private let stopsWhenEmpty: Bool
    private let runOccurrence: RunOccurrence
    private let tell: @Sendable (ScheduleEvent) -> Void
    private var running: [String: Task<Void, Never>] = [:]
    private var lastBeat: Int64 = .min / 2
    private var lastReload: Int64 = .min / 2
    private var lastSweep: Int64 = .min / 2
    private var isDatabaseLost = false
    /// The pause between two looks; ended early when a place becomes free.
    private var rest: Task<Void, Never>?

    /// What a stop may take at most, in seconds.
    public static let stopSeconds: Int64 = 9
    static let pollNanoseconds: Int64 = 1_000_000_000
    private static let beatNanoseconds: Int64 = 15_000_000_000
    private static let reloadNanoseconds: Int64 = 5_000_000_000
    /// An occurrence of a job that runs elsewhere is looked at again after so long.
    private static let busySeconds = 5.0

    /// - Parameters:
    ///   - worker: its name is unique among all workers.
    ///   - places: occurrences that run at once.
    ///   - leaseSeconds: an attempt that is not heard of for so long is taken to be dead.
    ///   - stopsWhenEmpty: ``run()`` returns when nothing is due and nothing runs.
    public init(
        worker: Worker, places: Int, book: JobBook, pool: Pool, leaseSeconds: Double = 60,
        stopsWhenEmpty: Bool = false, clock: MonotonicClock = .system, run: @escaping RunOccurrence,
        tell: @escaping @Sendable (ScheduleEvent) -> Void = { _ in }
    ) {
        self.worker = worker
        self.places = max(1, places)
        self.book = book
        occurrences = Occurrences(pool: pool)
        workers = Workers(pool: pool)
        self.leaseSeconds = leaseSeconds
        self.stopsWhenEmpty = stopsWhenEmpty
        self.clock = clock
        runOccurrence = run
        self.tell = tell
    }

    /// Works until the task is cancelled, or until there is nothing to do where that is the end.
    public func run() async {
        while !Task.isCancelled {
            do {
                reload()
                try await beat()
                try await sweep()
                while running.count < places, try await takeSome() {}
                if isDatabaseLost { tell(.databaseBack) }
                isDatabaseLost = false
                if stopsWhenEmpty, running.isEmpty { break }
            } catch {
                if Task.isCancelled { break }
                if !isDatabaseLost { tell(.databaseLost("\(error)")) }
                isDatabaseLost = true
            }
            await pause()
        }
        await stop()
    }

    /// Until the next look: a second, or until an attempt ends, so that a place does not stay empty while others are
    /// due.
    private func pause() async {
        let clock = clock
        let until = clock.now() + Self.pollNanoseconds
        // Nothing hangs on the error: who was woken looks again.
        let task = Task { _ = try? await clock.sleepUntil(until) }
        rest = task
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        rest = nil
    }

    private func sweep() async throws {
        guard clock.now() - lastSweep >= Self.pollNanoseconds else { return }
        for occurrence in try await occurrences.sweep() { tell(.noticed(occurrence)) }
        lastSweep = clock.now()
    }

    private func reload() {
        guard clock.now() - lastReload >= Self.reloadNanoseconds else { return }
        lastReload = clock.now()
        switch book.reload() {
        case .unchanged: break
        case .changed(let set): tell(.reloaded(jobs: set.jobs.count))
        case .refused(let text): tell(.refused(text))
        }
    }

    private func beat() async throws {
        guard clock.now() - lastBeat >= Self.beatNanoseconds else { return }
        lastBeat = clock.now()
        try await workers.beat(worker, running: running.count)
    }

    /// - Returns: whether there was something to take.
    private func takeSome() async throws -> Bool {
        let jobs = Dictionary(book.jobs.jobs.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let leases = try await occurrences.claim(
            for: worker.name, jobs: Array(jobs.keys), leaseSeconds: leaseSeconds, limit: places - running.count)
        for lease in leases {
            // Only what was asked for can have been taken.
            guard let definition = jobs[lease.job] else { continue }
            begin(lease, definition)
        }
        return !leases.isEmpty
    }

    private func begin(_ lease: Lease, _ definition: JobDefinition) {
        tell(.began(lease))
        let attempt = Attempt(
            lease: lease, definition: definition, occurrences: occurrences, leaseSeconds: leaseSeconds, clock: clock,
            run: runOccurrence)
        let key = "\(lease.job) \(lease.attempt) \(lease.occurrence.scheduledSeconds)"
        running[key] = Task {
            let startedAt = clock.now()
            let outcome = await attempt.outcome()
            await end(lease, outcome, seconds: Double(clock.now() - startedAt) / 1e9)
            running[key] = nil
            rest?.cancel()
        }
    }

    // MARK: - Ending

    private func end(_ lease: Lease, _ outcome: Attempt.Outcome, seconds: Double) async {
        switch outcome {
        case .lost: tell(.lost(lease))
        case .stopped: await release(lease, "stopped", pauseSeconds: 0, seconds: seconds)
        case .busy: await release(lease, "busy", pauseSeconds: Self.busySeconds, seconds: seconds)
        case .ended(let end):
            let written = await write { [occurrences] in try await occurrences.finish(lease, end) }
            if let now = written ?? nil { tell(.ended(now, seconds: seconds)) } else { await tellLost(lease, seconds) }
        }
    }

    /// An attempt that could not be ended here: its run has done so before it was stopped, or another has it.
    private func tellLost(_ lease: Lease, _ seconds: Double) async {
        let ended = await write { [occurrences] in try await occurrences.ended(by: lease) }
        if let now = ended ?? nil { tell(.ended(now, seconds: seconds)) } else { tell(.lost(lease)) }
    }

    private func release(_ lease: Lease, _ reason: String, pauseSeconds: Double, seconds: Double) async {
        let isWritten = await write { [occurrences] in
            try await occurrences.release(lease, reason: reason, pauseSeconds: pauseSeconds)
        }
        if isWritten == true { return tell(.released(lease, reason: reason)) }
        await tellLost(lease, seconds)
    }

    /// Tries for as long as the lease can last; after that somebody else has it. Not under the task that was cancelled:
    /// it has to reach the database.
    private func write<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async -> T? {
        let (clock, until) = (clock, clock.now() + Int64(leaseSeconds * 1e9))
        return await Task {
            while clock.now() < until {
                if let value = try? await body() { return value }
                try? await clock.sleepUntil(clock.now() + Self.pollNanoseconds)
            }
            return nil
        }.value
    }

    private func stop() async {
        for task in running.values { task.cancel() }
        let until = clock.now() + Self.stopSeconds * 1_000_000_000
        let (clock, workers, worker) = (clock, workers, worker)
        await Task {
            while isBusy, clock.now() < until {
                try? await clock.sleepUntil(clock.now() + 20_000_000)
            }
            // For people to look at only; a row that stays goes by itself.
            try? await workers.leave(worker)
        }.value
    }

    private var isBusy: Bool { !running.isEmpty }
}
