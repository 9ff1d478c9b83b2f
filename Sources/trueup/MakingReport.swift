import Curl
import Foundation
import Jobs
import PostgreSQL
import Reports
import Runner
import Store

/// A report job as the scheduler and `trueup run` start it: as of its last cut-off, delivered where its file says.
struct MakingReport {
    let definition: JobDefinition
    let job: ReportJob
    let set: JobSet
    let target: ConnectionTarget

    /// Makes the report, hands it to its destinations, and sends what is due of the outbox.
    /// - Parameter lease: of the occurrence that the report is made for; `nil` where a person asked.
    /// - Returns: the report, and whether everything that was tried is out.
    func make(_ trigger: RunTrigger, lease: Lease? = nil) async throws -> (result: ReportResult, isSent: Bool) {
        let accounts = try ReportAccounts.of(job, definition, set)
        let pool = Pool(target, size: 4, applicationName: "trueup report \(definition.name)")
        let http = HTTPClient()
        do {
            let result = try await ReportRun(
                definition: definition, report: job, jobs: set.jobs,
                accounts: try await ReportAccounts.withIDs(accounts, pool: pool), pool: pool, origin: .here(trigger),
                nowSeconds: Int64(Date().timeIntervalSince1970),
                delivery: ReportDelivery(
                    settings: set.settings.delivery, http: http, environment: ProcessInfo.processInfo.environment),
                lease: lease
            ).run()
            let isSent = try await OutboxSenders.deliver(set.settings, pool: pool, http: http)
            await pool.close()
            await http.close()
            return (result, isSent)
        } catch {
            await pool.close()
            await http.close()
            throw error
        }
    }
}

extension AttemptEnd {
    /// How a scheduled report ended.
    init(_ made: (result: ReportResult, isSent: Bool)) {
        let state = made.result.state == .clean ? "clean" : "drift"
        switch (made.result.state, made.isSent && made.result.exitCode != 1) {
        case (.incomplete, _): self.init(.failed("incomplete"), detail: "report \(made.result.id)")
        case (_, false): self.init(.failed("error"), detail: "report \(made.result.id) did not reach everybody")
        case (_, true): self.init(.done(state), detail: "report \(made.result.id)")
        }
    }
}
