import Curl
import Glibc
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Stripe
import Support
import Synchronization

/// A database with a few agencies, a Stripe with their customers, and both empty of orders: the live side begins here.
final class Town: Sendable {
    let server: SandboxServer
    let target: ConnectionTarget
    let pool: Pool
    /// Of the runs, which are many and short: connections are dear.
    private let runPool: Pool
    let http: HTTPClient
    let jobs: [JobDefinition]
    /// Real time at the start: the database's own clock stands in the rows.
    let startSeconds: Int64
    /// The tables of the jobs, by account.
    let tables: LiveTables
    /// Task Health's customers of the agencies, by agency.
    let customers: [Int64: String]
    /// Medflyt's.
    let payers: [Int64: String]

    static let agencies: [Int64] = [1, 2, 3]
    /// Its credits by option: 1, 10 and 1,000.
    static let options: [Int64: Int64] = [1: 1, 2: 10, 3: 1_000]

    /// Opens a town for `body` and takes it down after.
    static func with(
        faults: SandboxFaults = .none, apiVersion: String = "2023-10-16", changesSchema: Bool = false,
        _ body: (Town) async throws -> Void
    ) async throws {
        try await Room.worlds.enter {
            let town = try await Town(faults, apiVersion)
            do {
                try await body(town)
            } catch {
                await town.close()
                throw error
            }
            await town.close()
            if !changesSchema { await LentDatabase.giveBack(town.target) }
        }
    }

    private let apiVersion: String
    private let made = Mutex<[String: StripeClient]>([:])
    private let orders: OrderTable
    private let chargeTable: ChargeTable

    private init(_ faults: SandboxFaults, _ apiVersion: String) async throws {
        self.apiVersion = apiVersion
        startSeconds = Int64(time(nil))
        target = try await LentDatabase.take()
        pool = Pool(target, size: 8, applicationName: "town")
        runPool = Pool(target, size: JobRun.poolSize, applicationName: "run")
        var seller = SandboxAccount.taskHealth()
        seller.hidesEvents = true
        server = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [seller, .medflyt(), .default()], clockSeconds: startSeconds, faults: faults,
                recordsRequests: true))
        var configuration = HTTPClient.Configuration()
        configuration.timeoutMilliseconds = 2_000
        http = HTTPClient(configuration)
        jobs = Self.jobs
        let world = try server.world(of: "task_health")
        let medflyt = try server.world(of: "medflyt")
        var customers: [Int64: String] = [:]
        var payers: [Int64: String] = [:]
        for agency in Self.agencies {
            let customer = try world.insertCustomer(name: "Agency \(agency)", email: "a\(agency)@example.com")
            let other = try medflyt.insertCustomer(name: "Agency \(agency)", email: "a\(agency)@example.com")
            customers[agency] = customer
            payers[agency] = other
            try await pool.withConnection { connection in
                try await connection.execute(
                    "INSERT INTO agency VALUES ($1, $2, $3, $4, $5)", agency, "Agency \(agency)",
                    "a\(agency)@example.com", other, customer)
                try await connection.execute(
                    "INSERT INTO agency_member VALUES ($1, $2, 'Member', 'm@example.com')", agency * 10, agency)
            }
        }
        self.customers = customers
        self.payers = payers
        tables = try await LiveTables.resolve(jobs, pool: pool)
        guard let orders = tables.byAccount["task_health"]?.orders, let charges = tables.byAccount["medflyt"]?.charges
        else { throw TownError("the jobs have no tables") }
        self.orders = orders
        chargeTable = charges
        try await pool.withConnection { connection in
            for (id, credits) in Self.options {
                try await connection.execute(
                    "INSERT INTO task_credit_order_options VALUES ($1, $2, $3, true)", id, credits, credits * 20_000)
            }
        }
    }

    private func close() async {
        await pool.close()
        await runPool.close()
        await server.stop()
        await http.close()
    }

    private static let jobs: [JobDefinition] = {
        // An order without an invoice is a repair for which there is no object: here it may be the only one.
        let orders = ReconcileJob(
            accounts: ["task_health"],
            table: TableContract(name: "task_credit_stripe_invoice", columns: [.id: "stripe_invoice_id"]),
            limits: RepairLimits(maxRepairs: 500, maxRepairShare: 500))
        let charges = ReconcileJob(
            accounts: ["medflyt"], object: .paymentIntent,
            table: TableContract(
                name: "agency_charge", columns: [.id: "stripe_payment_intent_id", .status: "status"]),
            limits: RepairLimits(maxRepairs: 500, maxRepairShare: 1))
        let notices = ReconcileJob(
            accounts: ["medflyt"],
            table: TableContract(
                name: "agency_invoice_notice",
                columns: [.id: "stripe_invoice_id", .account: "account", .sentAt: "sent_at"]),
            limits: RepairLimits(maxRepairs: 500, maxRepairShare: 1))
        return [
            JobDefinition(name: "credit-invoices", hash: "1", kind: .reconcile(orders)),
            JobDefinition(name: "agency-charges", hash: "2", kind: .reconcile(charges)),
            JobDefinition(name: "agency-invoices", hash: "3", kind: .reconcile(notices)),
        ]
    }()

    // MARK: - Stripe

    /// The client of an account; one for each number of attempts, so that each looks at its key once.
    func client(_ name: String = "task_health", attempts: Int = 4) -> StripeClient {
        made.withLock { made in
            if let client = made["\(name) \(attempts)"] { return client }
            let client = newClient(name, attempts: attempts)
            made["\(name) \(attempts)"] = client
            return client
        }
    }

    private func newClient(_ name: String, attempts: Int) -> StripeClient {
        var retry = RetryPolicy.standard
        retry.maxAttempts = attempts
        retry.maxRateLimitedAttempts = attempts
        retry.firstDelaySeconds = 0.002
        retry.maxDelaySeconds = 0.02
        retry.maxRateLimitedDelaySeconds = 0.02
        retry.maxRetryAfterSeconds = 0
        let account = Account(
            name: name, secretKey: Secret("sk_test_sandbox_\(name)"), apiVersion: apiVersion, apiBase: server.url,
            mode: .test)
        return StripeClient(account: account, http: http, budget: .unlimited, retry: retry)
    }

    var clients: [String: StripeClient] { ["task_health": client(), "medflyt": client("medflyt")] }

    func world(_ name: String = "task_health") throws -> World { try server.world(of: name) }

    // MARK: - Trueup

    /// The ordering of credits, which may be cut off after a step.
    func ordering(
        attempts: Int = 4, at checkpoint: @escaping @Sendable (OrderStep) async throws -> Void = { _ in }
    ) -> CreditOrdering {
        var ordering = CreditOrdering(table: orders, client: client(attempts: attempts), pool: pool)
        ordering.checkpoint = checkpoint
        return ordering
    }

    /// The charging of agencies, which may be cut off after a step.
    func charging(
        attempts: Int = 4, at checkpoint: @escaping @Sendable (ChargeStep) async throws -> Void = { _ in }
    ) -> AgencyCharging {
        var charging = AgencyCharging(table: chargeTable, client: client("medflyt", attempts: attempts), pool: pool)
        charging.checkpoint = checkpoint
        return charging
    }

    /// One run of a job, as of the sandbox's time.
    @discardableResult
    func run(_ name: String = "credit-invoices") async throws -> RunResult { try await run(name, isPlan: false) }

    /// What a run would do.
    func plan(_ name: String = "credit-invoices") async throws -> Plan? { try await run(name, isPlan: true).plan }

    private func run(_ name: String, isPlan: Bool) async throws -> RunResult {
        guard let definition = jobs.first(where: { $0.name == name }) else { throw TownError("no job \(name)") }
        var clients: [String: StripeClient] = [:]
        for account in definition.kind.accounts { clients[account] = client(account, attempts: 12) }
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "tests", host: "here", processID: getpid(), programVersion: "test")
        return try await JobRun(
            definition: definition, jobs: jobs, clients: clients, pool: runPool, origin: origin, isPlan: isPlan,
            nowSeconds: server.clock.nowSeconds, canSend: true
        ).run()
    }

    /// Takes back what a run repaired.
    func revert(_ run: RunResult, of name: String = "credit-invoices") async throws -> PlanRun.Result {
        guard let definition = jobs.first(where: { $0.name == name }) else { throw TownError("no job \(name)") }
        let origin = RunOrigin(
            trigger: .revert, requestedBy: "tests", host: "here", processID: getpid(), programVersion: "test")
        let plan = try await Plan.revert(
            runID: run.run.id, jobs: jobs, pool: pool, origin: origin, nowSeconds: server.clock.nowSeconds)
        return try await apply(plan, definition, origin)
    }

    /// Does what a plan of a run says.
    func apply(_ plan: Plan) async throws -> PlanRun.Result {
        guard let definition = jobs.first(where: { $0.name == plan.job }) else { throw TownError("no job \(plan.job)") }
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "tests", host: "here", processID: getpid(), programVersion: "test")
        return try await apply(plan, definition, origin)
    }

    private func apply(
        _ plan: Plan, _ definition: JobDefinition, _ origin: RunOrigin
    ) async throws -> PlanRun.Result {
        try await PlanRun(
            plan: plan, path: "plan", definition: definition, jobs: jobs, clients: clients, pool: pool, origin: origin
        ).apply()
    }

    /// Makes the attempts to have invoices mailed older than they are, and due.
    func ageMails(bySeconds seconds: Int64) async throws {
        _ = try await query(
            """
            UPDATE trueup.invoice_mail SET next_attempt_at = now(),
                first_attempt_at = first_attempt_at - $1 * interval '1 second',
                last_attempt_at = last_attempt_at - $1 * interval '1 second'
            WHERE state = 'waiting'
            """, Double(seconds))
    }

    // MARK: - Looking

    func query(_ sql: String, _ parameters: any PostgresEncodable...) async throws -> [Row] {
        try await pool.withConnection { try await $0.query(sql, parameters: parameters) }
    }

    func number(_ sql: String) async throws -> Int64 {
        try await query("SELECT (\(sql))::bigint AS n")[0]["n"]
    }

    /// Invoices of Task Health that name this order, live or not.
    func invoices(ofOrder id: Int64) throws -> [SandboxInvoice] {
        try world().allInvoices().filter { $0.metadata["order_id"] == String(id) }
    }

    func balances() async throws -> [Int64: Int64] {
        try await pool.withConnection { try await CreditTables.balances(on: $0) }
    }
}

struct TownError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The process ends here, as far as the code under test knows.
struct Crash: Error {}
