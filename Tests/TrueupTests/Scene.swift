import Foundation
import PostgreSQL
import Sandbox
import Store
import Support

/// Everything around the program: a stand-in for Stripe with planted differences, a database, job files, and the
/// environment that leads to them.
struct Scene: Sendable {
    let folder: TemporaryFolder
    let server: SandboxServer
    let target: ConnectionTarget
    let history: CreditHistory
    let program: Program

    /// A key that nobody has; where it turns up, it leaked.
    static let key = "sk_test_CANARYkey51HxQ2mPaSsWoRd"
    /// The sockets of the tests trust everybody, so that any password is the right one.
    static let password = "CANARYpassword77"
    static let job = "credit-invoices"

    static let plants: [Plant: Int] = {
        var plants: [Plant: Int] = [:]
        for plant in Plant.allCases { plants[plant] = 1 }
        plants[.paidOpen] = 4
        return plants
    }()

    /// Opens a scene for a body.
    static func with(
        orders: Int = 900, plants: [Plant: Int] = Scene.plants, latencyMilliseconds: Double = 0,
        faults: SandboxFaults = .none, limits: SandboxLimits = .none, rate: String = Scene.noLimit,
        nowSeconds: Int64 = Int64(Date().timeIntervalSince1970),
        _ body: (Scene) async throws -> Void
    ) async throws {
        let history = try CreditHistory(seed: 7, orders: orders, agencies: 12, nowSeconds: nowSeconds, plants: plants)
        var account = SandboxAccount.taskHealth(history: .credits(history))
        account.secretKey = key
        let server = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [account], clockSeconds: nowSeconds, limits: limits,
                latency: SandboxLatency(fixedMilliseconds: latencyMilliseconds), faults: faults))
        do {
            let target = try await TestServer.database()
            let connection = try await Connection.open(target, applicationName: "scene")
            try await CreditTables.load(history, into: connection)
            await connection.close()
            try await body(try Scene(server: server, target: target, history: history, rate: rate))
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private init(server: SandboxServer, target: ConnectionTarget, history: CreditHistory, rate: String) throws {
        folder = try TemporaryFolder()
        self.server = server
        self.target = target
        self.history = history
        try folder.write(Self.settings(server.url, rate: rate), to: "jobs/settings.yaml")
        try folder.write(Self.jobFile, to: "jobs/\(Self.job).yaml")
        var url = URLComponents()
        url.queryItems = [
            URLQueryItem(name: "host", value: target.host), URLQueryItem(name: "port", value: target.port),
            URLQueryItem(name: "user", value: target.user), URLQueryItem(name: "password", value: Self.password),
        ]
        program = Program(
            environment: [
                "TASK_HEALTH_STRIPE_SECRET_KEY": Self.key,
                "DATABASE_URL": "postgresql:///\(target.database ?? "")?\(url.percentEncodedQuery ?? "")",
                "XDG_DATA_HOME": folder.path + "/data",
            ], directory: folder.path)
    }

    static let noLimit = "{per_second: 10000, per_endpoint: 10000, share: 1}"

    static func settings(_ apiBase: String, rate: String = Scene.noLimit) -> String {
        """
        accounts:
          task_health:
            secret_key_env: TASK_HEALTH_STRIPE_SECRET_KEY
            mode: test
            api_base: "\(apiBase)"
            rate: \(rate)

        """
    }

    static let jobFile = """
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
        limits: {max_repairs: 500, max_repair_share: 1}

        """

    /// The program with other variables; an empty value takes one away.
    func program(_ changes: [String: String]) -> Program {
        var copy = program
        copy.environment.merge(changes) { _, new in new }
        copy.environment = copy.environment.filter { !$0.value.isEmpty }
        return copy
    }

    /// Changes something in the database.
    func execute(_ script: String) async throws {
        let connection = try await Connection.open(target, applicationName: "scene")
        do {
            try await connection.run(script: script)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What runs have read so far reaches back to the beginning of Stripe, as after a backfill.
    func readFromTheBeginning() async throws {
        try await execute("UPDATE trueup.stripe_reading SET from_seconds = 0")
    }

    /// One value from the database.
    func value<T: PostgresDecodable>(_ sql: String, as type: T.Type = T.self) async throws -> T {
        let connection = try await Connection.open(target, applicationName: "scene")
        do {
            let value: T = try await connection.query(sql)[0]["value"]
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Waits until a condition in the database holds.
    func wait(until sql: String, seconds: Double = 30) async throws {
        let connection = try await Connection.open(target, applicationName: "scene")
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            if try await connection.query("SELECT (\(sql)) AS value")[0]["value"] as Bool {
                return await connection.close()
            }
            try await Task.sleep(for: .milliseconds(3))
        }
        await connection.close()
        throw ProgramError("this never came true: \(sql)")
    }

    /// The application's tables.
    func books() async throws -> String { try await value("SELECT concat_ws(E'\\n', \(Self.bookLines)) AS value") }

    private static let bookLines = """
        (SELECT string_agg(concat_ws(' ', id, stripe_invoice_id, paid, paid_at, cancelled_at IS NOT NULL),
            E'\\n' ORDER BY id) FROM task_credit_stripe_invoice),
        (SELECT string_agg(concat_ws(' ', agency_id, balance), E'\\n' ORDER BY agency_id)
            FROM task_credit_agency_balance)
        """

    /// What must be the same however a run came to its end: the application's tables, what is left to a person, and
    /// what was done to which order. A draft that was deleted at Stripe just before a crash is found again as an
    /// invoice that Stripe does not know, so the kind of a repair and the note of a deletion are not part of it.
    func state() async throws -> String {
        try await value(
            """
            SELECT concat_ws(E'\\n',
                \(Self.bookLines),
                (SELECT string_agg(concat_ws(' ', kind, stripe_id, local_id), E'\\n'
                    ORDER BY kind, stripe_id, local_id) FROM trueup.finding WHERE state = 'open'),
                (SELECT string_agg(concat_ws(' ', effect, stripe_id, local_id), E'\\n'
                    ORDER BY effect, stripe_id, local_id) FROM trueup.repair WHERE effect <> 'delete_draft')) AS value
            """)
    }
}
