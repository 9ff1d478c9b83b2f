import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Schedule
import Store
import Stripe
import Support
import Synchronization

/// A database, some jobs, and all that schedulers and workers told.
final class ScheduleScene: Sendable {
    let pool: Pool
    let occurrences: Occurrences
    let book: JobBook
    private let events = Mutex<[ScheduleEvent]>([])

    init(_ jobs: [JobDefinition], pool: Pool? = nil) async throws {
        if let pool { self.pool = pool } else { self.pool = try await TestServer.pool() }
        occurrences = Occurrences(pool: self.pool)
        let set = JobSet(settings: Settings(accounts: [AccountSettings(name: "a", secretKeyEnv: "A")]), jobs: jobs)
        book = try JobBook(fingerprint: { "" }, load: { set })
    }

    static func job(
        _ name: String, _ schedule: String? = "0 * * * *", after: [String] = [], catchUp: CatchUp = .latest,
        timeoutSeconds: Int64 = 60, attempts: Int = 3
    ) throws -> JobDefinition {
        let table = TableContract(name: "t", columns: [.id: "id", .amount: "amount"])
        return JobDefinition(
            name: name, hash: "h", kind: .reconcile(ReconcileJob(accounts: ["a"], table: table)), schedule: schedule,
            expression: try schedule.map { try CronExpression($0) }, catchUp: catchUp,
            startDeadlineSeconds: 86_400, timeoutSeconds: timeoutSeconds,
            retry: RetryRule(attempts: attempts, backoffSeconds: 0), after: after)
    }

    func tell(_ event: ScheduleEvent) { events.withLock { $0.append(event) } }

    /// What was told, a word each.
    var told: [String] {
        events.withLock { events in
            events.map { event in
                switch event {
                case .reloaded: "reloaded"
                case .refused: "refused"
                case .slept: "slept"
                case .ahead: "ahead"
                case .databaseLost: "lost database"
                case .databaseBack: "database back"
                case .noticed(let one): "\(one.job) \(one.state) \(one.reason ?? "")"
                case .began(let lease): "\(lease.job) began \(lease.attempt)"
                case .ended(let one, _): "\(one.job) ended \(one.state) \(one.result ?? "")"
                case .lost(let lease): "\(lease.job) lost \(lease.attempt)"
                case .released(let lease, let reason): "\(lease.job) released \(reason)"
                }
            }
        }
    }

    func scheduler() -> Scheduler {
        Scheduler(book: book, occurrences: occurrences, tell: { [self] in tell($0) })
    }

    func loop(
        _ name: String = "w", places: Int = 2, leaseSeconds: Double = 60, clock: MonotonicClock = .system,
        run: @escaping RunOccurrence
    ) -> WorkLoop {
        WorkLoop(
            worker: Worker(name: name, kind: .work, host: "h", processID: 1, programVersion: "0"), places: places,
            book: book, pool: pool, leaseSeconds: leaseSeconds, clock: clock, run: run, tell: { [self] in tell($0) })
    }

    /// Makes a job known, as it was so many hours ago.
    func wasLastSeen(_ job: String, hoursAgo: Int) async throws {
        _ = try await occurrences.learn(book.jobs.jobs.map(KnownJob.init))
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                UPDATE trueup.job_state SET last_nominal = date_trunc('hour', now()) - $2::bigint * interval '1 hour'
                WHERE job = $1
                """, job, hoursAgo)
        }
    }

    /// A pause of a job, from so many minutes before this hour began to so many; `nil`: it lasts.
    func pause(_ job: String, minutesAgo: Int, until: Int?) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.pause (job, paused_by, paused_at, resumed_at)
                SELECT $1, 'ada', hour - $2::bigint * interval '1 minute', hour - $3::bigint * interval '1 minute'
                FROM date_trunc('hour', now()) AS hour
                """, job, minutesAgo, until)
        }
    }

    /// An occurrence that is due now.
    @discardableResult
    func due(_ job: JobDefinition) async throws -> Int64 {
        let now = try await occurrences.nowSeconds()
        let planned = PlannedOccurrence(
            nominalSeconds: now, window: OccurrenceWindow(fromSeconds: now - 60, toSeconds: now),
            notBeforeSeconds: now - 1, startBeforeSeconds: now + 3600)
        _ = try await occurrences.learn([KnownJob(job)])
        _ = try await occurrences.insert(
            [
                NewOccurrence(
                    job: job.name, definitionHash: job.hash, planned: planned, timeoutSeconds: job.timeoutSeconds,
                    attemptsMax: job.retry.attempts, backoffSeconds: 0)
            ], dealtWith: [:])
        return now
    }

    /// Waits until something was told.
    func wait(for text: String, seconds: Double = 20) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if told.contains(text) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    func close() async { await pool.close() }
}
