import Curl
import Foundation
import Jobs
import PostgreSQL
import Reports
import Runner
import Schedule
import Store

/// A report job as the scheduler and `trueup run` start it: as of its last cut-off (of an occurrence, the last
/// before its time), delivered where its file says.
struct MakingReport {
    let definition: JobDefinition
    let job: ReportJob
    let set: JobSet
    let target: ConnectionTarget
    let senders: OutboxSenders

    /// How it is brought to its readers.
    var telling: ReportTelling {
        ReportTelling(definition: definition, job: job, settings: set.settings, target: target, senders: senders)
    }

    /// Makes the report for an occurrence, hands it to its destinations, and sends what is due of the outbox.
    /// - Returns: the report, with what became of it on each way out.
    /// - Throws: also `CancellationError`, where it was stopped and did not reach everybody: made again it is the same
    ///   report, and what did not leave is tried at once.
    func made(for lease: Lease) async throws -> ReportResult {
        let told = try await telling.tell(try await make(.schedule, lease: lease))
        if Task.isCancelled, !told.failedWays.isEmpty { throw CancellationError() }
        return told
    }

    /// Makes the report and keeps it, with the messages that tell of it.
    /// - Parameter lease: of the occurrence that the report is made for; `nil` where a person asked.
    func make(_ trigger: RunTrigger, lease: Lease? = nil) async throws -> ReportResult {
        let pool = Pool(target, size: 4, applicationName: "trueup report \(definition.name)")
        let http = HTTPClient()
        do {
            let accounts = try await accounts(trigger, pool)
            let result = try await ReportRun(
                definition: definition, report: job, jobs: set.jobs,
                accounts: accounts, pool: pool, origin: .here(trigger),
                nowSeconds: Int64(Date().timeIntervalSince1970),
                delivery: ReportDelivery(
                    settings: set.settings.delivery, http: http, environment: ProcessInfo.processInfo.environment),
                lease: lease
            ).make()
            await pool.close()
            await http.close()
            return result
        } catch {
            await pool.close()
            await http.close()
            throw error
        }
    }

    /// What the report is about. A report that cannot begin is part of the history all the same, as a run is; the
    /// scheduler's is, with its occurrence.
    private func accounts(_ trigger: RunTrigger, _ pool: Pool) async throws -> [ReportAccount] {
        do {
            return try await ReportAccounts.withIDs(ReportAccounts.of(job, definition, set), pool: pool)
        } catch {
            if trigger == .manual {
                let why = RunSummary.oneLine(explanation(of: error))
                let nowSeconds = Int64(Date().timeIntervalSince1970)
                // Where the database is away there is no history either; the error itself is said in any case.
                _ = await Task {
                    let cutOff = job.cutOff.last(before: nowSeconds, in: try Zone.load(job.cutOff.timeZone))
                    try await ReportAttempts(pool: pool).record(
                        failure: why, job: definition.name, isOwn: true, cutOffSeconds: cutOff, origin: .here(trigger))
                }.result
            }
            throw error
        }
    }
}

extension AttemptEnd {
    /// How a scheduled report ended.
    init(_ result: ReportResult) {
        let state = result.state == .clean ? "clean" : "drift"
        let name = "report \(result.id)"
        let ways = result.failedWays.joined(separator: ", ")
        let unreached = ways.isEmpty ? nil : "did not reach everybody: \(ways)"
        if result.state == .incomplete {
            let detail = "\(name) is incomplete: \(Self.missing(result.report.statement.gaps))"
            self.init(.failed("incomplete"), detail: detail + (unreached.map { "; it \($0)" } ?? ""))
        } else if let unreached {
            self.init(.failed("error"), detail: "\(name) \(unreached)")
        } else {
            self.init(.done(state), detail: name)
        }
    }

    /// What was not read: the first, and how many more there are.
    private static func missing(_ gaps: [String]) -> String {
        guard var first = gaps.first.map({ RunSummary.oneLine($0) }) else { return "something was not read" }
        if first.hasSuffix(".") { first.removeLast() }
        return gaps.count == 1 ? first : "\(first), and \(gaps.count - 1) more"
    }
}
