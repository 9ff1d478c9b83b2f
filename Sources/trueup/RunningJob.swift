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
    /// How it ended, and what is told of that.
    struct Ended: Sendable {
        let result: Result<RunResult, any Error>
        /// Whether messages that were to leave did not.
        let telling: Telling<Bool>
    }

    let definition: JobDefinition
    let set: JobSet
    let database: Database
    /// The command's ways out.
    let senders: OutboxSenders
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

    private var news: RunNews {
        RunNews(
            definition: definition, alerts: Alerts(definition, delivery: self.set.settings.delivery),
            target: database.target, senders: senders)
    }

    /// Runs it, showing how far it is, and tells those who asked to hear of it. A stop after its end stops the telling
    /// alone: the result is given all the same.
    func run(_ trigger: RunTrigger) async throws -> RunResult {
        let ended = await ended(trigger)
        let hasUnsent = await ended.telling.end()
        var result = try ended.result.get()
        result.hasUnsent = hasUnsent
        return result
    }

    /// Runs it, and begins to tell those who asked to hear of it. A plan is told to nobody.
    func ended(_ trigger: RunTrigger) async -> Ended {
        let view = RunView(definition, isQuiet: isQuiet, zone: range == nil ? nil : definition.zone)
        guard !isPlan else {
            do {
                let result = try await work(trigger, view) { view.show($0) }.result
                return Ended(result: .success(result), telling: .nothing)
            } catch {
                return Ended(result: .failure(error), telling: .nothing)
            }
        }
        let pings = Pings()
        let start = StartPing(definition, pings)
        let hasBegun = Mutex(false)
        do {
            let (result, hasMessages) = try await work(trigger, view) { progress in
                if case .began(let id, _, _, _) = progress {
                    Talk.isAbout(run: id)
                    hasBegun.withLock { $0 = true }
                    start.send()
                }
                view.show(progress)
            }
            let telling = news.telling(of: result.outcome.state, hasMessages: hasMessages, start, pings)
            return Ended(result: .success(result), telling: telling)
        } catch {
            if error is CancellationError || (error as? RunError)?.isAboutAnother == true {
                await pings.close()
                return Ended(result: .failure(error), telling: .nothing)
            }
            // A person who asked for a backfill is at the terminal; a run may be cron's.
            if trigger == .manual, !hasBegun.withLock({ $0 }) { await record(error, trigger) }
            return Ended(result: .failure(error), telling: news.telling(of: error, start, pings))
        }
    }

    /// - Returns: the result, and whether the outbox has something to be sent.
    private func work(
        _ trigger: RunTrigger, _ view: RunView, _ progress: @escaping @Sendable (RunProgress) -> Void
    ) async throws -> (result: RunResult, hasMessages: Bool) {
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
                canSend: hasMail, alerts: Alerts(definition, delivery: self.set.settings.delivery),
                progress: {
                    watch?.note($0)
                    progress($0)
                })
            let result = try await limited { try await run.run() }
            watch?.stop()
            view.clear()
            RunLog.ended(result, told: same.told)
            let hasMessages = await hasMessages(pool)
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            return (result, hasMessages)
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

    /// Whether the outbox has something to be sent. Where that cannot be read, who sends says why.
    private func hasMessages(_ pool: Pool) async -> Bool {
        guard !isPlan, !senders.ways.isEmpty else { return false }
        // Also where the command is stopped: the run has ended, and what it left waits.
        let asking = Task { try await Outbox(pool: pool).hasWork() }
        guard case .success(let hasWork) = await asking.result else { return true }
        return hasWork
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
}

/// What is told of a job of the command line that has ended. What does not leave now waits in the outbox, and is no
/// reason to call the job anything else.
struct RunNews: Sendable {
    let definition: JobDefinition
    let alerts: Alerts
    let target: ConnectionTarget
    let senders: OutboxSenders

    /// Sends what is due, through connections of its own: those of the run are closed.
    /// - Returns: whether nothing is left.
    func send() async -> Bool {
        do {
            return try await Pool.with(target, size: 2, applicationName: "trueup outbox") {
                try await senders.send(pool: $0).isWhole
            }
        } catch {
            Terminal.say("\(definition.name): the outbox was not emptied: \(explanation(of: error))", .warning)
            return false
        }
    }

    /// That the run came to its end.
    /// - Returns: gives whether messages that were to leave did not.
    func telling(
        of state: RunState, hasMessages: Bool, _ start: StartPing, _ pings: Pings
    ) -> Telling<Bool> {
        Telling {
            // In a task of its own: the run has ended, and that is told whatever becomes of the command.
            let ping = Task { await start.end(state.isFailure ? .fail : .success, state.rawValue) }
            var isWhole = true
            if hasMessages { isWhole = await send() }
            await ping.value
            await pings.close()
            return !isWhole
        }
    }

    /// That the job ended in an error.
    func telling(of error: any Error, _ start: StartPing, _ pings: Pings) -> Telling<Bool> {
        Telling {
            // Also of a run that could not begin: a service that measures from start to end hears both.
            start.send()
            let ping = Task { await start.fail(with: error) }
            await tell(error)
            await ping.value
            await pings.close()
            return false
        }
    }

    /// Where the database is away nothing can be put into the outbox: the exit code and the pings say it then.
    private func tell(_ error: any Error) async {
        guard alerts.wants(.failure) else { return }
        let pool = Pool(target, size: 2, applicationName: "trueup alert")
        do {
            let origin = RunOrigin.here(.manual)
            let attempt = "\(Int64(Date().timeIntervalSince1970 * 1_000))/\(origin.host):\(origin.processID)"
            let text = RunSummary.oneLine(explanation(of: error))
            // Also where it is stopped: then it is written, and waits.
            let new = try await Task { try await alerts.tellFailure(text, attempt: attempt, pool: pool) }.value
            if new > 0 { _ = try await senders.send(pool: pool) }
        } catch {
            Terminal.say("\(definition.name): nobody could be told of it: \(explanation(of: error))", .warning)
        }
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
