import ArgumentParser
import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store
import Stripe
import Synchronization

/// What `schedule` and `work` have in common.
struct ScheduleOptions: ParsableArguments, DatabaseUsing {
    @Option(name: .long, help: ArgumentHelp("Runs at the same time in this process.", valueName: "n"))
    var places = 2

    @Option(
        name: .long,
        help: ArgumentHelp("After so long without a sign of life a run belongs to others.", valueName: "seconds"))
    var lease = 60

    @OptionGroup var log: LogOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard (1...64).contains(places) else { throw ValidationError("--places takes 1 to 64.") }
        guard (3...3600).contains(lease) else { throw ValidationError("--lease takes 3 to 3600 seconds.") }
    }

    /// Opens files and database and works there until a signal, a worker's loop always, other tasks beside it.
    func work(
        as kind: Worker.Kind, untilEmpty: Bool = false,
        beside others: @escaping @Sendable (ScheduledWork) async -> Void = { _ in }
    ) async throws {
        log.start(isDaemon: true)
        let book = try JobBook.directory(files.jobs)
        if let errors = book.errors {
            Terminal.tell(
                "job files refused",
                "job files are wrong; these jobs are left out, and with them all that do not "
                    + "reconcile:\n\(errors)", .error, [:])
        }
        for warning in book.jobs.warnings { Terminal.warn("\(warning)") }
        let accounts = Array(Set(book.jobs.jobs.flatMap(\.kind.accounts))).sorted()
        let isLive = Accounts.hasLiveKey(accounts, settings: book.jobs.settings)
        do {
            try await run(book, isLive, kind, untilEmpty, others)
        } catch is CancellationError {
            // Told to stop while the database was waited for.
        }
    }

    private func run(
        _ book: JobBook, _ isLive: Bool, _ kind: Worker.Kind, _ untilEmpty: Bool,
        _ others: @escaping @Sendable (ScheduledWork) async -> Void
    ) async throws {
        try await Signals.cancelling {
            try await Database.with(
                databaseOptions, settings: book.jobs.settings, hasLiveKey: isLive, waits: true
            ) { database in
                let work = ScheduledWork(
                    book: book, target: database.target, places: places, kind: kind, leaseSeconds: Double(lease),
                    next: next)
                let loop = WorkLoop(
                    worker: work.worker, places: places, book: book, pool: work.pool, leaseSeconds: Double(lease),
                    stopsWhenEmpty: untilEmpty, run: { try await work.run($0, $1) }, tell: { work.tell($0) })
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await others(work) }
                    group.addTask { await work.help() }
                    group.addTask { await work.tellPeople() }
                    await loop.run()
                    group.cancelAll()
                }
                // What ended last is told of too; where this process is stopped, by the next one.
                if !Task.isCancelled { await work.tellOnce() }
                await work.close()
            }
        }
    }
}

/// Runs occurrences in this process: accounts whose limits are shared through the database, pings, and a line of talk
/// for what happens.
final class ScheduledWork: Sendable {
    let book: JobBook
    let pool: Pool
    let worker: Worker
    private let target: ConnectionTarget
    private let leaseSeconds: Double
    private let next: NextCommand
    private let budgets: AccountBudgets
    /// Occurrences that run here now: while there are some, no other process is helped.
    private let running = Atomic<Int>(0)
    /// For reading windows of other processes' runs.
    private let helpPool: Pool
    private let helpHTTP = HTTPClient()
    let meter = RequestMeter()
    private let pings = Pings()
    let outbox: OutboxDaemon

    init(
        book: JobBook, target: ConnectionTarget, places: Int, kind: Worker.Kind, leaseSeconds: Double,
        next: NextCommand
    ) {
        self.book = book
        self.leaseSeconds = leaseSeconds
        self.next = next
        self.target = target
        let origin = RunOrigin.here(.schedule)
        let unique = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        worker = Worker(
            name: "\(origin.host):\(origin.processID):\(unique)", kind: kind, host: origin.host,
            processID: origin.processID, programVersion: Trueup.version)
        // The loop, the scheduler, what people are told, metrics, and a heartbeat for each run.
        pool = Pool(target, size: places + 4, applicationName: "trueup \(kind.rawValue)")
        outbox = OutboxDaemon(pool: pool, saysUnread: false) { book.jobs.settings }
        budgets = AccountBudgets(target)
        helpPool = Pool(target, size: 1, applicationName: "trueup help")
    }

    func close() async {
        await pool.close()
        await helpPool.close()
        await helpHTTP.close()
        await budgets.close()
        await pings.close()
    }

    /// Runs a job for an occurrence.
    func run(_ definition: JobDefinition, _ lease: Lease) async throws -> AttemptEnd {
        running.add(1, ordering: .relaxed)
        defer { running.subtract(1, ordering: .relaxed) }
        await pings.send(definition, .start, "attempt \(lease.attempt)")
        do {
            let end = try await runJob(definition, lease)
            switch end.outcome {
            case .done(let word): await pings.send(definition, .success, word)
            case .failed(let word): await pings.send(definition, .fail, word)
            }
            return end
        } catch RunError.alreadyRunning {
            if try await StaleRun.endSessions(for: lease, pool: pool) > 0 {
                Terminal.say("\(definition.name): an earlier worker that lost its lease was disconnected")
            }
            throw JobBusy()
        } catch {
            if TimeLimit.passed != nil {
                // Not under the task that the limit has cancelled: the ping has to arrive.
                await Task { await pings.send(definition, .fail, "timeout") }.value
            } else if !Task.isCancelled {
                await pings.send(definition, .fail, "error")
            }
            throw CommandError(explanation(of: error))
        }
    }

    /// Reads windows of runs that other processes own while there is nothing to run here, until the task is cancelled.
    func help() async {
        await ReadingHelp(
            reader: worker.name, leaseSeconds: leaseSeconds, pool: helpPool,
            mayHelp: { [self] in running.load(ordering: .relaxed) == 0 },
            open: { [self] account, trigger in
                let opened = try Accounts.open([account], settings: book.jobs.settings, http: helpHTTP) {
                    self.budgets.budget(of: $0, $1, for: trigger)
                }
                guard let client = opened.clients[account] else { throw RunError.noAccount(account) }
                return client
            }, say: { Terminal.say($0) }
        ).run()
    }

    private func runJob(_ definition: JobDefinition, _ lease: Lease) async throws -> AttemptEnd {
        let set = book.jobs
        if case .report(let job) = definition.kind {
            let making = MakingReport(
                definition: definition, job: job, set: set, target: target, senders: OutboxSenders(set.settings))
            return AttemptEnd(try await making.made(for: lease))
        }
        let accounts = try Accounts.open(definition.kind.accounts, settings: set.settings) { name, limits in
            self.budgets.budget(of: name, limits, for: .schedule)
        }
        meter.add(accounts.clients)
        defer { meter.remove(accounts.clients) }
        let runPool = Pool(target, size: JobRun.poolSize, applicationName: "trueup run \(definition.name)")
        let result: Result<RunResult, any Error>
        do {
            let run = JobRun(
                definition: definition, jobs: set.jobs, clients: accounts.clients, pool: runPool,
                origin: .here(.schedule), isPlan: false, nowSeconds: Int64(Date().timeIntervalSince1970),
                canSend: set.settings.delivery.email != nil, lease: lease, reader: worker.name,
                leaseSeconds: leaseSeconds, alerts: Alerts(definition, delivery: set.settings.delivery))
            let made = try await run.run()
            RunLog.ended(made, told: next.told)
            result = .success(made)
        } catch {
            result = .failure(error)
        }
        await runPool.close()
        await accounts.http.close()
        return AttemptEnd(try result.get())
    }

    // MARK: - Talk

    /// To a service that notices when the daemon itself is silent.
    func heartbeat(_ variable: String) async {
        await pings.send(variable: variable, .success, "", about: "heartbeat")
    }

    func tell(_ event: ScheduleEvent) {
        if let line = ScheduleTalk.line(event, next) {
            let record = ScheduleTalk.record(event)
            Terminal.tell(record.message, line, record.level, record.metadata)
        }
        // Nobody else says that a job did not run.
        if case .noticed(let one) = event, one.state == .missed || one.reason == "lease_lost",
            let definition = book.jobs.job(named: one.job)
        {
            let text = "\(one.state.rawValue), \(one.reason ?? "")"
            Task { await pings.send(definition, .fail, text) }
        }
    }
}
