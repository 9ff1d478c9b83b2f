import Foundation
import Glibc
import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("trueup serve", .serialized)
struct ServeTests {
    private static let secret = "whsec_CANARYsecret0123"

    /// A scene whose account has a signing secret, and the program that knows it.
    private func with(orders: Int = 300, _ body: (Scene, Program) async throws -> Void) async throws {
        try await Scene.with(orders: orders, plants: [:]) { scene in
            let settings = Scene.settings(scene.server.url).replacingOccurrences(
                of: "    mode: test\n", with: "    mode: test\n    webhook_secret_env: WEBHOOK_SECRET\n")
            try scene.folder.write(settings, to: "jobs/settings.yaml")
            try await body(scene, scene.program(["WEBHOOK_SECRET": Self.secret]))
        }
    }

    /// Starts the service and waits until it says where it is.
    private func start(_ program: Program, port: Int = 0) async throws -> (running: Running, port: Int) {
        let running = try program.start("serve", "--listen", "127.0.0.1:\(port)")
        do {
            try await running.wait(forTalk: "serving at http://127.0.0.1:")
            let talk = running.talk
            let start = try #require(talk.range(of: "serving at http://127.0.0.1:")).upperBound
            return (running, try #require(Int(talk[start...].prefix { $0.isNumber })))
        } catch {
            _ = try await running.signal(SIGKILL)
            throw error
        }
    }

    /// Orders that wait for their payment, as the history has them.
    private func open(_ scene: Scene) -> [CreditOrder] {
        scene.history.orders.filter { order in
            order.plant == nil && order.invoice?.status == .open && order.row?.stripeInvoiceID != nil
        }
    }

    @Test("killed again and again while webhooks come twice, late and in another order, every payment is granted once")
    func killed() async throws {
        // One in a hundred waits for its payment.
        try await with(orders: 6_000) { scene, program in
            let world = try scene.server.world(of: "task_health")
            let orders = open(scene).prefix(60)
            try #require(orders.count > 20)
            let sum = "SELECT coalesce(sum(balance), 0)::bigint AS value FROM task_credit_agency_balance"
            let before = try await scene.value(sum, as: Int64.self)
            var (running, port) = try await start(program)
            try world.subscribe(
                SandboxWebhook(
                    url: "http://127.0.0.1:\(port)/stripe/credits-webhook", events: ["invoice.paid"],
                    secret: Self.secret,
                    policy: SandboxDeliveryPolicy(
                        seed: 5, duplicateRate: 0.2, delayRate: 0.2, reorderRate: 0.1, lostAnswerRate: 0.2,
                        retryMilliseconds: Array(repeating: 250, count: 200))))
            for (index, order) in orders.enumerated() {
                try world.pay(try #require(order.invoice).id)
                guard index % 12 == 7 else { continue }
                // Somewhere between the first byte and the answer.
                try await Task.sleep(for: .milliseconds(index))
                let result = try await running.signal(SIGKILL)
                #expect(result.status == -1 && !result.everything.contains("CANARY"))
                (running, _) = try await start(program, port: port)
            }
            #expect(await world.settleWebhooks(timeoutSeconds: 100))
            let result = try await running.signal(SIGTERM)
            #expect(result.status == 0 && result.talk.contains("stopped"), "\(result.talk.suffix(500))")
            #expect(!result.everything.contains("CANARY"))
            let granted = try await scene.value(sum, as: Int64.self) - before
            #expect(granted == orders.reduce(0) { $0 + $1.credits })
            let remembered = try await scene.value(
                "SELECT count(*) AS value FROM trueup.webhook_event WHERE outcome = 'done'", as: Int64.self)
            #expect(remembered == Int64(orders.count))
            // The night watch has nothing to add.
            let night = try await scene.program.run("run", Scene.job, "--json")
            #expect(!night.output.contains("missed_paid"), "\(night.output)")
        }
    }

    @Test("told to stop in the middle of a webhook, it commits, answers and ends in order")
    func stopped() async throws {
        try await with(orders: 6_000) { scene, program in
            let world = try scene.server.world(of: "task_health")
            let order = try #require(open(scene).first)
            let invoice = try #require(order.invoice).id
            let (running, port) = try await start(program)
            try world.subscribe(
                SandboxWebhook(
                    url: "http://127.0.0.1:\(port)/stripe/credits-webhook", events: ["invoice.paid"],
                    secret: Self.secret, policy: SandboxDeliveryPolicy(retryMilliseconds: [])))
            let connection = try await Connection.open(scene.target, applicationName: "holds the row")
            try await connection.transaction { connection in
                try await connection.execute(
                    "SELECT FROM task_credit_stripe_invoice WHERE id = $1 FOR UPDATE", order.orderID)
                try world.pay(invoice)
                try await scene.wait(
                    until: """
                        EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                            AND application_name = 'trueup serve webhooks' AND wait_event_type = 'Lock')
                        """)
                kill(running.processID, SIGTERM)
            }
            await connection.close()
            let result = try await running.result()
            #expect(result.status == 0 && result.talk.contains("stopped"), "\(result.talk.suffix(500))")
            #expect(await world.settleWebhooks())
            #expect(world.deliveries.map(\.status) == [200], "\(world.deliveries)")
            #expect(
                try await scene.value(
                    "SELECT paid AS value FROM task_credit_stripe_invoice WHERE id = \(order.orderID)", as: Bool.self))
        }
    }

    @Test("with the key of another account than runs have known under the name it does not begin")
    func swapped() async throws {
        try await with { scene, program in
            try await scene.execute(
                "INSERT INTO trueup.account (name, account_id) VALUES ('task_health', 'acct_1Other')")
            let result = try await program.run("serve", "--listen", "127.0.0.1:0")
            #expect(result.status == 1, "\(result.talk)")
            #expect(result.talk.contains("until now task_health was acct_1Other"), "\(result.talk)")
            #expect(!result.talk.contains("serving at"), "\(result.talk)")
        }
    }

    @Test("a token is shown once, listed without its secret, and revoked")
    func tokens() async throws {
        try await with { scene, program in
            let made = try await program.run("token", "create", "portal", "--agency", "3", "--agency", "4")
            #expect(made.status == 0)
            let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(token.hasPrefix("trueup_1_") && token.count == 73, "\(token)")
            let list = try await program.run("token", "list")
            #expect(
                list.output.contains("1  portal  agencies 3, 4  valid") && !list.everything.contains(token.suffix(64)))
            #expect(try await program.run("token", "revoke", "1").status == 0)
            #expect(try await program.run("token", "revoke", "1").status == 1)
            #expect(try await program.run("token", "list").output.contains("revoked"))
            for wrong in [
                ["portal"], ["", "--status"], ["x", "--agency", "1", "--all-agencies"], ["x", "--agency", "0"],
            ] {
                #expect(try await program.run(["token", "create"] + wrong).status == 64, "\(wrong)")
            }
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.api_token", as: Int64.self) == 1)
        }
    }

    @Test("it does not start without a signing secret, on a bad address, or where it cannot listen, and says why")
    func refusals() async throws {
        try await with { scene, program in
            let none = try await scene.program.run("serve")
            #expect(none.status == 1 && none.talk.contains("WEBHOOK_SECRET"), "\(none.talk)")
            let settings = Scene.settings(scene.server.url).replacingOccurrences(
                of: "    mode: test\n", with: "    mode: test\n    webhook_secret_env: WEBHOOK_SECRET\n")
            try scene.folder.write(
                settings + "  other: {secret_key_env: OTHER_KEY, webhook_secret_env: OTHER_SECRET, mode: test}\n",
                to: "jobs/settings.yaml")
            try scene.folder.write(
                """
                kind: reconcile
                account: other
                object: payment_intent
                table:
                  name: agency_charge
                  columns: {id: stripe_payment_intent_id, amount: amount_cents, currency: currency, status: status}

                """, to: "jobs/other.yaml")
            let shared = try await scene.program([
                "WEBHOOK_SECRET": Self.secret, "OTHER_SECRET": Self.secret, "OTHER_KEY": Scene.key,
            ]).run("serve")
            #expect(
                shared.status == 1 && shared.talk.contains("have the same webhook signing secret"), "\(shared.talk)")
            try scene.folder.write(settings, to: "jobs/settings.yaml")
            try FileManager.default.removeItem(atPath: scene.folder.path + "/jobs/other.yaml")
            let address = try await program.run("serve", "--listen", "everywhere")
            #expect(address.status == 64)
            let (running, port) = try await start(program)
            let taken = try await program.run("serve", "--listen", "127.0.0.1:\(port)")
            #expect(taken.status == 1 && taken.talk.contains("\(port)"), "\(taken.talk)")
            // Its terminal went away: it stops in order, as for SIGTERM.
            let stopped = try await running.signal(SIGHUP)
            #expect(stopped.status == 0 && stopped.talk.contains("stopped"), "\(stopped.talk)")
            let document = try await program.run("serve", "--openapi")
            #expect(document.status == 0 && document.output.hasPrefix("{\"openapi\":\"3.1.0\""))
        }
    }
}
