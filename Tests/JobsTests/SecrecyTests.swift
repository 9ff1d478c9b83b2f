import Foundation
import Jobs
import Testing

@Suite("secrets and job files")
struct SecrecyTests {
    static let canary = "cAnArY0123456789"

    // By their number: a text of several lines would be printed as an argument of the test.
    private static let leaks = [
        "default: {secret_key_env: sk_live_CANARY}", "default: {secret_key_env: CANARY}",
        "default: {secret_key_env: A, password: CANARY}", "default: {secret_key_env: A, secret_key: CANARY}",
        "default: {secret_key_env: A, webhook_secret_env: whsec_CANARY}", "rk_test_CANARY: {secret_key_env: A}",
        "default: {secret_key_env: A} # sk_test_CANARY",
        "default: {secret_key_env: A} # whsec_CANARY", "default: {secret_key_env: A} # (rk_live_CANARY)",
        "default: {secret_key_env: A} # sk_live_CANARY", "default: {secret_key_env: A} # rk_test_CANARY",
        "default: {secret_key_env: A, token: \"CANARY x\"}",
        "default: {secret_key_env: [sk_live_CANARY]}", "default: {secret_key_env: A, mode: rk_live_CANARY}",
        "default: {secret_key_env: A, api_base: 'https://user:CANARY@api.stripe.com'}",
        "default: {secret_key_env: A, description: sk_live_CANARY, secret_key_env: B}",
        "default:\n    secret_key_env: |\n      sk_live_CANARY\n", "default: {secret_key_env: sk_live_CANARY",
    ]

    @Test("a secret in a file is refused, and no part of it is printed", arguments: leaks.indices)
    func refused(_ index: Int) throws {
        let line = Self.leaks[index]
        let text = "accounts:\n  " + line.replacingOccurrences(of: "CANARY", with: Self.canary) + "\n"
        let files = try Files(settings: text)
        let report = files.report()
        #expect(!report.isEmpty)
        #expect(!report.contains(Self.canary), "\(report)")
        #expect(!report.contains(Self.canary.prefix(8)), "\(report)")
        do {
            _ = try JobFiles.load(directory: files.path)
        } catch {
            #expect(!String(reflecting: error).contains(Self.canary))
        }
    }

    @Test(
        "a secret in a job file is refused, wherever it stands",
        arguments: [
            "account: sk_live_canary0123", "account: default\nschedule: \"* sk_live_canary0123 * * *\"",
            "account: default\ntime_zone: rk_test_canary0123", "account: default\nafter: [sk_live_canary0123]",
            "account: default\ndescription: 'the key is whsec_canary0123'", "account: default\nsk_live_canary0123: x",
            "account: default\non_overlap: sk_test_canary0123", "account: default\nretry: [sk_test_canary0123]",
            "account: default\nschedule: '@sk_live_canary0123'",
            "account: default\nstale_after: &sk_live_canary0123 7d",
        ])
    func refusedInJobs(_ text: String) throws {
        let files = try Files(["job.yaml": "kind: expire\n" + text + "\n"])
        do {
            _ = try JobFiles.load(directory: files.path)
            Issue.record("loaded")
        } catch {
            #expect(error.description.contains("this looks like a secret"))
            let secret = error.errors.first { $0.message.contains("this looks like a secret") }
            #expect(secret?.expected == "the name of an environment variable under a key that ends in _env")
            #expect(secret?.remedy == "Have its issuer replace it: it has been in a file.")
            #expect(error.description.contains("\n    Have its issuer replace it: "))
            #expect(!error.description.contains("canary"), "\(error)")
            #expect(!String(reflecting: error).contains("canary"), "\(String(reflecting: error))")
        }
    }

    @Test("a password in the database's URL is not printed")
    func url() throws {
        let files = try Files(settings: Files.settings + "\ndatabase: {url: postgres://trueup:\(Self.canary)@db/x}\n")
        #expect(files.report().contains("unknown key \"url\""))
        #expect(!files.report().contains(Self.canary))
    }

    @Test("names of variables, and words about keys, are no secrets")
    func innocent() throws {
        let settings = Files.settings + "\n# keys begin with sk_live_ or rk_live_, secrets with whsec_\n"
        #expect(try Files(settings: settings).errors() == [])
    }

    @Test("a secret comes from its variable, or from the file that NAME_FILE names")
    func sources() throws {
        let files = try Files(["key": "sk_test_file\n"])
        let path = files.path + "/key"
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(try Secrets.secret(named: "K", environment: ["K": "sk_test_value"]).expose() == "sk_test_value")
        #expect(try Secrets.secret(named: "K", environment: ["K_FILE": path]).expose() == "sk_test_file")
        #expect(try Secrets.secret(named: "K", environment: ["K": "", "K_FILE": path]).expose() == "sk_test_file")
        #expect(try Secrets.find("K", environment: ["K_FILE": path]).warnings == [])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let warnings = try Secrets.find("K", environment: ["K_FILE": path]).warnings
        #expect(warnings.count == 1 && warnings[0].contains("every user of this machine can read"))
    }

    @Test("a secret that cannot be had is an error without its value")
    func failures() throws {
        let files = try Files(["empty": "\n", "two": "a\nb\n"])
        try files.write(Data([0xFF, 0xFE, 0x00]), to: "binary")
        #expect(throws: SecretError.unset("K")) { try Secrets.secret(named: "K", environment: [:]) }
        #expect(throws: SecretError.empty("K")) { try Secrets.secret(named: "K", environment: ["K": ""]) }
        #expect(throws: SecretError.empty("K_FILE")) { try Secrets.secret(named: "K", environment: ["K_FILE": ""]) }
        #expect("\(SecretError.empty("K"))".contains("K is empty"))
        #expect(throws: SecretError.setTwice("K")) {
            try Secrets.secret(named: "K", environment: ["K": "a", "K_FILE": "b"])
        }
        #expect(throws: SecretError.hasWhitespace("K")) { try Secrets.secret(named: "K", environment: ["K": "a\n"]) }
        for name in ["missing", "empty", "two", "binary", ""] {
            let path = files.path + "/" + name
            #expect(throws: SecretError.self) { try Secrets.secret(named: "K", environment: ["K_FILE": path]) }
        }
        do {
            _ = try Secrets.secret(named: "K", environment: ["K": Self.canary + "\n"])
        } catch {
            #expect(!error.description.contains(Self.canary))
        }
    }
}
