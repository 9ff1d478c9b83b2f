import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Stripe

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "A nightly run from nothing: embedded database, a stand-in for Stripe, planted differences.",
        discussion: """
            Fails (exit code 1) unless what is found and repaired is exactly what was planted. The database stays; it \
            is made anew by the next demo.
            """)

    @Option(name: .long, help: "The same seed plants the same differences.")
    var seed: UInt64 = 2026

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the demo's database is kept (default: “demo” in the data directory).", valueName: "dir"))
    var dataDir: String?

    @Flag(name: .long, help: "Load the tables and serve the stand-in, to try commands on; run nothing.")
    var serve = false

    func run() async throws {
        let directory = try dataDir ?? EmbeddedCluster.defaultDataDirectory() + "/demo"
        let failures = try await Signals.cancelling {
            let cluster = EmbeddedCluster(dataDirectory: directory)
            try await cluster.start()
            do {
                let demo = Demo(seed: seed, directory: directory, cluster: cluster)
                let failures = serve ? try await demo.serve() : try await demo.run()
                _ = try await cluster.stop()
                return failures
            } catch {
                _ = try? await cluster.stop()
                throw error
            }
        }
        guard failures.isEmpty else {
            for failure in failures.prefix(20) { Terminal.say("demo: \(failure)") }
            if failures.count > 20 { Terminal.say("demo: … and \(failures.count - 20) more") }
            throw ExitCode(1)
        }
    }
}

/// One showing of the demo.
private struct Demo {
    let seed: UInt64
    let directory: String
    let cluster: EmbeddedCluster
    let now = Int64(Date().timeIntervalSince1970)

    private static let keys = [
        "STRIPE_SECRET_KEY": "sk_test_sandbox_default", "MEDFLYT_STRIPE_SECRET_KEY": "sk_test_sandbox_medflyt",
        "TASK_HEALTH_STRIPE_SECRET_KEY": "sk_test_sandbox_task_health",
    ]

    /// Serves until it is stopped, for commands in another terminal.
    func serve() async throws -> [String] {
        let history = try DemoHistory.make(seed: seed, nowSeconds: now)
        _ = try await freshDatabase(history)
        let server = try await SandboxServer.start(configuration(history))
        _ = try writeJobs(apiBase: server.url)
        Terminal.print("The stand-in serves at \(server.url). In another terminal:\n")
        for (name, key) in Self.keys.sorted(by: { $0.key < $1.key }) { Terminal.print("  export \(name)=\(key)") }
        Terminal.print("  trueup run credit-invoices --plan --jobs \(directory)/jobs --data-dir \(directory)\n")
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

    private func configuration(_ history: CreditHistory) -> SandboxConfiguration {
        SandboxConfiguration(
            accounts: [
                .default(history: plain(1)), .medflyt(history: plain(2)), .taskHealth(history: .credits(history)),
            ], clockSeconds: now, limits: .documented)
    }

    /// - Returns: what did not come out as planted.
    func run() async throws -> [String] {
        let history = try DemoHistory.make(seed: seed, nowSeconds: now)
        title("1. The application's tables: \(grouped(history.count)) credit orders of \(history.agencyCount) agencies")
        let target = try await freshDatabase(history)
        let server = try await SandboxServer.start(configuration(history))
        do {
            let failures = try await nights(history, target: target, server: server)
            await server.stop()
            return failures
        } catch {
            await server.stop()
            throw error
        }
    }

    private func nights(_ history: CreditHistory, target: ConnectionTarget, server: SandboxServer) async throws
        -> [String]
    {
        title("2. A stand-in for Stripe: three accounts at \(server.url), with Stripe's rate limits")
        let set = try writeJobs(apiBase: server.url)
        let names = set.settings.accounts.map(\.name)
        let accounts = try Accounts.open(names, settings: set.settings, environment: Self.keys)
        for name in names {
            let identity = try await accounts.clients[name]?.verify()
            Terminal.print(
                "   \(name): \(identity?.accountID ?? "?"), \(identity.map { "\($0.mode)" } ?? "?") mode, key accepted")
        }
        let pool = Pool(target, size: JobRun.poolSize, applicationName: "trueup demo")
        title("3. The nightly run: trueup run credit-invoices")
        let balancesBefore = try await balances(pool)
        let first = try await night(set, accounts, pool)
        guard first.outcome.state != .incomplete else {
            await pool.close()
            await accounts.http.close()
            return ["the run was incomplete: " + first.outcome.problems.joined(separator: "; ")]
        }
        title("4. Planted, found, repaired")
        var check = DemoCheck(history: history)
        Terminal.print(check.table(first))
        check.checkBalances(before: balancesBefore, after: try await balances(pool))
        title("5. The same run again: nothing may be repaired twice")
        let second = try await night(set, accounts, pool)
        check.checkSecond(second, first: first, balances: try await balances(pool))
        await pool.close()
        await accounts.http.close()
        finish(check, set)
        return check.failures
    }

    private func freshDatabase(_ history: CreditHistory) async throws -> ConnectionTarget {
        let admin = try await cluster.createDatabaseIfMissing("postgres")
        let connection = try await Connection.open(admin, applicationName: "trueup demo")
        try await connection.execute("DROP DATABASE IF EXISTS \(quoteIdentifier(Database.name)) WITH (FORCE)")
        await connection.close()
        let target = try await cluster.createDatabaseIfMissing(Database.name)
        let fresh = try await Connection.open(target, applicationName: "trueup demo")
        _ = try await Migrator.migrate(fresh)
        _ = try await ApplicationTables.create(on: fresh)
        try await DemoHistory.load(history, into: fresh)
        await fresh.close()
        Terminal.print("   embedded PostgreSQL in \(directory)")
        return target
    }

    private func plain(_ offset: UInt64) -> SandboxHistory {
        .plain(
            seed: seed + offset, invoices: 20_000, paymentIntents: 20_000, fromSeconds: now - 400 * 86_400,
            toSeconds: now - 600)
    }

    /// Job files as a user would write them, with the sandbox's address.
    private func writeJobs(apiBase: String) throws -> JobSet {
        let jobs = URL(fileURLWithPath: directory).appendingPathComponent("jobs")
        try FileManager.default.createDirectory(at: jobs, withIntermediateDirectories: true)
        let accounts = [
            ("default", "STRIPE_SECRET_KEY"), ("medflyt", "MEDFLYT_STRIPE_SECRET_KEY"),
            ("task_health", "TASK_HEALTH_STRIPE_SECRET_KEY"),
        ].map { name, key in
            "  \(name): {secret_key_env: \(key), mode: test, api_base: \"\(apiBase)\", rate: {share: 0.8}}"
        }
        let settings = "accounts:\n" + accounts.joined(separator: "\n") + "\n"
        try settings.write(to: jobs.appendingPathComponent("settings.yaml"), atomically: true, encoding: .utf8)
        let job = """
            description: Repair credit invoices whose webhooks were missed.
            kind: reconcile
            account: task_health
            object: invoice
            look_back: 35d
            table:
              name: task_credit_stripe_invoice
              columns:
                id: stripe_invoice_id
                amount: amount_cents
                currency: currency
                paid: paid
                cancelled_at: cancelled_at
            stale_after: 7d
            limits: {max_repairs: 500, max_repair_share: 0.05}
            schedule: "15 2 * * *"
            time_zone: America/New_York

            """
        try job.write(to: jobs.appendingPathComponent("credit-invoices.yaml"), atomically: true, encoding: .utf8)
        return try JobFiles.load(directory: jobs.path)
    }

    private func night(_ set: JobSet, _ accounts: Accounts, _ pool: Pool) async throws -> RunResult {
        guard let definition = set.job(named: "credit-invoices") else {
            throw CommandError("The demo's job is missing.")
        }
        let view = RunView(definition, isQuiet: false)
        let run = JobRun(
            definition: definition, jobs: set.jobs, clients: accounts.clients, pool: pool, origin: .here(.demo),
            isPlan: false, nowSeconds: now, progress: { view.show($0) })
        let result = try await run.run()
        view.clear()
        for line in RunSummary(result, definition: definition).lines {
            Terminal.print(line.isEmpty ? "" : "   " + line)
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

    private func finish(_ check: DemoCheck, _ set: JobSet) {
        Terminal.print("")
        // As it was called: a program that was just built is on nobody's PATH.
        let program = CommandLine.arguments.first ?? "trueup"
        let verdict =
            check.failures.isEmpty
            ? "Everything planted was found, and repaired or left to a person." : "NOT as planted."
        Terminal.print(Terminal.styled(verdict, check.failures.isEmpty ? .green : .red))
        Terminal.print(
            """

            Look around:  \(program) findings list --data-dir \(directory)
                          \(program) db psql --data-dir \(directory)
            For a real account: name it in jobs/settings.yaml (leave api_base out), then
                          export TASK_HEALTH_STRIPE_SECRET_KEY=rk_live_…   # or TASK_HEALTH_STRIPE_SECRET_KEY_FILE=path
                          export DATABASE_URL=postgresql://…                # the database with the application's tables
                          \(program) db migrate && \(program) check --online
                          \(program) run credit-invoices --plan             # changes nothing
            """)
    }

    private func title(_ text: String) {
        Terminal.print("\n" + Terminal.styled(text, .bold))
    }

    private func grouped(_ number: Int) -> String { Money.grouped(Int64(number)) }
}
