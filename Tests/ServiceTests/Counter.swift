import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Sandbox
import Service
import Store
import Stripe
import Support
import Synchronization
import Testing

/// What a test says about its service; everything else has a usual value.
struct CounterSetup: Sendable {
    var canSend = true
    var isBehindTLS = false
    var limits = ServiceLimits()
    /// The clock that signatures are held against; `nil`: the real one.
    var nowSeconds: Int64?
    /// Signing secrets in place of the usual ones.
    var secrets: [String]?
    /// In place of a database of the tests' server.
    var target: ConnectionTarget?
    var mode: Stripe.AccountMode? = .test
    /// Of task_health.
    var accountID: String?
    /// What runs have remembered of accounts, by name.
    var known: [String: String] = [:]
    /// Accounts whose Stripe cannot be reached.
    var away: Set<String> = []
    /// The rate limits are in the database, as those of a process are.
    var sharesLimits = false
    /// What goes wrong at Stripe.
    var faults = SandboxFaults.none
    /// How long an answer of Stripe is waited for.
    var stripeTimeoutMilliseconds = 30_000
    /// What the service asks Stripe for.
    var apiVersion = "2023-10-16"
}

/// A service on a port of its own, with the stand-in for Stripe behind it, agencies 7 and 8, and who asks it.
final class Counter: Sendable {
    let target: ConnectionTarget
    let pool: Pool
    let server: SandboxServer
    let port: Int
    let logs: LogBook
    private let limits: Pool
    private let http: HTTPClient
    private let stripeHTTP: HTTPClient
    private let serving: Task<Void, any Error>
    /// Every right there is.
    let token: String
    let routes: [(method: String, path: String)]

    static let orders = "/rn/agencies/7/agency_members/12"
    static let accounts = ["default", "medflyt", "task_health"]

    static func with(_ setup: CounterSetup = CounterSetup(), _ body: (Counter) async throws -> Void) async throws {
        try await Room.worlds.enter {
            let counter = try await Counter(setup)
            do {
                try await body(counter)
            } catch {
                await counter.close()
                throw error
            }
            await counter.close()
            if setup.target == nil { await LentDatabase.giveBack(counter.target) }
        }
    }

    private init(_ setup: CounterSetup) async throws {
        if let given = setup.target { target = given } else { target = try await LentDatabase.take() }
        pool = Pool(target, size: 4, applicationName: "counter")
        http = HTTPClient()
        var patience = HTTPClient.Configuration()
        patience.timeoutMilliseconds = setup.stripeTimeoutMilliseconds
        stripeHTTP = HTTPClient(patience)
        logs = LogBook()
        server = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [.taskHealth(), .medflyt(), .default()],
                clockSeconds: Int64(Date().timeIntervalSince1970), faults: setup.faults, recordsRequests: true))
        try await Self.fill(server, pool)
        for (name, id) in setup.known {
            _ = try await pool.withConnection {
                try await $0.execute("INSERT INTO trueup.account (name, account_id) VALUES ($1, $2)", name, id)
            }
        }
        let jobs = Self.jobs(server.url)
        let tables = try await LiveTables.resolve(jobs.jobs, pool: pool)
        let (url, client, id, version) = (server.url, stripeHTTP, setup.accountID, setup.apiVersion)
        let limits = Pool(target, size: 2, applicationName: "counter limits")
        self.limits = limits
        let accounts = Self.accounts.compactMap { name -> LiveAccount? in
            guard let found = tables.byAccount[name] else { return nil }
            let secrets = (setup.secrets ?? [Self.secret(name)]).map { Secret($0) }
            let account = Account(
                name: name, secretKey: Secret("sk_test_sandbox_\(name)"), apiVersion: version,
                apiBase: setup.away.contains(name) ? "http://127.0.0.1:1" : url, mode: setup.mode,
                accountID: name == "task_health" ? id : nil)
            return LiveAccount(
                name: name, secrets: secrets, tables: found,
                client: StripeClient(
                    account: account, http: client,
                    budget: setup.sharesLimits
                        ? .shared(SharedBudget(pool: limits, account: name, perSecond: 100, perEndpoint: 25))
                        : .unlimited, retry: .never))
        }
        let fixed = setup.nowSeconds
        var live = LiveService.Setup(
            listen: try #require(ListenAddress("127.0.0.1:0")), accounts: accounts, jobs: jobs,
            canSend: setup.canSend, limits: setup.limits, logger: logs.logger,
            now: { fixed ?? Int64(Date().timeIntervalSince1970) })
        live.isBehindTLS = setup.isBehindTLS
        live.beside = { _ in try? await Task.sleep(for: .seconds(3_600)) }
        let service = try await LiveService.open(live, target: target)
        routes = service.routeNames
        serving = Task { try await service.run(stoppingOn: []) }
        port = try #require(await service.port())
        token = try await Self.token(pool, agencies: nil, maySeeStatus: true)
    }

    private func close() async {
        // Whatever the test was about, no signing secret and no token is in the log.
        let isLeaking = Canary.isIn(logs.text) || logs.text.contains(token.suffix(64))
        #expect(!isLeaking, "a secret is in the log")
        serving.cancel()
        _ = await serving.result
        await pool.close()
        await limits.close()
        await server.stop()
        await http.close()
        await stripeHTTP.close()
    }

    /// What the service ends with by itself; `nil` where it ends in order.
    func ended() async -> (any Error)? {
        if case .failure(let error) = await serving.result { error } else { nil }
    }

    static func secret(_ account: String) -> String { "whsec_CANARY_\(account)" }

    /// A token in the database.
    static func token(_ pool: Pool, agencies: [Int64]?, maySeeStatus: Bool = false) async throws -> String {
        let token = BearerToken.random()
        let id = try await APITokens(pool: pool).create(
            name: "tests", secretHash: token.hash, agencies: agencies, maySeeStatus: maySeeStatus, days: nil,
            createdBy: "tests")
        return token.with(id: id).expose()
    }

    private static func fill(_ server: SandboxServer, _ pool: Pool) async throws {
        for (agency, name) in [(7, "Seven"), (8, "Eight")] {
            let buyer = try server.world(of: "task_health").insertCustomer(name: name, email: nil)
            let other = try server.world(of: "medflyt").insertCustomer(name: name, email: nil)
            try await pool.withConnection { connection in
                try await connection.execute(
                    """
                    INSERT INTO agency (id, name, email, "stripeCustomerId", "taskHealthStripeCustomerId")
                    VALUES ($1, $2, $3, $4, $5)
                    """, Int64(agency), name, "\(name.lowercased())@example.com", other, buyer)
                try await connection.execute(
                    "INSERT INTO agency_member (id, agency_id, name) VALUES ($1, $2, 'Somebody')", Int64(agency + 5),
                    Int64(agency))
            }
        }
        try await pool.withConnection {
            try await $0.run(
                script: """
                    INSERT INTO task_credit_order_options VALUES (1, 10, 200000, true), (2, 100, 2000000, true),
                        (3, 5, 100000, false)
                    """)
        }
    }

    private static func jobs(_ apiBase: String) -> JobSet {
        func job(_ name: String, _ job: ReconcileJob) -> JobDefinition {
            JobDefinition(
                name: name, description: "<\(name)>", kind: .reconcile(job),
                notify: NotifyRule(on: [.drift], email: ["finance@example.com"]))
        }
        return JobSet(
            settings: Settings(
                accounts: accounts.map { AccountSettings(name: $0, secretKeyEnv: "K_\($0)", apiBase: apiBase) }),
            jobs: [
                job(
                    "agency-charges",
                    ReconcileJob(
                        accounts: ["medflyt"], object: .paymentIntent,
                        table: TableContract(
                            name: "agency_charge", columns: [.id: "stripe_payment_intent_id", .status: "status"]))),
                job(
                    "agency-invoices",
                    ReconcileJob(
                        accounts: ["default", "medflyt"],
                        table: TableContract(
                            name: "agency_invoice_notice",
                            columns: [.id: "stripe_invoice_id", .account: "account", .sentAt: "sent_at"]))),
                job(
                    "credit-invoices",
                    ReconcileJob(
                        accounts: ["task_health"],
                        table: TableContract(
                            name: "task_credit_stripe_invoice", columns: [.id: "stripe_invoice_id"]))),
            ])
    }
}

// Asking.
extension Counter {
    struct Reply: Sendable {
        let status: Int
        let text: String
        let headers: HTTPHeaders

        private struct Fault: Decodable {
            struct Inner: Decodable {
                var code: String
                var message: String
            }
            var error: Inner
        }

        /// The error's words; `nil` for an answer that is none.
        var message: String? { try? decoded(Fault.self).error.message }
        /// The error's code; `nil` for an answer that is none.
        var code: String? { try? decoded(Fault.self).error.code }

        func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: Data(text.utf8))
        }

        struct Receipt: Decodable {
            var outcome: String
            var deliveries: Int64?
        }

        /// What became of a webhook; `nil` for an error.
        var outcome: String? { try? decoded(Receipt.self).outcome }
        var deliveries: Int64? { (try? decoded(Receipt.self))?.deliveries }
    }

    func ask(
        _ method: HTTPRequest.Method, _ path: String, body: [UInt8]? = nil, token: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Reply {
        var fields = headers
        if let token { fields.append(("Authorization", "Bearer \(token)")) }
        if body != nil { fields.append(("Content-Type", "application/json")) }
        let response = try await http.send(
            HTTPRequest(method, url: "http://127.0.0.1:\(port)\(path)", headers: fields, body: body))
        return Reply(status: response.status, text: response.body.text, headers: response.headers)
    }

    /// Marks an invoice as paid by other means than Stripe's.
    func payElsewhere(_ invoice: String) async throws {
        let response = try await http.send(
            HTTPRequest(
                .post, url: "\(server.url)/v1/invoices/\(invoice)/pay",
                headers: [
                    ("Authorization", "Bearer sk_test_sandbox_task_health"),
                    ("Content-Type", "application/x-www-form-urlencoded"),
                ], body: Array("paid_out_of_band=true".utf8)))
        #expect(response.status == 200, "\(response.body.text)")
    }

    /// The event of the stand-in about an object, as it would be posted.
    func event(_ type: String, of objectID: String, account: String) async throws -> [UInt8] {
        let response = try await http.send(
            HTTPRequest(
                url: "\(server.url)/v1/events?limit=100&type=\(type)",
                headers: [("Authorization", "Bearer sk_test_sandbox_\(account)")]))
        let root = try JSONSerialization.jsonObject(with: Data(response.body.text.utf8)) as? [String: Any]
        let events = try #require(root?["data"] as? [[String: Any]])
        let found = events.first { event in
            ((event["data"] as? [String: Any])?["object"] as? [String: Any])?["id"] as? String == objectID
        }
        return Array(try JSONSerialization.data(withJSONObject: try #require(found), options: .prettyPrinted))
    }

    /// The same event with other words in it.
    func changed(_ body: [UInt8], _ change: (inout [String: Any]) -> Void) throws -> [UInt8] {
        var event = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
        change(&event)
        return Array(try JSONSerialization.data(withJSONObject: event))
    }

    static func signature(
        _ body: [UInt8], secret: String, seconds: Int64 = Int64(Date().timeIntervalSince1970)
    ) -> String {
        SandboxWebhook.signature(of: body, secret: secret, seconds: seconds)
    }

    /// Posts an event, signed for its account.
    func deliver(
        _ body: [UInt8], account: String, path: String? = nil, secret: String? = nil
    ) async throws -> Reply {
        let path = path ?? (account == "task_health" ? "/stripe/credits-webhook" : "/stripe/webhook")
        let signature = Self.signature(body, secret: secret ?? Self.secret(account))
        return try await ask(.post, path, body: body, headers: [("Stripe-Signature", signature)])
    }
}

// Looking and doing.
extension Counter {
    struct Order: Decodable, Sendable {
        var id: Int64
        var state: String
        var credits: Int64
        var stripeInvoiceId: String?
        var hostedInvoiceUrl: String?
    }

    struct OneOrder: Decodable, Sendable {
        var order: Order
    }

    /// Asks for an order over HTTP.
    func askForOrder(option: Int64 = 1, key: String? = nil) async throws -> Reply {
        try await ask(
            .post, Self.orders + "/credit_order", body: Array("{\"option_id\":\(option)}".utf8), token: token,
            headers: key.map { [("Idempotency-Key", $0)] } ?? [])
    }

    /// Places an order over HTTP.
    func place(option: Int64 = 1, key: String? = nil) async throws -> Order {
        let reply = try await askForOrder(option: option, key: key)
        #expect(reply.status == 201, "\(reply.text)")
        return try reply.decoded(OneOrder.self).order
    }

    /// A placed order and its invoice, of which the event says that it is paid.
    func paid(option: Int64 = 1) async throws -> (order: Order, invoice: String, event: [UInt8]) {
        let order = try await place(option: option)
        let invoice = try #require(order.stripeInvoiceId)
        try server.world(of: "task_health").pay(invoice)
        return (order, invoice, try await event("invoice.paid", of: invoice, account: "task_health"))
    }

    func run(_ sql: String) async throws {
        try await pool.withConnection { try await $0.run(script: sql) }
    }

    func number(_ sql: String) async throws -> Int64 {
        try await pool.withConnection { try await $0.query("SELECT (\(sql))::bigint AS n")[0]["n"] }
    }

    func word(_ sql: String) async throws -> String? {
        try await pool.withConnection { try await $0.query("SELECT (\(sql))::text AS word")[0]["word"] }
    }

    /// The credits of agency 7.
    func balance() async throws -> Int64 {
        try await number("SELECT coalesce(sum(balance), 0) FROM task_credit_agency_balance WHERE agency_id = 7")
    }
}
