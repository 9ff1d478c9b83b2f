import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Store

/// One job of the command line, run to its end with everything that it needs opened and closed.
struct RunningJob {
    let definition: JobDefinition
    let set: JobSet
    let database: Database
    var isPlan = false
    var isQuiet = false
    /// The period of a backfill.
    var range: Window?
    /// How to go on after a stop.
    let resume: String

    /// Whether there is a way for mail: notices that were missed can be sent.
    private var hasMail: Bool { self.set.settings.delivery.email != nil }

    /// Runs it, showing how far it is.
    func run(_ trigger: RunTrigger) async throws -> RunResult {
        let budgets = AccountBudgets(database.target)
        let accounts = try Accounts.open(definition.kind.accounts, settings: set.settings) {
            budgets.budget(of: $0, $1, for: trigger)
        }
        let pool = Pool(database.target, size: JobRun.poolSize, applicationName: "trueup run \(definition.name)")
        let view = RunView(definition, isQuiet: isQuiet)
        do {
            let result = try await JobRun(
                definition: definition, jobs: set.jobs, clients: accounts.clients, pool: pool, origin: .here(trigger),
                isPlan: isPlan, nowSeconds: Int64(Date().timeIntervalSince1970), range: range,
                canSend: hasMail, progress: { view.show($0) }
            ).run()
            view.clear()
            if !isPlan, hasMail, try await !Outbox(pool: pool).list([.queued], limit: 1).isEmpty {
                // What does not leave now waits in the outbox, and is no reason to call the run anything else.
                _ = try await OutboxSenders.deliver(set.settings, pool: pool, http: accounts.http)
            }
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            return result
        } catch {
            view.clear()
            await pool.close()
            await accounts.http.close()
            await budgets.close()
            if error is CancellationError { Terminal.say("Stopped. To go on from here: \(resume)") }
            throw error
        }
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
