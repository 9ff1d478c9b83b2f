import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Schedule
import Store
import Support
import Testing

/// A night and a report job on it.
struct ReportScene {
    let night: Night
    let http: HTTPClient
    let directory: String

    static func with(
        seed: UInt64, changesSchema: Bool = false, _ body: (ReportScene) async throws -> Void
    ) async throws {
        var setup = try NightSetup.credits(seed: seed)
        setup.changesSchema = changesSchema
        try await with(setup, body)
    }

    static func with(_ setup: NightSetup, _ body: (ReportScene) async throws -> Void) async throws {
        try await Night.with(setup) { night in
            try await loadMovements(night)
            let directory = NSTemporaryDirectory() + "/trueup-report-run-" + UUID().uuidString
            let http = HTTPClient()
            do {
                try await body(ReportScene(night: night, http: http, directory: directory))
            } catch {
                await http.close()
                throw error
            }
            await http.close()
            try? FileManager.default.removeItem(atPath: directory)
        }
    }

    /// What became of the credits: the balances of the history have it.
    private static func loadMovements(_ night: Night) async throws {
        guard case .credits(let history) = night.setup.history else { return }
        var reservations = BinaryRows()
        for row in history.reservations {
            reservations.beginRow(columns: 5)
            for number in [row.id, row.agencyID, row.credits] { reservations.append(number) }
            reservations.append(Timestamp(seconds: row.createdSeconds))
            reservations.append(row.releasedSeconds.map { Timestamp(seconds: $0) })
        }
        var adjustments = BinaryRows()
        for row in history.adjustments {
            adjustments.beginRow(columns: 4)
            for number in [row.id, row.agencyID, row.credits] { adjustments.append(number) }
            adjustments.append(Timestamp(seconds: row.createdSeconds))
        }
        let rows = (reservations, adjustments)
        try await night.pool.withConnection { connection in
            try await connection.copyIn(
                """
                COPY task_credit_reservation (id, agency_id, credits, created_at, released_at)
                FROM STDIN (FORMAT binary)
                """, rows.0)
            try await connection.copyIn(
                "COPY task_credit_adjustment (id, agency_id, credits, created_at) FROM STDIN (FORMAT binary)", rows.1)
        }
    }

    func run(_ script: String) async throws { try await night.pool.withConnection { try await $0.run(script: script) } }

    /// A night, and everything that is older than what nights look back to.
    func readAll() async throws {
        _ = try await night.run()
        _ = try await readHistory()
    }

    func readHistory() async throws -> RunResult {
        let to = NightSetup.nowSeconds - night.setup.lookBackSeconds
        return try await night.run(range: Window(fromSeconds: StripeHistory.beginsSeconds, toSeconds: to))
    }

    /// - Parameters:
    ///   - others: jobs that it names in `after` besides the night's.
    ///   - after: what it names in `after` instead.
    ///   - accounts: what it is narrowed to.
    ///   - historyFrom: the day that its file names.
    func definition(
        _ rule: DeliverRule = DeliverRule(), others: [JobDefinition] = [], after: [String]? = nil,
        accounts: [String] = [], historyFrom: CivilDate? = nil
    ) -> JobDefinition {
        JobDefinition(
            name: "balance-report", hash: "4567", description: "Credit balances",
            kind: .report(
                ReportJob(report: .balance, accounts: accounts, historyFrom: historyFrom, deliver: rule)),
            after: after ?? [Night.job] + others.map(\.name))
    }

    @discardableResult
    func report(
        period: ReportPeriod = .asOf(ReportRunTests.cutOff), deliver rule: DeliverRule? = nil,
        settings: DeliverySettings? = nil, environment: [String: String] = [:], others: [JobDefinition] = [],
        after: [String]? = nil, accounts: [String] = [], historyFrom: CivilDate? = nil,
        purpose: ReportPurpose = .regular, bucketTimeoutMilliseconds: Int = 60_000, lease: Lease? = nil
    ) async throws -> ReportResult {
        let definition = definition(
            rule ?? DeliverRule(), others: others, after: after, accounts: accounts, historyFrom: historyFrom)
        guard case .report(let job) = definition.kind else { throw NightError("no report job") }
        let ways =
            settings
            ?? DeliverySettings(
                email: EmailDelivery(from: "t@example.com"), slack: SlackDelivery(),
                directory: DirectoryDelivery(path: directory))
        return try await ReportRun(
            definition: definition, report: job, jobs: [night.definition(), definition] + others,
            accounts: [ReportAccount(name: "task_health", stripeID: "acct_1", isLive: false)], pool: night.pool,
            origin: RunOrigin(
                trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "test"),
            period: period, nowSeconds: NightSetup.nowSeconds, directory: rule == nil ? directory : nil,
            delivery: rule == nil
                ? nil
                : ReportDelivery(
                    settings: ways, http: http, environment: environment,
                    bucketTimeoutMilliseconds: bucketTimeoutMilliseconds), purpose: purpose, lease: lease
        ).run()
    }
}
