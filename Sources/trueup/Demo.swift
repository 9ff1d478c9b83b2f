import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Sandbox
import Store
import Stripe

/// One showing of the demo.
struct Demo {
    let seed: UInt64
    let directory: String
    let cluster: EmbeddedCluster
    private let now = Int64(Date().timeIntervalSince1970)

    init(seed: UInt64, directory: String, cluster: EmbeddedCluster) {
        self.seed = seed
        self.directory = directory
        self.cluster = cluster
    }

    private var jobs: String { directory + "/jobs" }

    /// Where the showing takes place.
    struct Stage {
        let history: DemoHistory
        let server: SandboxServer
        let set: JobSet
        let accounts: Accounts
        let pool: Pool
    }

    /// Serves until it is stopped, for commands in another terminal.
    func serve() async throws -> [String] {
        let history = try DemoHistory(seed: seed, nowSeconds: now)
        _ = try await freshDatabase(history)
        let server = try await start(history)
        try DemoJobs.write(to: jobs, apiBase: server.url)
        Terminal.print("The stand-in serves at \(server.url). In another terminal:\n")
        for (_, variable, key) in DemoJobs.keys { Terminal.print("  export \(variable)=\(key)") }
        let options = "--jobs \(NextCommand.word(jobs)) \(place)"
        for name in DemoJobs.nightly + [DemoJobs.replay] {
            Terminal.print("  \(program) run \(name) --plan \(options)")
        }
        Terminal.print("")
        Terminal.say("Ctrl-C stops.")
        while true {
            do {
                try await Task.sleep(for: .seconds(3_600))
            } catch {
                await server.stop()
                return []
            }
        }
    }

    /// As it was called: a program that was just built is on nobody's PATH.
    private var program: String { NextCommand.word(CommandLine.arguments.first ?? "trueup") }

    /// What leads other commands to the demo's database.
    private var place: String { "--data-dir " + NextCommand.word(directory) }

    private func start(_ history: DemoHistory) async throws -> SandboxServer {
        try await SandboxServer.start(
            SandboxConfiguration(accounts: history.accounts, clockSeconds: now, limits: .documented))
    }

    /// - Returns: what did not come out as planted.
    func run() async throws -> [String] {
        let history = try DemoHistory(seed: seed, nowSeconds: now)
        title(
            "1. The application's tables: \(grouped(history.credits.count)) credit orders and "
                + "\(grouped(history.charges.count)) charges of \(DemoHistory.agencies) agencies")
        let target = try await freshDatabase(history)
        let server = try await start(history)
        do {
            let failures = try await show(history, target, server)
            await server.stop()
            return failures
        } catch {
            await server.stop()
            throw error
        }
    }

    private func show(
        _ history: DemoHistory, _ target: ConnectionTarget, _ server: SandboxServer
    ) async throws -> [String] {
        title("2. A stand-in for Stripe: three accounts at \(server.url), with Stripe's rate limits")
        try DemoJobs.write(to: jobs, apiBase: server.url)
        let set = try JobFiles.load(directory: jobs)
        let keys = Dictionary(uniqueKeysWithValues: DemoJobs.keys.map { ($0.variable, $0.key) })
        let accounts = try Accounts.open(set.settings.accounts.map(\.name), settings: set.settings, environment: keys)
        let pool = Pool(target, size: JobRun.poolSize, applicationName: "trueup demo")
        let stage = Stage(history: history, server: server, set: set, accounts: accounts, pool: pool)
        do {
            let failures = try await show(stage)
            await pool.close()
            await accounts.http.close()
            return failures
        } catch {
            await pool.close()
            await accounts.http.close()
            throw error
        }
    }

    private func show(_ stage: Stage) async throws -> [String] {
        var reported: [ReportAccount] = []
        for (name, client) in stage.accounts.clients.sorted(by: { $0.key < $1.key }) {
            let identity = try await client.verify()
            reported.append(ReportAccount(name: name, stripeID: identity.accountID, isLive: false))
            Terminal.print(
                "   \(name): \(identity.accountID ?? "?"), \(identity.mode) mode, key accepted")
        }
        var check = DemoCheck(DemoPlantings(stage.history))
        let before = try await balances(stage.pool)
        title("3. A night: trueup run \(DemoJobs.nightly.joined(separator: " "))")
        var repaired: [ReportedFinding] = []
        for name in DemoJobs.nightly {
            let result = try await run(name, stage, &check)
            check.take(result)
            repaired += result.findings.filter { $0.closedHow == .repaired }
        }
        title("4. Planted, found, repaired, left to a person")
        Terminal.print(check.table())
        let after = try await balances(stage.pool)
        Terminal.print("\n   " + check.total)
        Terminal.print(
            "   " + check.balances(before: before, after: after, expected: stage.history.credits.expectedGrants))
        Terminal.print("   " + (try await mail(stage.pool)))
        let report = DemoReport(
            set: stage.set, accounts: reported, pool: stage.pool, directory: directory, nowSeconds: now)
        try await signFirst(report, stage, &check)
        title(
            "6. The next night, with rows of yesterday's backup and limits {max_repairs: 0}: nothing is repaired "
                + "twice, and plans wait")
        let waiting = try await secondNight(stage, &check, repaired: repaired)
        title("7. The next morning, with what changed since the signature: trueup report \(DemoJobs.report)")
        let last = try await report.make("last", asOf: now - Self.beforeNowSeconds)
        show(last, &check)
        if last.report.changedSinceSignOff.isEmpty { check.fail("the report shows no change since the sign-off") }
        let missing = try await report.missing(last)
        if !missing.isEmpty { check.fail("the report has no \(missing.joined(separator: ", no "))") }
        title("8. The plans that waited are approved")
        try await approve(waiting, stage, &check)
        try await replay(stage, try await balances(stage.pool), &check, new: waiting.day.new)
        finish(check, last)
        return check.failures
    }

    /// So long ago every job of the night has read, in seconds: notices stand an hour back.
    private static let beforeNowSeconds: Int64 = 3_700
    /// The first statement is as of so long ago, in seconds.
    private static let signedBeforeSeconds: Int64 = 3 * 86_400

    private func signFirst(_ report: DemoReport, _ stage: Stage, _ check: inout DemoCheck) async throws {
        title(
            "5. The first statement: what was before the nights' look-back, from 2010 on, is read once, then two "
                + "people sign")
        for (name, period) in report.history {
            let result = try await run(name, stage, &check, range: period)
            let repaired = result.outcome.counts.values.map(\.repaired).reduce(0, +)
            if repaired != 0 { check.fail("\(name): the backfill repaired \(repaired) that a night had to") }
        }
        let cutOff = now - Self.signedBeforeSeconds
        try await report.assign()
        let first = try await report.make("signed", asOf: cutOff)
        show(first, &check)
        try await report.sign(first)
        Terminal.print("   signed by dana (preparer) and miriam (reviewer)")
        guard let corrected = try await report.correct(before: cutOff) else {
            check.fail("no order was there to correct behind the signature")
            return
        }
        check.settle(ReportedFinding(corrected))
        Terminal.print(
            "   behind the signature, somebody takes back order \(corrected.identity.localID), paid though its invoice "
                + "is void")
    }

    private func show(_ result: ReportResult, _ check: inout DemoCheck) {
        let statement = result.report.statement
        Terminal.print("   " + printable(ReportVerdict.line(statement)))
        Terminal.print(
            "   \(statement.state.rawValue): \(counted(statement.items.count, "open item")), "
                + "\(result.report.resolved.count) resolved, \(result.report.changedSinceSignOff.count) changed since "
                + "sign-off, every figure of Stripe's as read")
        Terminal.print("   \(result.directory)/report.html, .xlsx, .csv, .json")
        for gap in statement.gaps { check.fail("report \(result.id): \(gap)") }
        if statement.state != .explained {
            check.fail("report \(result.id) is \(statement.state.rawValue), not EXPLAINED")
        }
    }

    private func replay(
        _ stage: Stage, _ before: [Int64: Int64], _ check: inout DemoCheck, new: [String: FindingKind]
    ) async throws {
        title("9. By day, webhooks get lost; two hours later: trueup run \(DemoJobs.replay)")
        let losses = try DemoLosses(stage.history, stage.server)
        let later = now + DemoLosses.pauseSeconds
        let result = try await run(DemoJobs.replay, stage, &check, nowSeconds: later)
        Terminal.print("\n" + losses.table(result, &check, known: Set(new.keys)) + "\n")
        let after = try await balances(stage.pool)
        Terminal.print("   " + check.balances(before: before, after: after, expected: losses.grants))
    }

    private func freshDatabase(_ history: DemoHistory) async throws -> ConnectionTarget {
        let admin = try await cluster.createDatabaseIfMissing("postgres")
        let connection = try await Connection.open(admin, applicationName: "trueup demo")
        try await connection.execute("DROP DATABASE IF EXISTS \(quoteIdentifier(Database.name)) WITH (FORCE)")
        await connection.close()
        let target = try await cluster.createDatabaseIfMissing(Database.name)
        let fresh = try await Connection.open(target, applicationName: "trueup demo")
        _ = try await Migrator.migrate(fresh)
        _ = try await ApplicationTables.create(on: fresh)
        try await DemoTables.load(history, into: fresh)
        await fresh.close()
        Terminal.print("   embedded PostgreSQL in \(directory)")
        return target
    }

    /// One job; the first lines of its summary are shown.
    /// - Parameter isWaiting: nothing is repaired; what would be is a plan.
    func run(
        _ name: String, _ stage: Stage, _ check: inout DemoCheck, nowSeconds: Int64? = nil, range: Window? = nil,
        isWaiting: Bool = false
    ) async throws -> RunResult {
        guard var definition = stage.set.job(named: name) else { throw CommandError("The demo has no job \(name).") }
        if isWaiting { definition = definition.waitingForApproval }
        let view = RunView(definition, isQuiet: true)
        let result = try await JobRun(
            definition: definition, jobs: stage.set.jobs, clients: stage.accounts.clients, pool: stage.pool,
            origin: .here(range == nil ? .demo : .backfill), isPlan: false, nowSeconds: nowSeconds ?? now, range: range,
            canSend: stage.set.settings.delivery.email != nil, progress: { view.show($0) }
        ).run()
        view.clear()
        for line in RunSummary(result, definition: definition).heading { Terminal.print("   " + line) }
        // That the plan waits for approval is said as a problem.
        let problemsMax = isWaiting && result.plan != nil ? 1 : 0
        if result.outcome.problems.count > problemsMax || result.outcome.state == .incomplete {
            check.fail("\(name): \(result.outcome.problems.joined(separator: "; "))")
        }
        return result
    }

    private func balances(_ pool: Pool) async throws -> [Int64: Int64] {
        let rows = try await pool.withConnection {
            try await $0.query("SELECT agency_id, balance FROM task_credit_agency_balance")
        }
        var balances: [Int64: Int64] = [:]
        for row in rows { balances[try row["agency_id"]] = try row["balance"] }
        return balances
    }

    private func mail(_ pool: Pool) async throws -> String {
        let waiting = counted(try await Outbox(pool: pool).list().count, "mail")
        return
            "notices: \(waiting) queued, none sent: the demo has no mail server (\(program) outbox list "
            + "\(place))"
    }

    private func finish(_ check: DemoCheck, _ last: ReportResult) {
        Terminal.print("")
        let verdict =
            check.failures.isEmpty
            ? "Everything planted was found, and repaired or left to a person." : "NOT as planted."
        Terminal.print(Terminal.styled(verdict, check.failures.isEmpty ? .green : .red))
        Terminal.print(
            """

            The report:   \(last.directory)/report.html
            Look around:  \(program) findings list \(place)
                          \(program) db psql \(place)
                          \(program) report list \(place)
                          \(program) report --jobs \(NextCommand.word(jobs)) \(place)
            Try commands: \(program) demo --serve
            For a real account: name it in jobs/settings.yaml (leave api_base out), then
                          export TASK_HEALTH_STRIPE_SECRET_KEY=rk_live_…   # or TASK_HEALTH_STRIPE_SECRET_KEY_FILE=path
                          export DATABASE_URL=postgresql://…                # the database with the application's tables
                          \(program) db migrate && \(program) check --online
                          \(program) run credit-invoices --plan             # changes nothing
            """)
    }

    private func title(_ text: String) { Terminal.print("\n" + Terminal.styled(text, .bold)) }

    private func grouped(_ number: Int) -> String { Money.grouped(Int64(number)) }
}
