import Foundation
import Jobs
import Testing

@Suite("errors in job files")
struct ErrorTests {
    /// Lines added to (or standing in place of) a valid reconcile job, and what is said about them.
    static let jobErrors: [(added: String, expected: String)] = [
        ("tabel: {}", "job.yaml:7:1: unknown key \"tabel\"; expected one of description, kind,"),
        ("tabel: {}", "did you mean \"table\"?"),
        ("look_back: 35", "job.yaml:7:12: \"look_back\" is \"35\"; expected a duration from 1s to 3660d"),
        ("look_back: 35", "did you mean \"35d\"?"),
        ("look_back: 35 d", "\"look_back\" is \"35 d\""),
        ("look_back: -1d", "\"look_back\" is \"-1d\""),
        ("look_back: 99999999999999d", "expected a duration"),
        ("look_back: 0s", "expected a duration from 1s to 3660d, such as 30s, 5m, 6h or 35d"),
        ("look_back: [35d]", "\"look_back\" is a list"),
        ("look_back:", "job.yaml:7:1: \"look_back\" is nothing"),
        ("look_back: 5m\nsettle: 5m", "is not longer than \"settle\", so nothing is ever read"),
        ("description: [a]", "\"description\" is a list; expected a text"),
        ("description: 5", "did you mean \"'5'\"?"),
        ("on: {missed_piad: apply}", "job.yaml:7:6: unknown key \"missed_piad\""),
        ("on: {missed_piad: apply}", "did you mean \"missed_paid\"?"),
        (
            "on: {missed_paid: aply}",
            "job.yaml:7:19: \"missed_paid\" is \"aply\"; expected one of apply, review, ignore"
        ),
        ("on: {missing_locally: apply}", "expected one of review, ignore (no repair of it is safe without a person)"),
        ("on: {stale_intent: apply}", "\"stale_intent\" never happens when invoices are compared with orders"),
        ("on: apply", "\"on\" is \"apply\"; expected a mapping"),
        ("limits: {max_repairs: -1}", "expected a whole number from 0 to 1000000"),
        ("limits: {max_repairs: \"5\"}", "expected a whole number from 0 to 1000000, without quotes"),
        ("limits: {max_repairs: 1.5}", "\"max_repairs\" is \"1.5\""),
        ("limits: {max_repair_share: 5%}", "\"max_repair_share\" is \"5%\"; expected a number from 0 to 1"),
        ("limits: {max_repair_share: .nan}", "expected a number from 0 to 1"),
        ("limits: {max_repair_share: .inf}", "expected a number from 0 to 1"),
        ("schedule: \"15 25 * * *\"", "job.yaml:7:15: \"schedule\": hour: \"25\": expected 0 to 23"),
        ("schedule: \"0 0 30 2 *\"", "no year has such a day, so the expression never fires"),
        ("schedule: * * * * *", "a value that begins with * must be in quotes"),
        ("schedule: \"@dayly\"", "did you mean \"@daily\"?"),
        ("time_zone: America/NewYork", "did you mean \"America/New_York\"?"),
        ("time_zone: ../../etc/passwd", "is not a time zone name"),
        ("on_overlap: wait", "expected one of skip, queue"),
        ("catch_up: lates", "did you mean \"latest\"?"),
        ("catch_up: last", "did you mean \"latest\"?"),
        ("catch_up: {all: 0}", "\"all\" is \"0\"; expected a whole number from 1 to 1000"),
        ("catch_up: {al: 7}", "the key \"all\" is missing"),
        ("retry: 3", "\"retry\" is \"3\"; expected a mapping"),
        (
            "notify: {on: [drfit]}",
            "\"on\" holds \"drfit\"; expected one of failure, drift, missed, success, fast; did you mean"
        ),
        ("notify: {email: [nobody]}", "\"email\" holds \"nobody\"; expected a mail address"),
        ("notify: {email: [\"a@b.c\\r\\nBcc: x@y.z\"]}", "expected a mail address"),
        ("notify: {slack: true}", "\"slack\" is asked for, and settings.yaml has no delivery.slack"),
        ("notify: {ping_url_env: https://hc.example/x}", "\"ping_url_env\" is a text that is not shown"),
        ("after: [job]", "\"after\" names the job itself"),
        ("after: [jbo2]", "there is no such job"),
        ("after: [jbo2]", "expected no \"after\": there is no other job"),
        ("after: []", "\"after\" has 0 elements"),
        ("accounts: [default]", "both \"account\" and \"accounts\" are given"),
        ("kind: expire", "duplicate key \"kind\"; it is already on line 1"),
        ("\"kind\": expire", "job.yaml:7:1: duplicate key \"kind\""),
        ("<<: {a: b}", "YAML's merge key << is not supported"),
        ("? [a]\n: b", "a list stands where a key should"),
        ("timeout: yes", "\"timeout\" is \"yes\""),
        ("\tretry: {}", "this line begins with a tab"),
        ("description: a: b", "a value with a colon and a space must be in quotes"),
        ("---\nkind: expire", "one file holds one job"),
        ("description: \"\\uD800\"", "not valid YAML"),
        ("description: *x", "not valid YAML"),
    ]

    @Test("an error names its place, what was found, what was expected and the nearest word", arguments: jobErrors)
    func jobError(_ row: (added: String, expected: String)) throws {
        let files = try Files(["job.yaml": Files.reconcile + "\n" + row.added + "\n"])
        let errors = files.errors()
        #expect(errors.contains { $0.contains(row.expected) }, "\(errors)")
    }

    @Test(
        "what is required and what belongs together",
        arguments: [
            ("account: default\n", "job.yaml:1:1: the key \"kind\" is missing"),
            ("knid: expire\naccount: default\n", "did you mean \"kind\"?"),
            (
                "kind: reconsile\n",
                "\"kind\" is \"reconsile\"; expected one of reconcile, expire, replay, report; did you"
            ),
            ("kind: reconcile\naccount: default\nobject: invoice\n", "the key \"table\" is missing"),
            ("kind: expire\n", "the key \"account\" is missing; expected account: NAME, or accounts: [NAME, …]"),
            ("kind: expire\naccount: defualt\n", "did you mean \"default\"?"),
            ("kind: expire\naccount: stripe\n", "expected an account of settings.yaml: default, medflyt, task_health"),
            ("kind: expire\naccounts: [default, default]\n", "\"default\" stands twice in \"accounts\""),
            ("kind: expire\naccounts: default\n", "\"accounts\" is \"default\"; expected a list"),
            ("kind: expire\naccount: default\ntable: {}\n", "unknown key \"table\""),
            ("kind: replay\naccount: default\nevents: [invoice.payed]\n", "did you mean \"invoice.paid\"?"),
            ("kind: replay\naccount: default\nevents: []\n", "\"events\" has 0 elements; expected 1 to 20"),
            (
                "kind: replay\naccount: default\nevents: [invoice.paid]\nlook_back: 31d\n",
                "expected a duration from 1h to 30d, such as 6h or 7d"
            ),
            ("kind: report\nreport: blance\n", "\"report\" is \"blance\"; expected balance; did you mean \"balance\"?"),
            ("kind: report\nreport: balance\nformats: [pdf]\n", "expected one of html, xlsx, csv, json"),
            ("kind: report\nreport: balance\ncut_off: {at: 24:00}\n", "\"at\" is \"24:00\"; expected a time of day"),
            ("kind: report\nreport: balance\ncut_off: {time_zone: Mars}\n", "unknown time zone \"Mars\""),
            (
                "kind: report\nreport: balance\nhistory_from: 2026-02-30\n",
                "job.yaml:3:15: \"history_from\" is \"2026-02-30\"; expected a date, such as 2026-03-01"
            ),
            ("kind: report\nreport: balance\nhistory_from: march\n", "expected a date, such as 2026-03-01"),
            ("kind: report\nreport: balance\nhistory_from: 2026\n", "expected a date, such as 2026-03-01"),
            ("kind: expire\naccount: default\nhistory_from: 2026-03-01\n", "unknown key \"history_from\""),
            ("kind: report\nreport: balance\ndeliver: {slack: true}\n", "has no delivery.slack"),
            ("kind: report\nreport: balance\ntolerance: {credits: -1}\n", "expected a whole number from 0"),
            ("- kind: expire\n", "job.yaml:1:1: the file holds a list; expected a mapping"),
            ("just text\n", "the file holds \"just text\""),
            ("", "job.yaml:1:1: the file is empty; expected kind: one of reconcile, expire, replay, report"),
            ("# only a remark\n---\n", "the file is empty; expected kind: one of"),
            ("kind: expire\u{0}\n", "job.yaml:1:1: the file holds a NUL character"),
            ("kind: [expire", "not valid YAML"),
            (String(repeating: "[", count: 100_000), "brackets are nested more than 200 deep"),
            (String(repeating: "a: \n", count: 300_000), "the file is larger than 1 MiB"),
        ])
    func fileError(_ row: (String, String)) throws {
        let errors = try Files(["job.yaml": row.0]).errors()
        #expect(errors.contains { $0.contains(row.1) }, "\(errors)")
    }

    @Test(
        "identifiers that no table has are refused",
        arguments: ["task-credit", "1st", "a b", "x;drop", "ünï", "\"\"", String(repeating: "x", count: 64)])
    func identifiers(_ name: String) throws {
        let text = Files.reconcile.replacingOccurrences(of: "name: invoices", with: "name: \(name)")
        #expect(try Files(["job.yaml": text]).errors().contains { $0.contains("a table's or column's name") })
        let column = Files.reconcile.replacingOccurrences(of: "paid: paid,", with: "paid: \(name),")
        #expect(try Files(["job.yaml": column]).errors().contains { $0.contains("a table's or column's name") })
    }

    @Test("a column plays one role, and the roles that a comparison needs are there")
    func columns() throws {
        let twice = Files.reconcile.replacingOccurrences(of: "amount: amount", with: "amount: paid")
        #expect(try Files(["job.yaml": twice]).errors().contains { $0.contains("plays two roles, amount and paid") })
        let missing = Files.reconcile.replacingOccurrences(of: "paid: paid, ", with: "")
        #expect(
            try Files(["job.yaml": missing]).errors() == [
                "job.yaml:6:12: the role \"paid\" is missing under \"columns\"; expected columns for id, amount, "
                    + "currency, paid, cancelled_at when object is invoice and the rows are orders"
            ])
        let intent = Files.reconcile.replacingOccurrences(of: "object: invoice", with: "object: payment_intent")
        let charges = intent.replacingOccurrences(of: "paid: paid, cancelled_at: cancelled_at", with: "succeeded_at: t")
        #expect(try Files(["job.yaml": charges]).errors().contains { $0.contains("the role \"status\" is missing") })
        #expect(try Files(["job.yaml": intent]).errors().isEmpty)
    }

    @Test("all errors of all files come at once, in the order of files and lines")
    func allAtOnce() throws {
        let files = try Files(
            [
                "a.yaml": "kind: expire\naccount: nobody\nstale_aftr: 7d\nstale_after: 7\nstale_after: 8\n",
                "b.yaml": "kind: [\n", "c.yml": "kind: expire\n", "D.yaml": "kind: expire\n",
            ], settings: "accounts: {default: {secret_key: x}}\ndatabse: {}\n")
        let errors = files.errors()
        #expect(
            errors.map { String($0.prefix { $0 != " " }) } == [
                "D.yaml:", "a.yaml:2:10:", "a.yaml:3:1:", "a.yaml:4:14:", "a.yaml:5:1:", "a.yaml:5:14:", "b.yaml:2:1:",
                "c.yml:", "settings.yaml:1:21:", "settings.yaml:1:22:", "settings.yaml:2:1:",
            ])
        #expect(errors.count == 11, "\(errors.joined(separator: "\n"))")
    }

    @Test("what is wrong with the first of two accounts of one name is said with everything else")
    func behindDuplicate() throws {
        let files = try Files(
            settings: """
                accounts:
                  one: {secret_key_env: A, mdoe: test, webhook_secret_env: A}
                  two: {secret_key_env: B}
                  one: {secret_key_env: C, mode: tset}
                """)
        let errors = files.errors()
        #expect(
            errors.map { String($0.prefix { $0 != " " }) } == [
                "settings.yaml:2:28:", "settings.yaml:2:60:", "settings.yaml:4:3:", "settings.yaml:4:34:",
            ], "\(errors)")
        #expect(errors.contains { $0.contains("duplicate key \"one\"; it is already on line 2") })
        // Of each name one account is left for the jobs to name.
        let job = try Files(
            ["job.yaml": "kind: expire\naccount: other\n"],
            settings: """
                accounts:
                  one: {secret_key_env: A}
                  one: {secret_key_env: B}
                """)
        #expect(job.errors().first?.hasSuffix("expected an account of settings.yaml: one") == true, "\(job.errors())")
    }

    @Test(
        "a variable holds one secret: no other key of an account, and no other account, names it",
        arguments: [
            (
                "a: {secret_key_env: A, webhook_secret_env: A}",
                "2:46: \"webhook_secret_env\" names the same variable as \"secret_key_env\", A; expected a variable of "
                    + "its own for each secret"
            ),
            (
                "a: {secret_key_env: A, webhook_secret_env: B, webhook_secret_other_env: B}",
                "2:75: \"webhook_secret_other_env\" names the same variable as \"webhook_secret_env\", B; expected "
            ),
            (
                "a: {secret_key_env: A}\n  b: {secret_key_env: A}",
                "3:23: the accounts a and b name the same key, A; expected a variable of its own for each account"
            ),
            (
                "a: {secret_key_env: A, webhook_secret_env: W}\n  b: {secret_key_env: B, webhook_secret_env: W}",
                "3:46: \"webhook_secret_env\" names the same variable as \"webhook_secret_env\" of account a, W; "
                    + "expected a variable of its own for each account"
            ),
            (
                "a: {secret_key_env: A}\n  b: {secret_key_env: B, webhook_secret_env: A}",
                "3:46: \"webhook_secret_env\" names the same variable as \"secret_key_env\" of account a, A; expected "
            ),
        ])
    func variables(_ row: (String, String)) throws {
        let errors = try Files(settings: "accounts:\n  \(row.0)\n").errors()
        #expect(errors.count == 1 && errors[0].hasPrefix("settings.yaml:" + row.1), "\(errors)")
    }

    @Test("the line is shown with a caret under the place")
    func caret() throws {
        let report = try Files(["job.yaml": "kind: expire\naccount:   defualt # ü\n"]).report()
        #expect(report.hasSuffix("\n    account:   defualt # ü\n               ^"), "\(report)")
    }

    @Test("circles of after are found, once each")
    func circles() throws {
        let job = { (after: String) in "kind: expire\naccount: default\nafter: [\(after)]\n" }
        let files = try Files([
            "a.yaml": job("b"), "b.yaml": job("c"), "c.yaml": job("a, d"), "d.yaml": job("e"),
            "e.yaml": "kind: expire\naccount: default\n", "f.yaml": job("g, e"), "g.yaml": job("f"),
        ])
        #expect(
            files.errors() == [
                "c.yaml:3:9: \"after\" runs in a circle: a → b → c → a",
                "g.yaml:3:9: \"after\" runs in a circle: f → g → f",
            ])
    }

    /// Charges, and what else is compared with one table by several accounts.
    private static let charges = """
        kind: reconcile
        account: medflyt
        object: payment_intent
        table: {name: charges, columns: {id: stripe_id, amount: amount, currency: currency, status: status}}
        """
    private static let notices = """
        kind: reconcile
        accounts: [default, medflyt]
        object: invoice
        table: {name: invoices, columns: {id: stripe_id, account: account, sent_at: sent_at}}
        """

    @Test("two accounts on one table of orders or charges are refused, in one file or in two")
    func sharedTable() throws {
        let two = "accounts: [task_health, medflyt]"
        let orders = Files.reconcile.replacingOccurrences(of: "account: task_health", with: two)
        let charges = Self.charges.replacingOccurrences(of: "account: medflyt", with: two)
        let files = try Files(["a.yaml": orders, "b.yaml": charges, "c.yaml": Self.notices])
        let one = files.errors()
        #expect(one.count == 2, "\(one)")
        #expect(one.first?.hasPrefix("a.yaml:2:11: 2 accounts are compared with one table of orders: ") == true)
        #expect(one.last?.hasPrefix("b.yaml:2:11: 2 accounts are compared with one table of charges: ") == true)
        // What helps is no part of what is expected: it has a member, and a line, of its own.
        #expect(one.allSatisfy { $0.hasSuffix("; expected one account for each table") }, "\(one)")
        let remedy = "Give each account a table, or a view, of its own rows."
        #expect(files.faults().allSatisfy { $0.remedy == remedy })
        let report = files.report()
        #expect(report.hasSuffix("\n    accounts: [task_health, medflyt]\n              ^\n    \(remedy)"), "\(report)")

        let other = Files.reconcile.replacingOccurrences(of: "account: task_health", with: "account: medflyt")
        let apart = try Files([
            "a.yaml": Files.reconcile, "b.yaml": other, "c.yaml": Files.reconcile, "d.yaml": Self.charges,
        ])
        let several = apart.errors()
        #expect(apart.faults().allSatisfy { $0.remedy == remedy })
        let places = several.map { String($0.prefix { $0 != " " }) }
        #expect(places == ["a.yaml:5:9:", "b.yaml:5:9:", "c.yaml:5:9:"], "\(several)")
        #expect(several.first?.contains("those of \"medflyt\" in b.yaml: ") == true, "\(several)")
        #expect(several.last?.contains("the rows of \"public.invoices\" are compared with account") == true)
    }

    @Test("one account may compare a table twice, and tables of one name lie in different schemas")
    func ownTables() throws {
        let payments = Files.reconcile.replacingOccurrences(of: "object: invoice", with: "object: payment_intent")
            .replacingOccurrences(of: "account: task_health", with: "account: default")
        let elsewhere = Files.reconcile.replacingOccurrences(of: "account: task_health", with: "account: medflyt")
            .replacingOccurrences(of: "  name: invoices", with: "  schema: medflyt\n  name: invoices")
        let files = try Files([
            "a.yaml": Files.reconcile,
            "b.yaml": Files.reconcile.replacingOccurrences(of: "amount: amount", with: "amount: cents"),
            "c.yaml": payments, "d.yaml": elsewhere, "e.yaml": Self.notices, "f.yaml": Self.charges,
        ])
        #expect(files.errors().isEmpty, "\(files.errors())")
    }

    @Test("a job after itself is said once")
    func afterItself() throws {
        let errors = try Files(["job.yaml": Files.reconcile + "\nafter: [job]\n"]).errors()
        #expect(errors == ["job.yaml:7:9: \"after\" names the job itself"])
    }

    @Test("a directory, a settings file and named jobs that are not there")
    func missing() throws {
        #expect(throws: JobFileErrors.self) { try JobFiles.load(directory: "/nonexistent/jobs") }
        #expect(
            try Files(settings: nil).errors() == ["settings.yaml: the file is missing; expected a file with accounts"])
        let empty = "settings.yaml:1:1: the file is empty; expected accounts: {NAME: {secret_key_env: VARIABLE}}"
        for text in ["", "# nothing yet\n"] { #expect(try Files(settings: text).errors() == [empty]) }
        let files = try Files(["job.yaml": Files.reconcile, "bad.yaml": "kind: ["])
        #expect(files.errors(only: ["job"]) == [])
        #expect(files.errors(only: ["jbo"]).contains { $0.hasSuffix("did you mean \"job\"?") })
        try FileManager.default.createDirectory(atPath: files.path + "/dir.yaml", withIntermediateDirectories: true)
        #expect(files.errors(only: ["dir"]) == ["dir.yaml: not a regular file"])
    }

    @Test("a file with random damage loads or is refused, and says so line by line", arguments: 0..<4 as Range<UInt64>)
    func damage(_ seed: UInt64) throws {
        let files = try Files()
        let good = Array((Files.reconcile + "\nschedule: \"15 2 * * *\"\nafter: [other]\n# ü\n").utf8)
        let pieces = [
            "\t", "\n", ": ", "- ", "[", "}", "*a", "&a ", "\"", "'", "|\n", "? ", "\u{FEFF}", "\u{0}", "!!x ", "%",
        ]
        var state = seed &* 2_654_435_769 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<300 {
            var bytes = good
            for _ in 0...random(3) {
                let place = random(bytes.count)
                switch random(3) {
                case 0: bytes.insert(contentsOf: Array(pieces[random(pieces.count)].utf8), at: place)
                case 1: bytes[place] = UInt8(random(256))
                default: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random(20)))
                }
                if bytes.isEmpty { bytes = [0x61] }
            }
            try files.write(Data(bytes), to: "job.yaml")
            for error in files.errors() { #expect(error.hasPrefix("job.yaml:") && !error.contains("\n"), "\(error)") }
        }
    }

    @Test("an anchor bomb is refused at once", arguments: [3, 9])
    func bomb(_ width: Int) throws {
        var text = "a0: &a0 [x, x, x]\n"
        for level in 1...12 {
            let aliases = repeatElement("*a\(level - 1)", count: width).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        text += "? *a12\n: x\n"
        let files = try Files(["job.yaml": text])
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(
                files.errors() == [
                    "job.yaml: the file has more than 20 aliases (*name); write the values out"
                ])
        }
        #expect(time < .seconds(2))
    }
}
