import Curl
import Foundation
import Glibc
import Sandbox
import Support
import Testing

/// What an engineer tries by hand around the live side.
@Suite("Commands around serve and schedule", .serialized)
struct LiveCommandTests {
    @Test(
        "a daemon waits for a database that is away, says so, and begins when it is there",
        arguments: ["schedule", "work"])
    func waits(_ command: String) async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            // A socket that is not there yet, and then leads to the server.
            let folder = scene.folder.path + "/socket"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let url = try #require(scene.program.environment["DATABASE_URL"])
            var parts = try #require(URLComponents(string: url))
            parts.queryItems = parts.queryItems?.map {
                $0.name == "host" ? URLQueryItem(name: "host", value: folder) : $0
            }
            let program = scene.program(["DATABASE_URL": try #require(parts.string)])

            let stopped = try program.start(command)
            try await stopped.wait(forTalk: "is waited for")
            let end = try await stopped.signal(SIGTERM)
            #expect(end.status == 0, "\(end.everything)")
            #expect(end.talk.contains("goes on by itself") && !end.talk.contains("run again"), "\(end.talk)")
            #expect(end.talk.contains("No such file or directory; Is the server running"), "\(end.talk)")

            let running = try program.start(command)
            try await running.wait(forTalk: "is waited for")
            let name = "/.s.PGSQL.\(scene.target.port ?? "5432")"
            #expect(symlink((scene.target.host ?? "") + name, folder + name) == 0)
            try await running.wait(forTalk: command == "work" ? "this is" : "with a schedule; this is")
            let result = try await running.signal(SIGTERM)
            #expect(result.status == 0 && result.talk.contains("the database is there"), "\(result.everything)")
        }
    }

    @Test("what waiting does not mend ends a daemon at once")
    func wrong() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let url = try #require(scene.program.environment["DATABASE_URL"])
            let database = scene.target.database ?? ""
            let user = "user=\(scene.target.user ?? "")"
            for (wrong, words) in [
                (url.replacingOccurrences(of: "/\(database)?", with: "/no_such_database?"), "no_such_database"),
                (url.replacingOccurrences(of: user, with: "user=no_such_role"), "no_such_role"),
                ("no URL at all", "DATABASE_URL"),
            ] {
                let result = try await scene.program(["DATABASE_URL": wrong]).run("schedule")
                #expect(result.status == 1, "\(result.everything)")
                #expect(!result.talk.contains("is waited for"), "\(result.talk)")
                #expect(words == "DATABASE_URL" || result.talk.contains(words), "\(result.talk)")
            }
        }
    }

    @Test("check finds a replay job of whose account nothing is compared")
    func uncovered() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let settings = try scene.folder.text(of: "jobs/settings.yaml")
            try scene.folder.write(
                settings + "  medflyt: {secret_key_env: MEDFLYT_KEY, mode: test}\n", to: "jobs/settings.yaml")
            try scene.folder.write(
                "kind: replay\naccounts: [task_health, medflyt]\nevents: [invoice.paid]\n", to: "jobs/again.yaml")
            let bad = try await scene.program.run("check")
            #expect(bad.status == 1 && bad.output.contains("BAD  jobs/again.yaml: no reconcile job compares"))
            #expect(bad.output.contains("notices of medflyt,"), "\(bad.output)")
            try scene.folder.write(
                "kind: replay\naccount: task_health\nevents: [invoice.paid]\n", to: "jobs/again.yaml")
            #expect(try await scene.program.run("check").status == 0)
        }
    }

    @Test("check --online says what is known of webhooks: their secret, and where Stripe sends them")
    func webhooks() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let bare = try await scene.program.run("check", "--online")
            #expect(bare.status == 0, "\(bare.everything)")
            #expect(bare.output.contains("note webhooks of task_health: settings.yaml names no webhook_secret_env"))
            let settings = Scene.settings(scene.server.url).replacingOccurrences(
                of: "    mode: test\n", with: "    mode: test\n    webhook_secret_env: WEBHOOK_SECRET\n")
            try scene.folder.write(settings, to: "jobs/settings.yaml")
            let unset = try await scene.program.run("check", "--online")
            #expect(unset.output.contains("WEBHOOK_SECRET is not set: trueup serve refuses"), "\(unset.output)")
            let program = scene.program(["WEBHOOK_SECRET": "whsec_CANARY0123456789"])
            let none = try await program.run("check", "--online")
            #expect(none.output.contains("1 signing secret set (WEBHOOK_SECRET)"), "\(none.output)")
            #expect(none.output.contains("no endpoint whose URL ends with /stripe/credits-webhook"), "\(none.output)")
            #expect(!none.everything.contains("CANARY"))
            let world = try scene.server.world(of: "task_health")
            let url = "http://127.0.0.1:9/behind/a/proxy/stripe/credits-webhook"
            try world.subscribe(SandboxWebhook(url: url, events: ["invoice.paid"]))
            let lacks = try await program.run("check", "--online")
            #expect(lacks.output.contains("endpoint \(url) lacks invoice.voided"), "\(lacks.output)")
            try world.subscribe(SandboxWebhook(url: url, events: ["*"]))
            let whole = try await program.run("check", "--online")
            #expect(whole.output.contains("Stripe sends invoice.paid, invoice.voided to \(url)"), "\(whole.output)")
            #expect(whole.status == 0)
        }
    }

    @Test("the stand-in's clock goes on; with --now it stands still", arguments: [false, true])
    func clock(_ isFixed: Bool) async throws {
        let folder = try TemporaryFolder()
        let output = folder.path + "/out"
        let program = Program(environment: [:], directory: folder.path)
        let running = try program.start(
            ["sandbox", "--port", "0", "--invoices", "0"] + (isFixed ? ["--now", "1700000000"] : []), output: output)
        try await running.wait(forTalk: "Ctrl-C stops")
        let url = try String(contentsOfFile: output, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let http = HTTPClient()
        func created() async throws -> Int64 {
            struct Customer: Decodable {
                var created: Int64
            }
            let response = try await http.send(
                HTTPRequest(
                    .post, url: url + "/v1/customers", headers: [("Authorization", "Bearer sk_test_sandbox_default")],
                    body: Array("name=A".utf8)))
            return try JSONDecoder().decode(Customer.self, from: Data(response.body.text.utf8)).created
        }
        let first = try await created()
        let start = ContinuousClock.now
        var last = first
        // Long enough for a clock that runs; one that stands still is looked at for three seconds.
        let limit = start + .seconds(isFixed ? 3 : 60)
        while last < first + 2, ContinuousClock.now < limit {
            try await Task.sleep(for: .milliseconds(100))
            last = try await created()
        }
        #expect(isFixed ? (first, last) == (1_700_000_000, 1_700_000_000) : last >= first + 2, "\(first), \(last)")
        await http.close()
        #expect(try await running.signal(SIGINT).status == 0)
    }

    @Test("check --online names packages that are active and cannot be sold")
    func packages() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let whole = try await scene.program.run("check", "--online")
            #expect(whole.status == 0 && !whole.output.contains("note packages"), "\(whole.everything)")
            let made = try await scene.program.run(
                "db", "psql", "--", "-c",
                "INSERT INTO task_credit_order_options (id, credits, price_cents, active) VALUES (990, 10, 5, true)")
            #expect(made.status == 0, "\(made.talk)")
            let found = try await scene.program.run("check", "--online")
            #expect(found.output.contains("note packages: package 990 is active and is not offered"), "\(found.output)")
            #expect(found.status == 0)
        }
    }

    @Test("the stand-in posts signed events, again after a failure, and sums them up")
    func sandbox() async throws {
        let receiver = try ScriptedServer { request in
            let status = request.number == 0 ? "500 No" : "200 OK"
            return [.send("HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), .close]
        }
        defer { receiver.stop() }
        let folder = try TemporaryFolder()
        let output = folder.path + "/out"
        let program = Program(environment: ["OTHER": "whsec_other"], directory: folder.path)
        let running = try program.start(
            [
                "sandbox", "--port", "0", "--invoices", "0", "--webhooks", receiver.url,
                "--webhook-secret-env", "medflyt=OTHER",
            ], output: output)
        try await running.wait(forTalk: "Ctrl-C stops")
        #expect(running.talk.contains("/stripe/credits-webhook, signed with whsec_sandbox_task_health."))
        #expect(running.talk.contains("/stripe/webhook, signed with the secret in OTHER."))
        let url = try String(contentsOfFile: output, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let http = HTTPClient()
        func post(_ path: String, _ form: String) async throws -> [String: Any] {
            let response = try await http.send(
                HTTPRequest(
                    .post, url: url + path,
                    headers: [
                        ("Authorization", "Bearer sk_test_sandbox_task_health"),
                        ("Content-Type", "application/x-www-form-urlencoded"),
                    ], body: Array(form.utf8)))
            #expect(response.status == 200, "\(response.body.text)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(response.body.text.utf8)) as? [String: Any])
        }
        let customer = try #require(try await post("/v1/customers", "name=Seven")["id"] as? String)
        let invoice = try #require(
            try await post(
                "/v1/invoices",
                "customer=\(customer)&auto_advance=false&collection_method=send_invoice&days_until_due=30")["id"]
                as? String)
        _ = try await post("/v1/invoiceitems", "customer=\(customer)&invoice=\(invoice)&amount=20000&currency=usd")
        _ = try await post("/v1/invoices/\(invoice)/finalize", "auto_advance=false")
        _ = try await post("/v1/invoices/\(invoice)/pay", "paid_out_of_band=true")
        await http.close()
        let end = ContinuousClock.now + .seconds(60)
        while receiver.requests.count < 2, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
        let requests = receiver.requests
        #expect(requests.map(\.target) == Array(repeating: "/stripe/credits-webhook", count: 2))
        for request in requests {
            #expect(request.body.contains("invoice.paid") && request.body.contains(invoice))
            let header = request.headers["stripe-signature"] ?? ""
            let seconds = Int64(header.split(separator: ",").first?.dropFirst(2) ?? "") ?? 0
            let expected = SandboxWebhook.signature(
                of: request.bytes, secret: "whsec_sandbox_task_health", seconds: seconds)
            #expect(header == expected)
        }
        let result = try await running.signal(SIGINT)
        #expect(result.status == 0, "\(result.talk)")
        #expect(result.talk.contains("Webhooks: 1 answered 2xx, 1 otherwise"), "\(result.talk)")
        for wrong in [
            ["--webhook-fault", "drop=0.1"], ["--webhooks", "http://127.0.0.1:1", "--webhook-fault", "drop"],
            ["--webhooks", "http://127.0.0.1:1", "--webhook-secret-env", "nobody=X"],
        ] {
            #expect(try await program.run(["sandbox"] + wrong).status == 64, "\(wrong)")
        }
    }
}
