import Curl
import Foundation
import PostgreSQL
import Sandbox
import Support
import Synchronization

/// The live side as it runs: the service in a process of its own, clients that ask until they are answered, customers
/// that pay, webhooks that are lost, doubled, late and out of order.
final class LiveScene: Sendable {
    let folder: TemporaryFolder
    let server: SandboxServer
    let target: ConnectionTarget
    let program: Program
    let http: HTTPClient
    /// The service's port, once it has one: it keeps it over its deaths.
    let port = Mutex<Int?>(nil)

    static let agencies: [Int64] = [1, 2, 3]

    /// - Parameter schedule: when the scheduler starts the job; `nil`: by hand only.
    init(schedule: String? = nil) async throws {
        folder = try TemporaryFolder()
        var account = SandboxAccount.taskHealth()
        account.secretKey = Scene.key
        server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [account], clockSeconds: Int64(Date().timeIntervalSince1970), faults: .none))
        target = try await TestServer.database()
        http = HTTPClient()
        let settings = Scene.settings(server.url).replacing(
            "    mode: test", with: "    webhook_secret_env: TASK_HEALTH_STRIPE_WEBHOOK_SECRET\n    mode: test")
        try folder.write(settings, to: "jobs/settings.yaml")
        let when = schedule.map { "schedule: \"\($0)\"\n" } ?? ""
        try folder.write(Scene.jobFile + "settle: 0s\n\(when)", to: "jobs/\(Scene.job).yaml")
        program = Program(
            environment: [
                "TASK_HEALTH_STRIPE_SECRET_KEY": Scene.key,
                "TASK_HEALTH_STRIPE_WEBHOOK_SECRET": account.webhookSecret,
                "DATABASE_URL": "postgresql:///\(target.database ?? "")?host=\(target.host ?? "")"
                    + "&port=\(target.port ?? "5432")&user=\(target.user ?? "postgres")",
            ], directory: folder.path)
        let world = try server.world(of: "task_health")
        let connection = try await Connection.open(target, applicationName: "live")
        for agency in Self.agencies {
            let customer = try world.insertCustomer(name: "Agency \(agency)", email: nil)
            try await connection.execute(
                "INSERT INTO agency (id, name, \"taskHealthStripeCustomerId\") VALUES ($1, 'A', $2)", agency, customer)
            try await connection.execute("INSERT INTO agency_member VALUES ($1, $2, 'M', NULL)", agency * 10, agency)
        }
        try await connection.execute(
            "INSERT INTO task_credit_order_options VALUES (1, 1, 20000, true), (2, 10, 200000, true)")
        await connection.close()
    }

    func close() async {
        await http.close()
        await server.stop()
    }

    /// Starts the service and waits until it serves.
    func serve() async throws -> Running {
        let known = port.withLock { $0 }
        let running = try program.start("serve", "--listen", "127.0.0.1:\(known ?? 0)")
        try await running.wait(forTalk: "serving at http://127.0.0.1:")
        if known == nil {
            let digits = running.talk.split(separator: "serving at http://127.0.0.1:").last?.prefix { $0.isNumber }
            port.withLock { $0 = digits.flatMap { Int($0) } }
        }
        return running
    }

    /// One order, asked for under its key until there is an answer.
    /// - Returns: the order's id.
    func order(_ key: String, agency: Int64, option: Int, token: String) async throws -> Int64 {
        let path = "/rn/agencies/\(agency)/agency_members/\(agency * 10)/credit_order"
        let start = ContinuousClock.now
        var last = "nothing"
        while ContinuousClock.now - start < .seconds(90) {
            let request = HTTPRequest(
                .post, url: "http://127.0.0.1:\(port.withLock { $0 } ?? 0)\(path)",
                headers: [
                    ("Authorization", "Bearer \(token)"), ("Idempotency-Key", key),
                    ("Content-Type", "application/json"),
                ], body: Array("{\"option_id\":\(option)}".utf8))
            do {
                let response = try await http.send(request)
                let body = response.body.withUnsafeBytes { Data($0) }
                if response.status == 201, let answer = try JSONSerialization.jsonObject(with: body) as? [String: Any],
                    let order = answer["order"] as? [String: Any], let id = order["id"] as? Int64
                {
                    return id
                }
                last = "\(response.status) \(String(decoding: body, as: UTF8.self))"
            } catch let error as CurlError {
                last = "\(error)"
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw ProgramError("\(key) was never answered: \(last)")
    }

    /// What is wrong: Stripe's side and the rows, each order once, each credit once.
    func faults(orders: Int) async throws -> [String] {
        let connection = try await Connection.open(target, applicationName: "live")
        let rows = try await connection.query(
            "SELECT id, agency_id, credits, stripe_invoice_id, paid FROM task_credit_stripe_invoice")
        let balances = try await CreditTables.balances(on: connection)
        await connection.close()
        var faults = rows.count == orders ? [] : ["\(rows.count) rows for \(orders) orders"]
        let invoices = try server.world(of: "task_health").allInvoices()
        if invoices.count != orders { faults.append("\(invoices.count) invoices for \(orders) orders") }
        var bought: [Int64: Int64] = [:]
        for row in rows {
            let id: Int64 = try row["id"]
            let linked: String? = try row["stripe_invoice_id"]
            guard let invoice = invoices.first(where: { $0.id == linked }) else {
                faults.append("order \(id) has no invoice")
                continue
            }
            if try (invoice.status == .paid) != row["paid"] { faults.append("order \(id): \(invoice.status)") }
            if invoice.status == .paid { bought[try row["agency_id"], default: 0] += try row["credits"] }
        }
        for agency in Self.agencies where (bought[agency] ?? 0) != (balances[agency] ?? 0) {
            faults.append("agency \(agency) has \(balances[agency] ?? 0) credits and bought \(bought[agency] ?? 0)")
        }
        return faults
    }
}

extension LiveScene {
    func random(_ random: inout Seeded) -> Int64 { random.pick(Self.agencies) }

    /// Clients that ask until they are answered, one for each wish.
    func clients(_ wishes: [Wish], token: String) -> Task<[Int64], any Error> {
        Task {
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for wish in wishes {
                    group.addTask {
                        try await self.order(wish.key, agency: wish.agency, option: wish.option, token: token)
                    }
                }
                return try await group.reduce(into: [Int64]()) { $0.append($1) }
            }
        }
    }

    struct Wish: Sendable {
        var key: String
        var agency: Int64
        var option: Int
    }

    func wishes(_ count: Int, _ random: inout Seeded) -> [Wish] {
        (0..<count).map {
            Wish(key: "key \($0)", agency: self.random(&random), option: Int.random(in: 1...2, using: &random))
        }
    }

    /// A token for every agency.
    func token() async throws -> String {
        let made = try await program.run("token", "create", "portal", "--all-agencies")
        guard made.status == 0 else { throw ProgramError(made.talk) }
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Webhooks find the service from now on, as far as they do: they are lost, doubled, late and out of order.
    func subscribe(seed: UInt64) throws {
        try server.world(of: "task_health").subscribe(
            SandboxWebhook(
                url: "http://127.0.0.1:\(port.withLock { $0 } ?? 0)/stripe/credits-webhook",
                events: ["invoice.paid", "invoice.voided"],
                policy: SandboxDeliveryPolicy(
                    seed: seed, dropRate: 0.15, duplicateRate: 0.2, delayRate: 0.3, reorderRate: 0.2,
                    lostAnswerRate: 0.15)))
    }

    /// Most of the customers with an open invoice pay it, whether or not anybody listens.
    func pay(_ random: inout Seeded) throws {
        let world = try server.world(of: "task_health")
        for invoice in world.allInvoices() where invoice.status == .open && !random.oneIn(3) {
            try world.pay(invoice.id)
        }
    }

    /// Waits until the service has had every open invoice mailed, as it does within a minute.
    func settleMails() async throws {
        let connection = try await Connection.open(target, applicationName: "live")
        try await connection.execute("UPDATE trueup.invoice_mail SET next_attempt_at = now() WHERE state = 'waiting'")
        let start = ContinuousClock.now
        var rest: Int64 = 1
        while rest > 0, ContinuousClock.now - start < .seconds(60) {
            rest = try await connection.query(
                "SELECT count(*) AS rest FROM trueup.invoice_mail WHERE state = 'waiting'")[0]["rest"]
            if rest > 0 { try await Task.sleep(for: .milliseconds(100)) }
        }
        await connection.close()
        guard rest == 0 else { throw ProgramError("\(rest) invoices were never mailed") }
    }

    /// Waits until nothing is wrong any more.
    /// - Returns: what still is, when the time is over.
    func settle(orders: Int, seconds: Double = 120) async throws -> [String] {
        let start = ContinuousClock.now
        while true {
            let faults = try await faults(orders: orders)
            if faults.isEmpty || ContinuousClock.now - start > .seconds(seconds) { return faults }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
