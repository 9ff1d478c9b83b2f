import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Store
import Synchronization

/// One job of the command line, run to its end with everything that it needs opened and closed.
struct RunningJob {
    let definition: JobDefinition
    let set: JobSet
    let database: Database
    var isPlan = false
    var isQuiet = false
    /// The period of a backfill.
    var range: Window?
    /// The command that runs it.
    let same: SameCommand
    /// How to go on after a stop.
    let resume: String
    /// Counts the requests.
    var meter = RequestMeter()
    /// The run's connections, where some are open already; they are closed with the run.
    var pool: Pool?
    /// The limits of its accounts, in the same way.
    var budgets: AccountBudgets?

    /// The connections of one run.
    static func pool(_ definition: JobDefinition, _ target: ConnectionTarget) -> Pool {
        Pool(target, size: JobRun.poolSize, applicationName: "trueup run \(definition.name)")
    }

    /// Whether there is a way for mail: notices that were missed can be sent.
    private var hasMail: Bool { self.set.settings.delivery.email != nil }

    private var alerts: Alerts { Alerts(definition, delivery: self.set.settings.delivery) }

    /// Runs it, showing how far it is, and tells those who asked to hear of it. A plan is told to nobody.
    func run(_ trigger: RunTrigger) async throws -> RunResult {
        let view = RunView(definition, isQuiet: isQuiet, zone: range == nil ? nil : definition.zone)
        guard !isPlan else { return try await work(trigger, view) { view.show($0) } }
        let pings = Pings()
        let start = StartPing(definition, pings)
        let hasBegun = Mutex(false)
        do {
            let result = try await work(trigger, view) { progress in
                if case .began(let id, _, _, _) = progress {
                    Talk.isAbout(run: id)
                    hasBegun.withLock { $0 = true }
                    start.send()
                }
                view.show(progress)
            }
            await start.end(result.outcome.state.isFailure ? .fail : .success, result.outcome.state.rawValue)
            await pings.close()
            return result
        } catch {
            let isQuiet = error is CancellationError || (error as? RunError)?.isAboutAnother == true
            if !isQuiet {
                // Also of a run that could not begin: a service that measures from start to end hears both.
                start.send()
                await start.fail(with: error)
                // A person who asked for a backfill is at the terminal; a run may be cron's.
                if trigger == .manual, !hasBegun.withLock({ $0 }) { await record(error, trigger) }
                await tellFailure(error)
            }
            await pings.close()
            throw error
        }
    }

    private func work(
        _ trigger: RunTrigger, _ view: RunView, _ progress: @escaping @Sendable (RunProgress) -> Void
    ) async throws -> RunResult {
        let budgets = self.budgets ?? AccountBudgets(database.target)
        if self.budgets == nil { budgets.warm() }
        let pool = self.pool ?? Self.pool(definition, database.target)
        let accounts: Accounts
        do {
            accounts = try Accounts.open(definition.kind.accounts, settings: set.settings) {
                budgets.budget(of: $0, $1, for: trigger)
            }
        } catch {
            await pool.close()
            await budgets.close()
            throw error
        }
        meter.add(accounts.clients)
        defer { meter.remove(accounts.clients) }
        let watch = range == nil ? nil : ReadWatch(pool: pool, view: view)
        do {
            let run = JobRun(
                definition: definition, jobs: set.jobs, clients: accounts.clients, pool: pool, origin: .here(trigger),
                isPlan: isPlan, nowSeconds: Int64(Date().timeIntervalSince1970), range: range,
                canSend: hasMail, alerts: alerts,
                progress: {
                    watch?.note($0)
                    progress($0)
                })
            var result = try await limited { try await run.run() }
            watch?.stop()
            view.clear()
            RunLog.ended(result, told: same.told)
            if !isPlan { result.hasUnsent = try await !deliver(pool, accounts.http) }
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            return result
        } catch {
            watch?.stop()
            view.clear()
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            if error is CancellationError { Terminal.say("Stopped. To go on from here: \(resume)") }
            throw error
        }
    }

    /// Stops the work after the job's `timeout`, as the scheduler does. A backfill takes as long as it takes: its range
    /// may be years, and a person waits for it.
    private func limited(_ work: @escaping @Sendable () async throws -> RunResult) async throws -> RunResult {
        guard range == nil else { return try await work() }
        do {
            return try await TimeLimit(seconds: definition.timeoutSeconds).run(work)
        } catch let error as TimedOut {
            throw RunError.timedOut(definition.name, seconds: error.seconds, isPlan: isPlan)
        }
    }

    /// What does not leave now waits in the outbox, and is no reason to call the run anything else.
    /// - Returns: whether nothing that was tried is left.
    private func deliver(_ pool: Pool, _ http: HTTPClient) async throws -> Bool {
        guard hasMail || self.set.settings.delivery.slack != nil else { return true }
        guard try await !Outbox(pool: pool).list([.queued], limit: 1).isEmpty else { return true }
        return try await OutboxSenders.deliver(set.settings, pool: pool, http: http)
    }

    /// A run that could not begin is part of the history all the same: a job whose key was rolled must not look well.
    private func record(_ error: any Error, _ trigger: RunTrigger) async {
        do {
            try await Pool.with(database.target, applicationName: "trueup runs") {
                try await Runs(pool: $0).record(
                    failure: RunSummary.oneLine(explanation(of: error)), job: definition.name,
                    definitionHash: definition.hash, origin: .here(trigger))
            }
        } catch {
            // Where the database is away there is no history either; the error itself is said in any case.
            Terminal.say("\(definition.name): it is not in the history: \(explanation(of: error))", .warning)
        }
    }

    /// Where the database is away nothing can be put into the outbox: the exit code and the pings say it then.
    func tellFailure(_ error: any Error) async {
        guard alerts.wants(.failure) else { return }
        let pool = Pool(database.target, size: 2, applicationName: "trueup alert")
        let http = HTTPClient()
        do {
            let origin = RunOrigin.here(.manual)
            let attempt = "\(Int64(Date().timeIntervalSince1970 * 1_000))/\(origin.host):\(origin.processID)"
            let text = RunSummary.oneLine(explanation(of: error))
            if try await alerts.tellFailure(text, attempt: attempt, pool: pool) > 0 {
                _ = try await deliver(pool, http)
            }
        } catch {
            Terminal.say("\(definition.name): nobody could be told of it: \(explanation(of: error))", .warning)
        }
        await http.close()
        await pool.close()
    }
}

/// The pings of one run: the start is sent beside the run, and the end behind it.
final class StartPing: Sendable {
    private let definition: JobDefinition
    private let pings: Pings
    private let sending = Mutex<Task<Void, Never>?>(nil)

    init(_ definition: JobDefinition, _ pings: Pings) {
        self.definition = definition
        self.pings = pings
    }

    func send() {
        sending.withLock { task in
            guard task == nil else { return }
            task = Task { [definition, pings] in await pings.send(definition, .start, "run") }
        }
    }

    func end(_ signal: Ping.Signal, _ text: String) async {
        await sending.withLock { $0 }?.value
        await pings.send(definition, signal, text)
    }

    /// - Parameter error: what ended the run.
    func fail(with error: any Error) async {
        var isTimeout = error is TimedOut
        if case .timedOut? = error as? RunError { isTimeout = true }
        await end(.fail, isTimeout ? "timeout" : "error")
    }
}

extension RunState {
    /// Whether a run in this state has not done its work.
    var isFailure: Bool { self == .incomplete || self == .failed }
}

extension RunError {
    /// The job runs in another process, which tells of itself.
    var isAboutAnother: Bool {
        if case .alreadyRunning = self { true } else { false }
    }
}

extension JobDefinition {
    /// The same job for one of its accounts.
    /// - Throws: ``CommandError`` where the job has no such account.
    func only(_ account: String) throws -> JobDefinition {
        guard kind.accounts.contains(account) else {
            throw CommandError(
                "Job \(name) has no account \(account). Its accounts: \(kind.accounts.joined(separator: ", ")).",
                code: 64)
        }
        var definition = self
        switch kind {
        case .reconcile(var job):
            job.accounts = [account]
            definition.kind = .reconcile(job)
        case .expire(var job):
            job.accounts = [account]
            definition.kind = .expire(job)
        case .replay(var job):
            job.accounts = [account]
            definition.kind = .replay(job)
        case .report: break
        }
        return definition
    }
}
