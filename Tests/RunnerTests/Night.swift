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

/// What a test says about its world; everything else has a usual value.
struct NightSetup: Sendable {
    /// What the account of this name holds.
    var history: SandboxHistory
    var account = "task_health"
    /// Further accounts with what they hold; histories of one database have one seed.
    var others: [String: SandboxHistory] = [:]
    var apiVersion = "2023-10-16"
    var faults = SandboxFaults.none
    var scripts: [SandboxScript] = []
    var latencyMilliseconds = 0.0
    var jitterMilliseconds = 0.0
    var limits = RepairLimits(maxRepairs: 500, maxRepairShare: 1)
    var lookBackSeconds: Int64 = 35 * 86_400
    var timeoutMilliseconds = 20_000
    var attempts = 12
    var isLoaded = true
    /// Whether restricted keys may not say whose they are.
    var hidesAccounts = false
    /// Whether refunds and disputes name their charges by their ids alone.
    var ignoresExpansion = false
    /// Whether the test changes the tables themselves, so that no other can have them after it.
    var changesSchema = false

    static let nowSeconds: Int64 = 1_798_000_000

    init(_ history: SandboxHistory, account: String = "task_health") {
        self.history = history
        self.account = account
    }

    /// Every account with what it holds.
    var histories: [String: SandboxHistory] { others.merging([account: history]) { $1 } }

    /// Charges of agencies with some of every deviation, and the agencies' invoices, on `medflyt`.
    static func charges(
        seed: UInt64, charges: Int = 2_400, invoices: Int? = 120, missedNotices: Int = 4,
        plants: [ChargePlant: Int] = NightSetup.someChargesOfEach
    ) throws -> NightSetup {
        NightSetup(
            .agency(
                try AgencyHistory(
                    seed: seed, charges: charges, agencies: 12, nowSeconds: nowSeconds, invoices: invoices,
                    missedNotices: missedNotices, plants: plants)), account: "medflyt")
    }

    /// Payments of patients with some that nobody explains, and the agencies' invoices, on `default`.
    static func patients(
        seed: UInt64, payments: Int = 600, invoices: Int? = 120, missedNotices: Int = 3,
        plants: [PatientPlant: Int] = NightSetup.somePatientsOfEach
    ) throws -> NightSetup {
        NightSetup(
            .patients(
                try PatientHistory(
                    seed: seed, payments: payments, agencies: 12, nowSeconds: nowSeconds, invoices: invoices,
                    missedNotices: missedNotices, plants: plants)), account: "default")
    }

    /// All three accounts in one database, with some of everything.
    static func all(seed: UInt64) throws -> NightSetup {
        var setup = try credits(seed: seed, plants: someOfAll, payments: somePayments)
        setup.others = [
            "medflyt": try charges(seed: seed).history, "default": try patients(seed: seed).history,
        ]
        return setup
    }

    /// Credit orders with some of every deviation.
    static func credits(
        seed: UInt64, orders: Int = 900, plants: [Plant: Int] = NightSetup.someOfEach,
        payments: [PaymentPlant: Int] = [:]
    ) throws -> NightSetup {
        NightSetup(
            .credits(
                try CreditHistory(
                    seed: seed, orders: orders, agencies: 12, nowSeconds: nowSeconds, plants: plants,
                    payments: payments)))
    }

    /// Every deviation, one to three times.
    static let someOfEach: [Plant: Int] = {
        var plants: [Plant: Int] = [:]
        for (index, plant) in Plant.allCases.enumerated() { plants[plant] = 1 + index % 2 }
        plants[.paidOpen] = 6
        plants[.paidOpenOld] = 3
        plants[.voidOpen] = 3
        plants[.absentOpen] = 4
        plants[.draftStaleOpen] = 4
        return plants
    }()

    /// The same with what refunds, disputes and events show.
    static let someOfAll: [Plant: Int] = {
        var plants = someOfEach
        for plant in Plant.afterPayment + Plant.eventsOnly { plants[plant] = 2 }
        return plants
    }()

    /// Every payment besides those of invoices, twice.
    static let somePayments = Dictionary(uniqueKeysWithValues: PaymentPlant.allCases.map { ($0, 2) })

    /// Every deviation of a charge, two to four times: of four one is old.
    static let someChargesOfEach: [ChargePlant: Int] = {
        var plants: [ChargePlant: Int] = [:]
        for (index, plant) in (ChargePlant.allCases + ChargePlant.eventsOnly).enumerated() {
            plants[plant] = 2 + index % 2
        }
        for plant in [ChargePlant.succeededPending, .declinedPending, .absentPending, .staleOpen, .staleConfirmation] {
            plants[plant] = 4
        }
        return plants
    }()

    /// Every payment of a patient that is planted, twice.
    static let somePatientsOfEach = Dictionary(uniqueKeysWithValues: PatientPlant.allCases.map { ($0, 2) })
}

/// A world for one test: sandbox, database, client, and the nightly job on it.
final class Night: Sendable {
    let setup: NightSetup
    let server: SandboxServer
    let world: World
    let target: ConnectionTarget
    /// The test's own connections: no run uses them.
    let pool: Pool
    private let http: HTTPClient

    static let job = "credit-invoices"
    static let origin = RunOrigin(
        trigger: .manual, requestedBy: "tests", host: "here", processID: getpid(), programVersion: "test")

    /// Opens a world for `body` and takes it down after.
    static func with(_ setup: NightSetup, _ body: (Night) async throws -> Void) async throws {
        try await Room.worlds.enter { try await open(setup, body) }
    }

    private static func open(_ setup: NightSetup, _ body: (Night) async throws -> Void) async throws {
        let night = try await Night(setup)
        do {
            try await body(night)
        } catch {
            await night.close()
            throw error
        }
        await night.close()
        if !setup.changesSchema { await LentDatabase.giveBack(night.target) }
    }

    private init(_ setup: NightSetup) async throws {
        self.setup = setup
        target = try await LentDatabase.take()
        pool = Pool(target, size: 4, applicationName: "night")
        server = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: setup.histories.sorted { $0.key < $1.key }.map {
                    Self.sandboxAccount($0.key, $0.value, setup)
                },
                clockSeconds: NightSetup.nowSeconds,
                latency: SandboxLatency(
                    fixedMilliseconds: setup.latencyMilliseconds, jitterMilliseconds: setup.jitterMilliseconds),
                faults: setup.faults, recordsRequests: true, scripts: setup.scripts))
        world = try server.world(of: setup.account)
        var configuration = HTTPClient.Configuration()
        configuration.timeoutMilliseconds = setup.timeoutMilliseconds
        http = HTTPClient(configuration)
        if setup.isLoaded {
            try await pool.withConnection { try await Self.load(Array(setup.histories.values), into: $0) }
        }
    }

    private static func sandboxAccount(
        _ name: String, _ history: SandboxHistory, _ setup: NightSetup
    ) -> SandboxAccount {
        var account: SandboxAccount =
            switch name {
            case "task_health": .taskHealth(history: history)
            case "medflyt": .medflyt(history: history)
            default: .default(history: history)
            }
        account.defaultAPIVersion = .v2023
        account.hidesAccount = setup.hidesAccounts
        account.ignoresExpansion = setup.ignoresExpansion
        return account
    }

    /// Fills the tables with what every history says of them; the agencies once.
    private static func load(_ histories: [SandboxHistory], into connection: Connection) async throws {
        var hasAgencies = false
        for case .credits(let history) in histories {
            try await CreditTables.load(history, into: connection)
            hasAgencies = true
        }
        for history in histories {
            switch history {
            case .agency(let agency):
                if !hasAgencies { try await AgencyTables.load(agency.agencies, into: connection) }
                hasAgencies = true
                try await AgencyTables.load(agency, into: connection)
            case .patients(let patients):
                if !hasAgencies { try await AgencyTables.load(patients.agencies, into: connection) }
                hasAgencies = true
                try await AgencyTables.load(patients, into: connection)
            case .credits, .plain, .empty: break
            }
        }
    }

    private func close() async {
        await pool.close()
        await server.stop()
        await http.close()
    }

    // MARK: - Running

    /// The account as the settings would have it.
    func account(_ name: String? = nil) -> Account {
        let name = name ?? setup.account
        return Account(
            name: name, secretKey: Secret("sk_test_sandbox_\(name)"), apiVersion: setup.apiVersion,
            apiBase: server.url, mode: .test)
    }

    /// One client for each account.
    /// - Parameter account: in place of the settings' own.
    func clients(_ account: Account? = nil) -> [String: StripeClient] {
        var clients: [String: StripeClient] = [:]
        for name in setup.histories.keys {
            clients[name] = client(account?.name == name ? account : self.account(name))
        }
        return clients
    }

    func client(_ account: Account? = nil) -> StripeClient {
        var retry = RetryPolicy.standard
        retry.maxAttempts = setup.attempts
        retry.maxRateLimitedAttempts = setup.attempts
        retry.firstDelaySeconds = 0.002
        retry.maxDelaySeconds = 0.02
        retry.maxRateLimitedDelaySeconds = 0.02
        // What the sandbox asks for in Retry-After is for real clients.
        retry.maxRetryAfterSeconds = 0
        return StripeClient(account: account ?? self.account(), http: http, budget: .unlimited, retry: retry)
    }

    func definition(_ change: (inout ReconcileJob) -> Void = { _ in }) -> JobDefinition {
        var job = ReconcileJob(
            accounts: [setup.account], lookBackSeconds: setup.lookBackSeconds,
            table: TableContract(name: "task_credit_stripe_invoice", columns: [.id: "stripe_invoice_id"]),
            limits: setup.limits)
        change(&job)
        return JobDefinition(name: Self.job, hash: "0123", kind: .reconcile(job))
    }

    /// One run, on connections of its own.
    func run(
        plan: Bool = false, nowSeconds: Int64 = NightSetup.nowSeconds, target: ConnectionTarget? = nil,
        account: Account? = nil, definition: JobDefinition? = nil, range: Window? = nil, canSend: Bool = false,
        origin: RunOrigin = Night.origin, alerts: Alerts? = nil, comparisons: ComparisonLimits = ComparisonLimits(),
        progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
    ) async throws -> RunResult {
        let pool = Pool(target ?? self.target, size: JobRun.poolSize, applicationName: "run")
        do {
            let definition = definition ?? self.definition()
            let result = try await JobRun(
                definition: definition, jobs: jobs, clients: clients(account), pool: pool, origin: origin,
                isPlan: plan, nowSeconds: nowSeconds, range: range, canSend: canSend, alerts: alerts,
                comparisons: comparisons, progress: progress
            ).run()
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    // MARK: - Looking

    var history: CreditHistory {
        get throws {
            guard case .credits(let history) = setup.history else { throw NightError("no credit history") }
            return history
        }
    }

    var agencyHistory: AgencyHistory {
        get throws {
            for case .agency(let history) in setup.histories.values { return history }
            throw NightError("no history of charges")
        }
    }

    var patientHistory: PatientHistory {
        get throws {
            for case .patients(let history) in setup.histories.values { return history }
            throw NightError("no history of patients")
        }
    }

    /// Everything that was asked of the sandbox since `start` requests.
    func requests(since start: Int = 0) -> [SandboxStatistics.Served] { Array(server.statistics.log.dropFirst(start)) }

    func query(_ sql: String, _ parameters: any PostgresEncodable...) async throws -> [Row] {
        try await pool.withConnection { try await $0.query(sql, parameters: parameters) }
    }

    func number(_ sql: String) async throws -> Int {
        Int(try await query("SELECT (\(sql))::bigint AS n")[0]["n"] as Int64)
    }

    func balances() async throws -> [Int64: Int64] {
        try await pool.withConnection { try await CreditTables.balances(on: $0) }
    }

    func everything() async throws -> String {
        try await pool.withConnection { try await TableText.everything(on: $0) }
    }

    /// Tables and Stripe as a run left them, without times and attempts.
    func outcome() async throws -> String {
        let tables = try await pool.withConnection { try await TableText.outcome(on: $0) }
        var objects: [String] = []
        for name in setup.histories.keys.sorted() {
            let world = try server.world(of: name)
            objects += world.allInvoices().map { "\($0.id) \($0.status) \($0.amountPaid)" }.sorted()
            objects += world.allPaymentIntents().map { "\($0.id) \($0.status)" }.sorted()
        }
        return tables + "== Stripe\n" + objects.joined(separator: "\n")
    }

    /// The run with the highest id: state, attempt, whether it has ended.
    func lastRun() async throws -> (id: Int64, state: String, attempt: Int32, hasEnded: Bool) {
        let row = try await query(
            "SELECT id, state, attempt, ended_at IS NOT NULL AS ended FROM trueup.run ORDER BY id DESC LIMIT 1")[0]
        return (try row["id"], try row["state"], try row["attempt"], try row["ended"])
    }
}

struct NightError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension RunResult {
    /// Found and repaired, by kind.
    var tallies: (found: [String: Int], repaired: [String: Int]) {
        var found: [String: Int] = [:]
        var repaired: [String: Int] = [:]
        for finding in findings {
            found[finding.kind.rawValue, default: 0] += 1
            if finding.closedHow == .repaired { repaired[finding.kind.rawValue, default: 0] += 1 }
        }
        return (found, repaired)
    }
}

/// The run's task, to be cancelled from within its own progress.
final class Stopper: Sendable {
    private let state = Mutex<(task: Task<RunResult, any Error>?, isStopped: Bool)>((nil, false))

    func watch(_ task: Task<RunResult, any Error>) {
        let isStopped = state.withLock { state in
            state.task = task
            return state.isStopped
        }
        if isStopped { task.cancel() }
    }

    func stop() {
        let task = state.withLock { state in
            state.isStopped = true
            return state.task
        }
        task?.cancel()
    }
}

extension Night {
    /// A run that is stopped, as by a signal, at the first progress for which `when` holds.
    @discardableResult
    func runStopped(
        plan: Bool = false, target: ConnectionTarget? = nil, account: Account? = nil,
        definition: JobDefinition? = nil, canSend: Bool = false, when: @escaping @Sendable (RunProgress) -> Bool
    ) async throws -> RunResult {
        let stopper = Stopper()
        let task = Task {
            try await run(plan: plan, target: target, account: account, definition: definition, canSend: canSend) {
                if when($0) { stopper.stop() }
            }
        }
        stopper.watch(task)
        return try await task.value
    }

    /// The ids that the last run staged of its list, in order, with repetitions; not what it read one by one.
    func staged() async throws -> [String] {
        let id = try await lastRun().id
        return try await query(
            "SELECT id FROM trueup.staged_invoice_\(id) WHERE status <> 'absent' AND NOT is_fresh ORDER BY id"
        ).map { try $0["id"] }
    }

    /// Reads everything and stops before anything is compared, so that the staged rows can be looked at.
    func read() async throws -> [String] {
        do {
            let result = try await runStopped(plan: true) { if case .comparing = $0 { true } else { false } }
            throw NightError("the run was not stopped: \(result.outcome)")
        } catch is CancellationError {
            return try await staged()
        }
    }

    /// What a complete reading has to stage.
    func listable(_ invoices: [SandboxInvoice]? = nil) -> Set<String> {
        let to = NightSetup.nowSeconds - 300
        let period = (to - setup.lookBackSeconds)..<to
        return Set((invoices ?? world.allInvoices()).filter { period.contains($0.createdSeconds) }.map(\.id))
    }
}
