import Jobs
import PostgreSQL
import Schedule
import Store
import Stripe

/// Finds out what has come due and writes it down; workers do the rest. Any number of schedulers may look at the same
/// jobs: each nominal time becomes one row.
///
/// It goes by the database's clock, survives the database's absence, and looks about once a second.
public actor Scheduler {
    private let book: JobBook
    private let occurrences: Occurrences
    private let clock: MonotonicClock
    private let tell: @Sendable (ScheduleEvent) -> Void
    private var jobs: [String: ScheduledJob] = [:]
    /// Jobs without a schedule of their own, by the first job that they come after and that has times.
    private var driven: [String: [JobDefinition]] = [:]
    /// The generation of the book that the jobs are of.
    private var learntGeneration = 0
    private var lastNow: Int64?
    private var lastReload: Int64 = 0
    private var lastRefresh: Int64 = 0
    private var isDatabaseLost = false
    private var ahead: Set<String> = []

    private struct ScheduledJob {
        var definition: JobDefinition
        var rules: OccurrenceRules
        var dealtWith: Int64
        var next: Int64?
    }

    static let lookNanoseconds: Int64 = 1_000_000_000
    private static let reloadSeconds: Int64 = 5
    /// Pauses, and what other schedulers have done.
    private static let refreshSeconds: Int64 = 60
    /// So much later than it should be means that it slept.
    static let sleptSeconds: Int64 = 30

    public init(
        book: JobBook, occurrences: Occurrences, clock: MonotonicClock = .system,
        tell: @escaping @Sendable (ScheduleEvent) -> Void = { _ in }
    ) {
        self.book = book
        self.occurrences = occurrences
        self.clock = clock
        self.tell = tell
    }

    /// Looks again and again, until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            do {
                try await look()
                if isDatabaseLost { tell(.databaseBack) }
                isDatabaseLost = false
            } catch {
                if Task.isCancelled { return }
                if !isDatabaseLost { tell(.databaseLost("\(error)")) }
                isDatabaseLost = true
            }
            try? await clock.sleepUntil(clock.now() + Self.lookNanoseconds)
        }
    }

    /// Looks once: reads changed files, writes what came due, and moves on what moves on by itself.
    public func look() async throws {
        let now = try await occurrences.nowSeconds()
        if let lastNow, now - lastNow > Self.sleptSeconds { tell(.slept(seconds: now - lastNow)) }
        lastNow = now
        if abs(now - lastReload) >= Self.reloadSeconds {
            lastReload = now
            switch book.reload() {
            case .unchanged: break
            case .changed(let set): tell(.reloaded(jobs: set.jobs.count))
            case .refused(let text): tell(.refused(text))
            }
        }
        if book.generation != learntGeneration || abs(now - lastRefresh) >= Self.refreshSeconds {
            try await learn(now)
        }
        for occurrence in try await insertDue(now) where occurrence.state != .waiting { tell(.noticed(occurrence)) }
        for occurrence in try await occurrences.sweep() { tell(.noticed(occurrence)) }
    }

    private func learn(_ now: Int64) async throws {
        let generation = book.generation
        let set = book.jobs
        let states = try await occurrences.learn(set.jobs.map(KnownJob.init))
        let timed = TimedJobs(set.jobs)
        jobs = [:]
        driven = [:]
        for definition in set.jobs {
            if let rules = OccurrenceRules(definition), let state = states[definition.name] {
                let last = state.lastNominalSeconds
                jobs[definition.name] = ScheduledJob(
                    definition: definition, rules: rules, dealtWith: last,
                    next: rules.expression.next(after: last, in: rules.zone))
                warnIfAhead(definition.name, last - now)
            } else if let driver = timed.driver(of: definition) {
                driven[driver, default: []].append(definition)
            }
        }
        learntGeneration = generation
        lastRefresh = now
    }

    /// A clock that was far in the future, once, would otherwise silence a job for as long.
    private func warnIfAhead(_ job: String, _ seconds: Int64) {
        guard seconds > 86_400 else {
            ahead.remove(job)
            return
        }
        if ahead.insert(job).inserted { tell(.ahead(job: job, seconds: seconds)) }
    }

    private func insertDue(_ now: Int64) async throws -> [Occurrence] {
        let due = jobs.filter { _, job in job.next.map { $0 <= now } ?? false }
        guard !due.isEmpty else { return [] }
        let pauses = try await occurrences.pauses(since: due.mapValues(\.dealtWith))
        var new: [NewOccurrence] = []
        var dealtWith: [String: Int64] = [:]
        for (name, job) in due {
            let plan = OccurrencePlan(
                job.rules, dealtWithUntil: job.dealtWith, now: now, pauses: pauses[name] ?? [])
            dealtWith[name] = plan.dealtWithUntil
            for planned in plan.occurrences {
                new.append(
                    NewOccurrence(
                        job.definition, planned, after: awaited(job.definition, atOrBefore: planned.nominalSeconds)))
                // What comes after a job comes after its last occurrence of a standstill too, if only to say that it
                // did not run.
                if planned.reason == nil || planned == plan.occurrences.last { drive(name, planned, &new) }
            }
        }
        let inserted = try await occurrences.insert(new, dealtWith: dealtWith)
        for (name, until) in dealtWith {
            guard let job = jobs[name] else { continue }
            jobs[name]?.dealtWith = until
            jobs[name]?.next = job.rules.expression.next(after: until, in: job.rules.zone)
        }
        return inserted
    }

    /// Jobs without a schedule start when those they come after have ended: their occurrence has the nominal time of
    /// the first of these that has one.
    private func drive(_ driver: String, _ planned: PlannedOccurrence, _ new: inout [NewOccurrence]) {
        for definition in driven[driver] ?? [] {
            var own = planned
            own.reason = nil
            own.isCatchUp = true
            own.startBeforeSeconds = max(own.startBeforeSeconds, own.notBeforeSeconds + definition.startDeadlineSeconds)
            let awaited = definition.after.compactMap { name -> NewOccurrence.Awaited? in
                if name == driver { return .init(job: name, scheduledSeconds: planned.nominalSeconds) }
                return nominal(of: name, nearest: planned.nominalSeconds).map { .init(job: name, scheduledSeconds: $0) }
            }
            new.append(NewOccurrence(definition, own, after: awaited))
            // The files have no circles of `after`.
            drive(definition.name, own, &new)
        }
    }

    /// For a job with a schedule of its own: the last occurrence of each job that it comes after.
    private func awaited(_ definition: JobDefinition, atOrBefore nominal: Int64) -> [NewOccurrence.Awaited] {
        definition.after.compactMap { name in
            guard let rules = rules(of: name) else { return nil }
            return OccurrencePlan.awaited(rules.expression, in: rules.zone, atOrBefore: nominal).map {
                NewOccurrence.Awaited(job: name, scheduledSeconds: $0)
            }
        }
    }

    /// The occurrence of the same night: the next one within half a day, else the last one within half a day.
    private func nominal(of job: String, nearest nominal: Int64) -> Int64? {
        guard let rules = rules(of: job) else { return nil }
        if let next = rules.expression.next(after: nominal - 1, in: rules.zone), next - nominal < 43_200 { return next }
        if let last = rules.expression.previous(before: nominal, in: rules.zone), nominal - last < 43_200 {
            return last
        }
        return nil
    }

    /// The times of a job: its own, or those of the job that it follows.
    private func rules(of job: String) -> OccurrenceRules? {
        var name = job
        for _ in 0...driven.count {
            if let found = jobs[name] { return found.rules }
            guard let driver = driven.first(where: { $0.value.contains { $0.name == name } })?.key else { return nil }
            name = driver
        }
        return nil
    }
}

extension OccurrenceRules {
    /// `nil` for a job without a schedule.
    public init?(_ definition: JobDefinition) {
        guard let expression = definition.expression else { return nil }
        self.init(
            job: definition.name, expression: expression, zone: definition.zone, catchUp: definition.catchUp,
            startDeadlineSeconds: definition.startDeadlineSeconds, jitterSeconds: definition.jitterSeconds)
    }
}

extension KnownJob {
    public init(_ definition: JobDefinition) {
        self.init(
            job: definition.name, definitionHash: definition.hash,
            schedule: definition.schedule.map { "\($0) \(definition.timeZone)" } ?? "")
    }
}

extension NewOccurrence {
    init(_ definition: JobDefinition, _ planned: PlannedOccurrence, after: [Awaited]) {
        self.init(
            job: definition.name, definitionHash: definition.hash, planned: planned,
            timeoutSeconds: definition.timeoutSeconds, attemptsMax: definition.retry.attempts,
            backoffSeconds: definition.retry.backoffSeconds, mayQueue: definition.onOverlap == .queue, after: after)
    }
}
