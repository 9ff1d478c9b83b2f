import Curl
import Foundation
import PostgreSQL
import Sandbox
import Support
import Synchronization
import Testing

/// The live side as it runs: the service in a process of its own, clients that ask until they are answered, customers
/// that pay, webhooks that are lost, doubled, late and out of order.
private final class LiveScene: Sendable {
    let folder: TemporaryFolder
    let server: SandboxServer
    let target: ConnectionTarget
    let program: Program
    let http: HTTPClient
    /// The service's port, once it has one: it keeps it over its deaths.
    let port = Mutex<Int?>(nil)

    static let agencies: [Int64] = [1, 2, 3]

    init() async throws {
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
        try folder.write(Scene.jobFile + "settle: 0s\n", to: "jobs/\(Scene.job).yaml")
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

@Suite("The live side in processes that are killed", .serialized)
struct LiveCrashTests {
    @Test(
        "killed while orders are placed and paid, no order is made twice, no credit is given twice or lost",
        arguments: Seeds.range(1, 3))
    func killed(_ seed: UInt64) async throws {
        let scene = try await LiveScene()
        do {
            try await live(scene, seed)
        } catch {
            await scene.close()
            throw error
        }
        await scene.close()
    }

    private func live(_ scene: LiveScene, _ seed: UInt64) async throws {
        var random = Seeded(seed)
        let made = try await scene.program.run("token", "create", "portal", "--all-agencies")
        try #require(made.status == 0, "\(made.talk)")
        let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        var running = try await scene.serve()
        let world = try scene.server.world(of: "task_health")
        try world.subscribe(
            SandboxWebhook(
                url: "http://127.0.0.1:\(scene.port.withLock { $0 } ?? 0)/stripe/credits-webhook",
                events: ["invoice.paid", "invoice.voided"],
                policy: SandboxDeliveryPolicy(
                    seed: seed, dropRate: 0.15, duplicateRate: 0.2, delayRate: 0.3, reorderRate: 0.2,
                    lostAnswerRate: 0.15)))
        let wishes = (0..<18).map { number in
            ("key \(number)", scene.random(&random), Int.random(in: 1...2, using: &random))
        }
        let clients = Task {
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for (key, agency, option) in wishes {
                    group.addTask { try await scene.order(key, agency: agency, option: option, token: token) }
                }
                return try await group.reduce(into: [Int64]()) { $0.append($1) }
            }
        }
        for round in 0..<5 {
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...400, using: &random)))
            #expect(try await running.signal(SIGKILL).status == -1)
            // Customers pay whether or not anybody listens.
            for invoice in world.allInvoices() where invoice.status == .open && !random.oneIn(3) {
                try world.pay(invoice.id)
            }
            if round == 2 { _ = try await scene.program.start("run", Scene.job).signal(SIGKILL) }
            running = try await scene.serve()
        }
        let answered = try await clients.value
        #expect(Set(answered).count == wishes.count, "every wish has its order")
        for invoice in world.allInvoices() where invoice.status == .open && !random.oneIn(3) {
            try world.pay(invoice.id)
        }
        #expect(await scene.server.settleWebhooks(timeoutSeconds: 60))
        let end = try await running.signal(SIGTERM)
        #expect(end.status == 0, "\(end.talk)")
        // What was made in this very second is not in a run's period.
        try await Task.sleep(for: .seconds(2))
        let killed = try scene.program.start("run", Scene.job)
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...300, using: &random)))
        _ = try await killed.signal(SIGKILL)
        // The first ends what was begun, with the period that it had; the second looks at everything.
        let rest = try await scene.program.run("run", Scene.job)
        #expect(rest.status == 0 || rest.status == 2, "\(rest.everything)")
        let run = try await scene.program.run("run", Scene.job)
        #expect(run.status == 0, "\(run.everything)")
        #expect(try await scene.faults(orders: wishes.count) == [])
        #expect(!run.everything.contains("CANARY") && !end.everything.contains("CANARY"))
    }
}

extension LiveScene {
    fileprivate func random(_ random: inout Seeded) -> Int64 { random.pick(Self.agencies) }
}
