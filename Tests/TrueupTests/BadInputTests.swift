import Foundation
import PostgreSQL
import Sandbox
import Support
import Testing

/// One way to go wrong, and what the program must say of it.
struct BadInput: Sendable, CustomTestStringConvertible {
    let name: String
    var arguments = ["run", Scene.job]
    /// Replaced in the settings.
    var settings: (String, String)?
    /// Replaced in the job file.
    var jobFile: (String, String)?
    var environment: [String: String] = [:]
    var code: Int32 = 1
    let words: [String]

    var testDescription: String { name }

    static let all: [BadInput] = files + keys + databases

    private static let files = [
        BadInput(name: "no directory", arguments: ["check", "--jobs", "nowhere"], words: ["nowhere", "--jobs"]),
        BadInput(
            name: "malformed YAML", arguments: ["check"], settings: ("accounts:", "accounts: ["),
            words: ["jobs/settings.yaml:", "not valid YAML"]),
        BadInput(
            name: "an unknown key", arguments: ["check"], jobFile: ("stale_after", "stael_after"),
            words: ["jobs/credit-invoices.yaml:14:1", "unknown key \"stael_after\"", "did you mean \"stale_after\""]),
        BadInput(
            name: "a key in YAML", arguments: ["check"],
            settings: ("TASK_HEALTH_STRIPE_SECRET_KEY", "sk_live_CANARYinYAML1234567890"),
            words: ["jobs/settings.yaml:3:", "looks like a secret"]),
        BadInput(
            name: "an unknown account", arguments: ["check"], jobFile: ("account: task_health", "account: taskhealth"),
            words: ["jobs/credit-invoices.yaml:3:10", "task_health"]),
        BadInput(
            name: "an unknown job", arguments: ["run", "credit-invoice"], code: 64,
            words: ["no job “credit-invoice”", "Did you mean credit-invoices?"]),
        BadInput(
            name: "a table that does not exist", jobFile: ("name: task_credit_stripe_invoice", "name: orders"),
            words: ["no table public.orders", "Name an existing one in the job's `table`"]),
        BadInput(
            name: "a column that does not exist", jobFile: ("amount_cents", "amount_cent"),
            words: ["amount_cent", "task_credit_stripe_invoice", "amount_cents"]),
        BadInput(
            name: "a column of another type", jobFile: ("amount: amount_cents", "amount: hosted_invoice_url"),
            words: ["hosted_invoice_url", "text", "bigint"]),
    ]

    private static let keys = [
        BadInput(
            name: "no key", environment: ["TASK_HEALTH_STRIPE_SECRET_KEY": ""],
            words: ["TASK_HEALTH_STRIPE_SECRET_KEY is not set", "TASK_HEALTH_STRIPE_SECRET_KEY_FILE"]),
        BadInput(
            name: "a wrong key", environment: ["TASK_HEALTH_STRIPE_SECRET_KEY": "sk_test_CANARYwrong99"],
            words: ["task_health", "not accepted", "Check the key"]),
        BadInput(
            name: "a publishable key", environment: ["TASK_HEALTH_STRIPE_SECRET_KEY": "pk_test_CANARYpk99"],
            words: ["publishable key"]),
        BadInput(
            name: "a key of the wrong mode", settings: ("mode: test", "mode: live"),
            words: ["wrong mode", "nothing was read"]),
        BadInput(
            name: "a key of another account", settings: ("mode: test", "account_id: acct_1Other\n    mode: test"),
            words: ["wrong account", "acct_1Other", "acct_1QnTaskHlthCredit", "nothing was read"]),
        BadInput(
            name: "a live key without a database",
            settings: ("mode: test", "mode: live"),
            environment: ["TASK_HEALTH_STRIPE_SECRET_KEY": "sk_live_CANARYlive123456", "DATABASE_URL": ""],
            words: ["live Stripe key", "DATABASE_URL", "--embedded"]),
        BadInput(
            name: "a key file that is not there",
            environment: [
                "TASK_HEALTH_STRIPE_SECRET_KEY": "", "TASK_HEALTH_STRIPE_SECRET_KEY_FILE": "/nonexistent/key",
            ], words: ["TASK_HEALTH_STRIPE_SECRET_KEY_FILE", "/nonexistent/key"]),
        BadInput(
            name: "nobody at the address",
            settings: ("api_base: \"http://127.0.0.1:", "api_base: \"http://127.0.0.1:1\" #"),
            words: ["could not connect", "127.0.0.1:1"]),
    ]

    private static let databases = [
        BadInput(
            name: "a server that is not there",
            environment: ["DATABASE_URL": "postgresql://u:CANARYpassword77@127.0.0.1:1/x"],
            words: ["no connection to PostgreSQL", "Connection refused", "Check DATABASE_URL"]),
        BadInput(
            name: "a host that is not there",
            environment: ["DATABASE_URL": "postgresql://u:CANARYpassword77@nowhere.invalid/x"],
            words: ["nowhere.invalid", "Check DATABASE_URL"]),
        BadInput(
            name: "no connection string", environment: ["DATABASE_URL": "mysql://u:CANARYpassword77@h/x"],
            words: ["connection string is malformed"]),
        BadInput(
            name: "no server binaries", environment: ["DATABASE_URL": "", "TRUEUP_PG_BIN": "/nonexistent"],
            words: ["no PostgreSQL 15", "/nonexistent", "apt-get install postgresql-15", "TRUEUP_PG_BIN"]),
        BadInput(
            name: "a data directory that cannot be made", arguments: ["runs", "--data-dir", "/proc/trueup"],
            environment: ["DATABASE_URL": ""], words: ["/proc/trueup", "--data-dir"]),
    ]
}

@Suite("Bad input")
struct BadInputTests {
    @Test("is refused with what, where and what to do next, and has no effect", arguments: BadInput.all)
    func refused(_ bad: BadInput) async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            if let (old, new) = bad.settings {
                let text = Scene.settings(scene.server.url).replacingOccurrences(of: old, with: new)
                try scene.folder.write(text, to: "jobs/settings.yaml")
            }
            if let (old, new) = bad.jobFile {
                try scene.folder.write(
                    Scene.jobFile.replacingOccurrences(of: old, with: new), to: "jobs/\(Scene.job).yaml")
            }
            let before = try await scene.state()
            let result = try await scene.program(bad.environment).run(bad.arguments)
            #expect(result.status == bad.code, "\(result.talk)")
            #expect(result.output.isEmpty)
            for word in bad.words { #expect(result.talk.contains(word), "\(word) is not in: \(result.talk)") }
            #expect(!result.everything.contains("CANARY"))
            #expect(!result.talk.contains("the statement was"))
            #expect(try await scene.state() == before)
            // It began nothing; that it could not begin may be in the history, in words without secrets.
            let wrong: Int64 = try await scene.value(
                "SELECT count(*) AS value FROM trueup.run WHERE state <> 'failed' OR problems::text LIKE '%CANARY%'")
            #expect(wrong == 0)
        }
    }

    @Test("all errors of all files come at once")
    func allAtOnce() async throws {
        let folder = try TemporaryFolder()
        try folder.write("accounts:\n  a: {secret_key_env: KEY, mdoe: test}\n", to: "jobs/settings.yaml")
        try folder.write("kind: reconcil\naccount: b\n", to: "jobs/one.yaml")
        try folder.write("kind: reconcile\nschedule: \"61 * * * *\"\n", to: "jobs/two.yaml")
        try folder.write("", to: "jobs/three.yaml")
        let result = try await Program(directory: folder.path).run("check")
        #expect(result.status == 1)
        try Golden.expect(result.talk, "check-errors")
    }

    @Test(
        "every command says that the database has no schema yet, and how to make it",
        arguments: [["runs"], ["findings"], ["findings", "show", "F-1"], ["run", Scene.job]])
    func noSchema(_ arguments: [String]) async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let empty = try await TestServer.emptyDatabase()
            let result = try await scene.program(["DATABASE_URL": "\(empty)"]).run(arguments)
            #expect(result.status == 1)
            #expect(result.talk == "trueup: This database has no schema trueup yet. Run: trueup db migrate\n")
        }
    }

    @Test("a role without rights is told which it needs")
    func noRights() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let role = "poor_\(scene.target.database ?? "")"
            let admin = try await Connection.open(scene.target, applicationName: "scene")
            try await admin.execute("CREATE ROLE \(role) LOGIN")
            await admin.close()
            let url = (scene.program.environment["DATABASE_URL"] ?? "").replacingOccurrences(
                of: "user=\(scene.target.user ?? "")", with: "user=\(role)")
            let result = try await scene.program(["DATABASE_URL": url]).run("runs")
            #expect(result.status == 1)
            #expect(result.talk.contains("permission denied"))
            #expect(result.talk.contains("USAGE on schema trueup"))
        }
    }

    @Test("answers that are HTML are an error of whoever sits in between")
    func html() async throws {
        try await Scene.with(orders: 60, plants: [:], faults: SandboxFaults(rates: [.html: 1])) { scene in
            let result = try await scene.program.run("run", Scene.job)
            #expect(result.status == 1)
            #expect(result.talk.contains("does not come from Stripe's API"))
            #expect(result.talk.contains("Check api_base"))
        }
    }

    @Test("a run that cannot read everything is incomplete: code 3, nothing compared")
    func incomplete() async throws {
        let failing = SandboxFaults(
            scripts: (1...60).map { .init(.html, occurrence: $0, pathContains: "/v1/invoices") })
        try await Scene.with(faults: failing) { scene in
            let before = try await scene.state()
            let result = try await scene.program.run("run", Scene.job)
            #expect(result.status == 3)
            #expect(result.output.contains("INCOMPLETE"))
            #expect(try await scene.state() == before)
            try Golden.expect(result.output, "run-incomplete")
        }
    }
}
