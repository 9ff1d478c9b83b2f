import Foundation
import Jobs
import Reconciliation
import Schedule
import Testing

@Suite("job files become definitions")
struct DefinitionTests {
    /// The directory is deleted with the value, after the load.
    static func load(_ text: String, settings: String = Files.settings) throws -> JobSet {
        let files = try Files(["job.yaml": text], settings: settings)
        return try JobFiles.load(directory: files.path)
    }

    static func job(_ text: String) throws -> JobDefinition {
        try #require(try load(text).job(named: "job"))
    }

    @Test("a reconcile job with every key")
    func reconcile() throws {
        let job = try Self.job(
            """
            description: Repairs.
            kind: reconcile
            accounts: [medflyt]
            object: invoice
            look_back: 2w
            settle: 90s
            table:
              schema: billing
              name: "Orders"
              columns: {key: order_id, id: stripe_id, amount: amount, currency: currency, paid: paid, paid_at: paid_on,
                cancelled_at: cancelled, created_at: made, credits: credits, agency_id: agency}
            on: {missed_paid: review, overdue: ignore}
            stale_after: 36h
            limits: {max_repairs: 7, max_repair_share: 1, share_floor: 3}
            schedule: "15 2 * * *"
            time_zone: America/New_York
            on_overlap: queue
            catch_up: {all: 7}
            start_deadline: 1h
            timeout: 30m
            jitter: 10s
            retry: {attempts: 5, backoff: 1m}
            notify: {on: [success], email: [a@example.com], ping_url_env: PING}
            """)
        guard case .reconcile(let reconcile) = job.kind else {
            Issue.record("\(job.kind)")
            return
        }
        #expect(reconcile.accounts == ["medflyt"])
        #expect(reconcile.lookBackSeconds == 14 * 86_400 && reconcile.settleSeconds == 90)
        #expect(reconcile.table.schema == "billing" && reconcile.table.name == "Orders")
        #expect(reconcile.table.columns[.key] == "order_id" && reconcile.table.columns[.paidAt] == "paid_on")
        #expect(reconcile.table.columns.count == 10 && reconcile.table.columns[.status] == nil)
        #expect(reconcile.on == [.missedPaid: .review, .overdue: .ignore])
        #expect(reconcile.action(for: .missedVoid) == .apply && reconcile.action(for: .missedPaid) == .review)
        #expect(reconcile.staleAfterSeconds == 36 * 3600)
        #expect(reconcile.limits == RepairLimits(maxRepairs: 7, maxRepairShare: 1, shareFloor: 3))
        #expect(job.description == "Repairs." && job.schedule == "15 2 * * *" && job.timeZone == "America/New_York")
        let from = try #require(ISOTime.seconds("2026-07-01T00:00:00Z"))
        #expect(job.expression?.next(after: from, in: job.zone) == ISOTime.seconds("2026-07-01T06:15:00Z"))
        #expect(job.onOverlap == .queue && job.catchUp == .all(7))
        #expect(job.startDeadlineSeconds == 3600 && job.timeoutSeconds == 1800 && job.jitterSeconds == 10)
        #expect(job.retry == RetryRule(attempts: 5, backoffSeconds: 60))
        #expect(job.notify == NotifyRule(on: [.success], email: ["a@example.com"], pingURLEnv: "PING"))
    }

    @Test("what a file leaves out has its default, the one of the Swift types")
    func defaults() throws {
        let job = try Self.job(Files.reconcile)
        guard case .reconcile(let reconcile) = job.kind else {
            Issue.record("\(job.kind)")
            return
        }
        #expect(reconcile == ReconcileJob(accounts: ["task_health"], table: reconcile.table))
        #expect(reconcile.table.schema == "public" && reconcile.table.columns[.key] == "id")
        let plain = JobDefinition(name: "job", path: job.path, hash: job.hash, kind: job.kind)
        #expect(job == plain)
        let notify = try Self.job(Files.reconcile + "\nnotify: {email: [a@b.c]}\n").notify
        #expect(notify.on == [.failure, .drift, .missed])
        #expect(try Self.job("kind: expire\naccount: default\n").kind == .expire(ExpireJob(accounts: ["default"])))
        #expect(
            try Self.job("kind: replay\naccount: default\nevents: [invoice.paid]\n").kind
                == .replay(ReplayJob(accounts: ["default"], events: ["invoice.paid"])))
        #expect(try Self.job("kind: report\nreport: balance\n").kind == .report(ReportJob(report: .balance)))
    }

    @Test("a report job with every key")
    func report() throws {
        let job = try Self.job(
            """
            kind: report
            report: balance
            accounts: [task_health]
            time_zone: Europe/Berlin
            cut_off: {at: 06:30}
            history_from: 2026-03-01
            formats: [csv]
            deliver: {email: [finance@example.com], directory: true, when: always}
            tolerance: {credits: 5}
            """)
        #expect(
            job.kind
                == .report(
                    ReportJob(
                        report: .balance, accounts: ["task_health"],
                        cutOff: CutOff(hour: 6, minute: 30, timeZone: "Europe/Berlin"),
                        historyFrom: CivilDate(year: 2026, month: 3, day: 1), formats: [.csv],
                        deliver: DeliverRule(email: ["finance@example.com"], directory: true, when: .always),
                        toleranceCredits: 5)))
    }

    @Test("settings with every key, and their defaults")
    func settings() throws {
        let set = try Self.load(
            Files.reconcile,
            settings: """
                accounts:
                  task_health:
                    secret_key_env: K
                    webhook_secret_env: W
                    webhook_secret_other_env: W2
                    mode: test
                    account_id: acct_123
                    api_version: 2026-07-29.dahlia
                    api_base: http://127.0.0.1:12111/
                    rate: {per_second: 25, per_endpoint: 10, share: 0.5}
                  plain: {secret_key_env: P}
                database: {url_env: PG}
                delivery:
                  email: {url_env: MAIL, from: a@example.com}
                  slack: {}
                  directory: {path: out/reports}
                """)
        #expect(
            set.settings
                == Settings(
                    accounts: [
                        AccountSettings(
                            name: "task_health", secretKeyEnv: "K", webhookSecretEnv: "W", webhookSecretOtherEnv: "W2",
                            mode: .test, accountID: "acct_123", apiVersion: "2026-07-29.dahlia",
                            apiBase: "http://127.0.0.1:12111",
                            rate: RateSettings(perSecond: 25, perEndpoint: 10, share: 0.5)),
                        AccountSettings(name: "plain", secretKeyEnv: "P"),
                    ], databaseURLEnv: "PG",
                    delivery: DeliverySettings(
                        email: EmailDelivery(urlEnv: "MAIL", from: "a@example.com"), slack: SlackDelivery(),
                        directory: DirectoryDelivery(path: "out/reports"))))
    }

    @Test(
        "an API address is https, or http on this machine",
        arguments: [
            ("https://api.stripe.com", true), ("https://api.stripe.com:8443", true), ("http://127.0.0.1:9", true),
            ("http://localhost:9", true), ("http://[::1]:9", true), ("http://api.stripe.com", false),
            ("http://127.0.0.1.evil.example", false), ("http://localhost.evil.example", false),
            ("https://api.stripe.com/v1", false), ("ftp://127.0.0.1", false), ("https://", false),
            ("https://a@b", false), ("http://127.0.0.1:99999", false), ("http://0x7f.1", false),
        ])
    func apiBase(_ row: (String, Bool)) throws {
        let settings = "accounts: {task_health: {secret_key_env: K, api_base: '\(row.0)'}}\n"
        #expect(try Files(settings: settings).errors().isEmpty == row.1)
    }

    @Test("line ends of Windows and a byte order mark change nothing but the hash")
    func windows() throws {
        let plain = try Self.job(Files.reconcile)
        let text = "\u{FEFF}" + Files.reconcile.replacingOccurrences(of: "\n", with: "\r\n")
        let other = try Self.job(text)
        #expect(other.kind == plain.kind)
        #expect(other.hash != plain.hash)
        let errors = try Files(["job.yaml": text + "\r\ntabel: x\r\n"]).errors()
        #expect(errors.count == 1 && errors[0].hasPrefix("job.yaml:7:1: unknown key \"tabel\""))
    }

    @Test("small anchors are allowed")
    func anchors() throws {
        let job = try Self.job("kind: expire\naccounts: &a [default]\nnotify: {email: [&m a@b.c]}\ndescription: *m\n")
        #expect(job.description == "a@b.c")
    }

    @Test("after a job that starts by hand alone, nothing waits: a warning with its place")
    func afterByHand() throws {
        let hand = Files.reconcile
        let nightly = hand + "\nschedule: \"15 2 * * *\"\n"
        let files = try Files([
            "hand.yaml": hand, "nightly.yaml": nightly, "chained.yaml": hand + "\nafter: [nightly]\n",
            "report.yaml": hand + "\nschedule: \"0 4 * * *\"\nafter:\n  - nightly\n  - hand\n  - chained\n",
        ])
        let warnings = try JobFiles.load(directory: files.path).warnings
        #expect(warnings.count == 1)
        let warning = try #require(warnings.first)
        #expect(warning.file == files.path + "/report.yaml" && warning.line == 10 && warning.column == 5)
        #expect(warning.message.hasPrefix("\"after\" names \"hand\", which has neither \"schedule\" nor \"after\""))
        #expect(warning.sourceLine == "  - hand")
    }

    @Test("a job without a schedule, after none that has times, never runs by itself: the warning says so")
    func neverByItself() throws {
        let hand = Files.reconcile
        let files = try Files([
            "hand.yaml": hand, "alone.yaml": hand + "\nafter: [hand]\n", "chained.yaml": hand + "\nafter: [alone]\n",
            "nightly.yaml": hand + "\nschedule: \"15 2 * * *\"\n",
            "report.yaml": hand + "\nafter: [hand, chained, nightly]\n",
        ])
        let warnings = try JobFiles.load(directory: files.path).warnings
        let never = warnings.filter { $0.message.hasSuffix("never runs by itself") }.map(\.file)
        #expect(never.sorted() == ["alone", "chained"].map { files.path + "/\($0).yaml" })
        #expect(warnings.count == 3 && warnings.contains { $0.file == files.path + "/report.yaml" })
        // What is not read here may have times.
        #expect(try JobFiles.load(directory: files.path, only: ["chained", "hand"]).warnings.isEmpty)
    }

    @Test("a step that is larger than its field is a warning")
    func warning() throws {
        let set = try Self.load(Files.reconcile + "\nschedule: \"*/90 * * * *\"\n")
        #expect(set.warnings.map(\.line) == [7])
        #expect(set.warnings.first?.message.contains("fires on the first value only") == true)
    }

    @Test(
        "the hash is SHA-256",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
            ),
        ])
    func hashes(_ row: (String, String)) {
        #expect(SHA256.hex(Array(row.0.utf8)) == row.1)
    }
}
