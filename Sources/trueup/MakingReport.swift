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

    /// Makes the report, hands it to its destinations, and sends what is due of the outbox.
    /// - Parameter lease: of the occurrence that the report is made for; `nil` where a person asked.
    /// - Returns: the report, with what became of it on each way out.
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
            ).run()
            let settled = try await OutboxSenders.deliver(result, set.settings, pool: pool, http: http)
            await pool.close()
            await http.close()
            return settled
        } catch {
            await pool.close()
            await http.close()
            throw error
        }
    }

    /// Tells those who asked to hear of it how a report ended that no occurrence tells of. What does not leave now
    /// waits in the outbox.
    func tell(_ end: AttemptEnd, of result: ReportResult) async {
        let alerts = Alerts(definition, delivery: set.settings.delivery)
        guard alerts.wants(end.event) else { return }
        let pool = Pool(target, size: 2, applicationName: "trueup alert")
        let http = HTTPClient()
        do {
            if try await alerts.tell(end, report: result.id, pool: pool) > 0 {
                _ = try await OutboxSenders.deliver(set.settings, report: result.id, pool: pool, http: http)
            }
        } catch {
            Terminal.say("\(definition.name): nobody could be told of it: \(explanation(of: error))", .warning)
        }
        await http.close()
        await pool.close()
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
