import Foundation
import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("Changes at Stripe by hand")
struct StripeCommandTests {
    private struct Reply: Decodable {
        var format: String
        var account: String
        var mode: String
        var objects: [[String: Value]]

        enum Value: Decodable, Equatable {
            case text(String)
            case number(Int64)
            case none

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if container.decodeNil() {
                    self = .none
                } else if let number = try? container.decode(Int64.self) {
                    self = .number(number)
                } else {
                    self = .text(try container.decode(String.self))
                }
            }
        }

        func text(_ name: String) -> String? {
            if case .text(let text)? = objects.first?[name] { text } else { nil }
        }
    }

    private func reply(_ scene: Scene, _ words: String) async throws -> Reply {
        let arguments = ["stripe"] + words.split(separator: " ").map(String.init)
        let result = try await scene.program.run(arguments + ["--account", "task_health", "--json"])
        #expect(result.status == 0, "\(words): \(result.talk)")
        let reply = try JSONDecoder().decode(Reply.self, from: Data(result.output.utf8))
        #expect(reply.format == "trueup.stripe/1" && reply.account == "task_health" && reply.mode == "test")
        return reply
    }

    @Test("an invoice's whole life, a customer with a card, a bank account and a setup intent")
    func life() async throws {
        try await Scene.with(orders: 40, plants: [:]) { scene in
            let customer = try #require(
                try await reply(scene, "customer create --name Sunrise --email s@example.com").text("customer"))
            let create = "invoice create --customer \(customer) --amount 20000 --description Credits --key k1"
            let invoice = try #require(try await reply(scene, create).text("invoice"))
            let again = try await reply(scene, create)
            #expect(again.text("invoice") == invoice && again.objects[0]["total"] == .number(20_000), "once for a key")
            let larger = create.replacing("20000", with: "30000").split(separator: " ").map(String.init)
            let other = try await scene.program.run(["stripe"] + larger + ["--account", "task_health"])
            #expect(other.status == 1 && other.talk.contains("$200.00 before"), "\(other.everything)")
            #expect(try await reply(scene, "invoice finalize \(invoice)").text("status") == "open")
            #expect(try await reply(scene, "invoice send \(invoice)").text("status") == "open")
            let unpaid = try await scene.program.run("stripe", "invoice", "pay", invoice, "--account", "task_health")
            #expect(unpaid.status == 1 && unpaid.talk.contains("default_payment_method"), "\(unpaid.everything)")
            let card = try #require(
                try await reply(scene, "payment-method attach pm_card_visa --customer \(customer)")
                    .text("payment_method"))
            let main = try await reply(scene, "payment-method default \(card) --customer \(customer)")
            #expect(main.text("default_payment_method") == card)
            #expect(try await reply(scene, "invoice pay \(invoice)").text("status") == "paid")
            let second = create.replacing("k1", with: "k2")
            let next = try #require(try await reply(scene, second).text("invoice"))
            #expect(next != invoice)
            #expect(try await reply(scene, "invoice delete \(next)").text("status") == "deleted")
            let refused = try await scene.program.run(
                "stripe", "invoice", "void", invoice, "--account", "task_health")
            #expect(refused.status == 1 && refused.output.isEmpty && refused.talk.contains(invoice))
            let list = try await reply(scene, "payment-method list --customer \(customer)")
            #expect(list.text("words") == "visa ••4242, 8/2034" && list.text("default") == "yes")
            let bank = try await reply(scene, "payment-method bank --token btok_us_verified --customer \(customer)")
            #expect(bank.text("status") == "verified")
            let setup = try await reply(scene, "setup-intent --customer \(customer) --kind us_bank_account")
            #expect(setup.text("status") == "requires_payment_method")
            let uncovered = try await scene.program.run(
                "stripe", "charge", "--account", "task_health", "--agency", "1", "--amount", "500", "--description", "x"
            )
            #expect(uncovered.status == 1 && uncovered.talk.contains("no reconcile job compares charges"))
            #expect(uncovered.talk.contains("job files") && !uncovered.talk.contains("This version cannot"))
        }
    }

    @Test("a charge is code 0 only once the money is there; one on its way is 2, and says what settles it")
    func charges() async throws {
        try await Scene.with(orders: 40, plants: [:]) { scene in
            try scene.folder.write(
                """
                kind: reconcile
                account: task_health
                object: payment_intent
                table:
                  name: agency_charge
                  columns: {id: stripe_payment_intent_id, amount: amount_cents, currency: currency, status: status}

                """, to: "jobs/charges.yaml")
            let made = try await scene.program.run(
                "db", "psql", "--", "-c", "INSERT INTO agency (id, name) VALUES (777, 'New')")
            #expect(made.status == 0, "\(made.talk)")
            let customer = try #require(
                try await reply(scene, "customer create --name New --agency 777").text("customer"))
            let bare = try await scene.program.run([
                "stripe", "charge", "--agency", "777", "--amount", "500", "--description", "x", "--account",
                "task_health", "--jobs", "./jobs",
            ])
            let advice = "Set one: trueup stripe payment-method default --jobs ./jobs\n"
            #expect(bare.status == 1 && bare.talk.hasSuffix(advice), "\(bare.everything)")
            for (method, status, outcome, words) in [
                ("pm_card_visa", Int32(0), "succeeded", ""), ("pm_usBankAccount", 2, "processing", "on its way"),
                ("pm_card_threeDSecureRequired", 2, "requires_action", "No money came in"),
                ("pm_card_chargeCustomerFail", 2, "declined", "generic_decline"),
            ] {
                let attached = try #require(
                    try await reply(scene, "payment-method attach \(method) --customer \(customer)")
                        .text("payment_method"))
                _ = try await reply(scene, "payment-method default \(attached) --customer \(customer)")
                let result = try await scene.program.run([
                    "stripe", "charge", "--agency", "777", "--amount", "500", "--description", "x", "--account",
                    "task_health",
                ])
                #expect(result.status == status, "\(method): \(result.everything)")
                #expect(result.output.contains(outcome), "\(method): \(result.output)")
                #expect(words.isEmpty || result.output.contains(words), "\(method): \(result.output)")
                #expect(result.output.contains("nightly run") == ["processing", "requires_action"].contains(outcome))
            }
        }
    }

    @Test("the customer of an agency is written into its row, and a second one is refused")
    func agency() async throws {
        try await Scene.with(orders: 40, plants: [:]) { scene in
            let had: Int64 = try await scene.value(
                "SELECT min(id) AS value FROM agency WHERE \"taskHealthStripeCustomerId\" IS NOT NULL")
            let refused = try await scene.program.run(
                "stripe", "customer", "create", "--account", "task_health", "--name", "x", "--agency", "\(had)")
            #expect(refused.status == 1 && refused.talk.contains("already"))
            let made = try await scene.program.run(
                "db", "psql", "--", "-c", "INSERT INTO agency (id, name) VALUES (777, 'New')")
            #expect(made.status == 0, "\(made.talk)")
            let patients = try await scene.program.run(
                "stripe", "customer", "create", "--account", "default", "--name", "New", "--agency", "777")
            #expect(patients.status == 64 && patients.talk.contains("patients"), "\(patients.talk)")
            let customer = try await reply(scene, "customer create --name New --agency 777").text("customer")
            let stored: String? = try await scene.value(
                "SELECT \"taskHealthStripeCustomerId\" AS value FROM agency WHERE id = 777")
            #expect(customer != nil && stored == customer)
        }
    }

    @Test("with the key of another account than runs have known under the name, nothing is changed")
    func swapped() async throws {
        try await Scene.with(orders: 40, plants: [:]) { scene in
            let customer = try #require(try await reply(scene, "customer create --name Sunrise").text("customer"))
            try await scene.execute(
                "INSERT INTO trueup.account (name, account_id) VALUES ('task_health', 'acct_1Other')")
            func posts() -> Int {
                let requests = scene.server.statistics.accounts["task_health"]?.requests ?? [:]
                return requests.filter { $0.key.hasPrefix("POST") }.values.reduce(0, +)
            }
            let before = posts()
            try await scene.execute("INSERT INTO agency (id, name) VALUES (777, 'New')")
            for words in [
                "customer create --name Sunrise", "customer create --name New --agency 777",
                "setup-intent --customer \(customer)", "payment-method attach pm_card_visa --customer \(customer)",
                "invoice create --customer \(customer) --amount 20000 --description Credits", "invoice void in_1",
                "invoice delete in_1", "intent cancel pi_1",
            ] {
                let arguments = ["stripe"] + words.split(separator: " ").map(String.init)
                let result = try await scene.program.run(arguments + ["--account", "task_health"])
                #expect(
                    result.status == 1 && result.talk.contains("until now task_health was acct_1Other"),
                    "\(words): \(result.everything)")
            }
            #expect(posts() == before)
            let list = try await reply(scene, "payment-method list --customer \(customer)")
            #expect(list.objects.isEmpty, "what only reads goes on")
        }
    }

    @Test("the commands that an error advises lead to the same files and database")
    func advice() async throws {
        try await Scene.with(orders: 40, plants: [:]) { scene in
            func refused(_ words: String...) async throws -> String {
                let files = ["--account", "task_health", "--jobs", "./jobs"]
                let result = try await scene.program.run(["stripe"] + words + files)
                #expect(result.status == 1, "\(words): \(result.everything)")
                return result.talk
            }
            let charge = try await refused("charge", "--agency", "1", "--amount", "500", "--description", "x")
            #expect(charge.hasSuffix("or add such a job: see trueup check --jobs ./jobs.\n"), "\(charge)")
            try await scene.execute(
                "INSERT INTO trueup.account (name, account_id) VALUES ('task_health', 'acct_1Other')")
            let void = try await refused("invoice", "void", "in_1")
            #expect(void.contains("with: trueup db psql --jobs ./jobs -- -c \"DELETE FROM trueup.account"), "\(void)")
            let last = "(SELECT max(number) FROM trueup.migration)"
            try await scene.execute("DELETE FROM trueup.migration WHERE number = \(last)")
            let behind = try await refused("customer", "create", "--name", "x", "--agency", "1")
            #expect(behind.hasSuffix("Run: trueup db migrate --jobs ./jobs\n"), "\(behind)")
        }
    }

    @Test("every operation takes the same options, whether it has a row to write or not")
    func options() async throws {
        let commands = [
            "customer create", "setup-intent", "payment-method list", "payment-method attach", "payment-method default",
            "payment-method bank", "invoice create", "invoice finalize", "invoice send", "invoice void", "invoice pay",
            "invoice delete", "charge", "intent cancel",
        ]
        for command in commands {
            let words = ["stripe"] + command.split(separator: " ").map(String.init)
            let help = try await Program().run(words + ["--help"])
            for option in ["--account", "--yes-live", "--key", "--json", "--jobs", "--data-dir", "--embedded"] {
                let lines = help.output.split(separator: "\n").filter {
                    $0.drop(while: { $0 == " " }).hasPrefix(option + " ")
                }
                #expect(lines.count == 1, "\(command) \(option): \(help.output)")
            }
        }
    }

    @Test("the account is always explicit, and in live mode it is said twice")
    func confirmation() async throws {
        var account = SandboxAccount.taskHealth()
        account.secretKey = "sk_live_CANARYkey51HxQ2mPaSsWoRd"
        account.readOnlyKey = nil
        account.livemode = true
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [account], clockSeconds: Int64(Date().timeIntervalSince1970)))
        do {
            let folder = try TemporaryFolder()
            try folder.write(
                Scene.settings(server.url).replacing("mode: test", with: "mode: live"), to: "jobs/settings.yaml")
            let program = Program(
                environment: ["TASK_HEALTH_STRIPE_SECRET_KEY": account.secretKey], directory: folder.path)
            let create = ["stripe", "customer", "create", "--name", "x"]
            let cases: [([String], Int32, String)] = [
                ([], 64, "--account"), (["--account", "task_health"], 64, "--yes-live task_health"),
                (["--account", "task_health", "--yes-live", "medflyt"], 64, "--yes-live says medflyt"),
                (["--account", "nobody"], 1, "nobody"),
            ]
            for (arguments, status, word) in cases {
                let result = try await program.run(create + arguments)
                #expect(result.status == status && result.talk.contains(word), "\(arguments): \(result.talk)")
                #expect(!result.everything.contains("CANARY") && result.output.isEmpty)
            }
            // What is asked for is money, as a person reads it.
            let charge = ["stripe", "charge", "--agency", "7", "--amount", "123456", "--description", "x"]
            let asked = try await program.run(charge + ["--account", "task_health"])
            #expect(asked.status == 64 && asked.talk.contains("to charge $1,234.56 to agency 7."), "\(asked.talk)")
            #expect(server.statistics.accounts["task_health"]?.requests["POST /v1/customers"] == nil)
            // Whose the key is, only the database knows.
            let live = create + ["--account", "task_health", "--yes-live", "task_health"]
            let unknown = try await program.run(live)
            #expect(unknown.status == 1 && unknown.talk.contains("DATABASE_URL is not"), "\(unknown.talk)")
            #expect(server.statistics.accounts["task_health"]?.requests["POST /v1/customers"] == nil)
            let target = try await TestServer.database()
            var known = program
            known.environment["DATABASE_URL"] =
                "postgresql:///\(target.database ?? "")?host=\(target.host ?? "")&port=\(target.port ?? "5432")"
                + "&user=\(target.user ?? "postgres")"
            let done = try await known.run(live)
            #expect(done.status == 0 && done.output.contains("cus_"), "\(done.talk)")
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }
}
