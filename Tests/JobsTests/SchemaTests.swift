import Foundation
import Jobs
import Testing

/// JSON is YAML, so one text is held against both the schema and the parser.
@Suite("the JSON Schema agrees with the parser")
struct SchemaTests {
    static let good = [
        #"{"kind": "expire", "account": "default"}"#,
        #"{"kind": "expire", "accounts": ["default", "medflyt"], "stale_after": "7d", "objects": ["invoice"]}"#,
        #"{"kind": "replay", "account": "default", "events": ["invoice.paid"], "limits": {"max_repair_share": 0.5}}"#,
        #"{"kind": "report", "report": "balance", "cut_off": {"at": "00:00", "time_zone": "America/New_York"}}"#,
        #"{"kind": "report", "report": "balance", "deliver": {"directory": true, "when": "always"}}"#,
        #"{"kind": "report", "report": "balance", "history_from": "2026-03-01"}"#,
        #"{"kind": "expire", "account": "default", "catch_up": {"all": 7}, "schedule": "15 2 * * *"}"#,
        #"{"kind": "expire", "account": "default", "catch_up": "none", "notify": {"on": ["drift"]}}"#,
        """
        {"kind": "reconcile", "account": "task_health", "object": "invoice", "on": {"missed_paid": "review"},
         "table": {"name": "t", "columns": {
          "id": "i", "amount": "a", "currency": "c", "paid": "p", "cancelled_at": "x"}}}
        """,
    ]

    static let bad = [
        #"{"account": "default"}"#,
        #"{"kind": "expires", "account": "default"}"#,
        #"{"kind": "expire"}"#,
        #"{"kind": "expire", "account": "default", "accounts": ["default"]}"#,
        #"{"kind": "expire", "account": "Default"}"#,
        #"{"kind": "expire", "account": ["default"]}"#,
        #"{"kind": "expire", "account": "default", "stale_after": 7}"#,
        #"{"kind": "expire", "account": "default", "stale_after": "7"}"#,
        #"{"kind": "expire", "account": "default", "tabel": 1}"#,
        #"{"kind": "expire", "account": "default", "events": ["invoice.paid"]}"#,
        #"{"kind": "expire", "account": "default", "retry": {"attempts": 0}}"#,
        #"{"kind": "expire", "account": "default", "retry": {"attempts": 1.5}}"#,
        #"{"kind": "expire", "account": "default", "limits": {"max_repair_share": 1.5}}"#,
        #"{"kind": "expire", "account": "default", "catch_up": "all"}"#,
        #"{"kind": "expire", "account": "default", "catch_up": {"all": 0}}"#,
        #"{"kind": "expire", "account": "default", "notify": {"slack": "yes"}}"#,
        #"{"kind": "expire", "account": "default", "notify": {"email": ["nobody"]}}"#,
        #"{"kind": "expire", "account": "default", "after": []}"#,
        #"{"kind": "replay", "account": "default", "events": ["invoice.payed"]}"#,
        #"{"kind": "replay", "account": "default", "events": ["invoice.paid", "invoice.paid"]}"#,
        #"{"kind": "report", "report": "balance", "cut_off": {"at": "24:00"}}"#,
        #"{"kind": "report", "report": "balance", "history_from": "2026-13-01"}"#,
        #"{"kind": "report", "report": "balance", "history_from": 20260301}"#,
        #"{"kind": "reconcile", "account": "default", "object": "invoice"}"#,
        #"{"kind": "reconcile", "account": "default", "object": "invoice", "table": {"name": "a b", "columns": {}}}"#,
    ]

    static let goodSettings = [
        #"{"accounts": {"default": {"secret_key_env": "K"}}}"#,
        #"{"accounts": {"default": {"secret_key_env": "K", "api_base": "http://127.0.0.1:12111", "mode": "test"}}}"#,
        #"{"accounts": {"a": {"secret_key_env": "K"}}, "delivery": {"email": {"from": "Trueup <t@example.com>"}}}"#,
    ]

    static let badSettings = [
        #"{"accounts": {}}"#,
        #"{"accounts": {"default": {}}}"#,
        #"{"accounts": {"default": {"secret_key_env": "sk_live_abcdefgh"}}}"#,
        #"{"accounts": {"Default": {"secret_key_env": "K"}}}"#,
        #"{"accounts": {"default": {"secret_key_env": "K", "api_base": "http://api.stripe.com"}}}"#,
        #"{"accounts": {"default": {"secret_key_env": "K", "rate": {"share": 0}}}}"#,
        #"{"accounts": {"default": {"secret_key_env": "K"}}, "delivery": {"directory": {"path": "/etc"}}}"#,
        #"{"databse": {}}"#,
    ]

    static func schema(_ text: String) throws -> SchemaNode {
        try SchemaNode(JSONSerialization.jsonObject(with: Data(text.utf8)))
    }

    static func accepts(_ schema: SchemaNode, _ text: String) throws -> Bool {
        schema.accepts(try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed))
    }

    @Test("job files", arguments: good.map { ($0, true) } + bad.map { ($0, false) })
    func jobs(_ row: (text: String, isValid: Bool)) throws {
        #expect(try Self.accepts(Self.schema(JobSchema.jobJSON()), row.text) == row.isValid)
        #expect(try Self.accepts(Self.schema(JobSchema.json()), row.text) == row.isValid)
        let errors = try Files(["job.yaml": row.text]).errors()
        #expect(errors.isEmpty == row.isValid, "\(errors)")
    }

    @Test("settings files", arguments: goodSettings.map { ($0, true) } + badSettings.map { ($0, false) })
    func settings(_ row: (text: String, isValid: Bool)) throws {
        #expect(try Self.accepts(Self.schema(JobSchema.settingsJSON()), row.text) == row.isValid)
        #expect(try Self.accepts(Self.schema(JobSchema.json()), row.text) == row.isValid)
        let errors = try Files(settings: row.text).errors()
        #expect(errors.isEmpty == row.isValid, "\(errors)")
    }

    @Test("every key is described, and every default is one that the parser takes")
    func complete() throws {
        for kind in JobKeys.kinds { check(JobKeys.table(kind: kind)) }
        check(SettingsKeys.table)
    }

    private func check(_ table: KeyTable) {
        for key in table.keys {
            #expect(key.doc.hasSuffix(".") && key.doc.count > 10, "\(key.name)")
            #expect(key.fallback == nil || !key.isRequired, "\(key.name)")
            switch (key.shape, key.fallback) {
            case (.mapping(let inner), nil), (.dictionary(_, let inner, _), nil): check(inner)
            case (.duration(let range), let text?): #expect(Duration.seconds(text).map(range.contains) == true)
            case (.integer(let range), let text?): #expect(Int64(text).map(range.contains) == true)
            case (.number(let range), let text?): #expect(Double(text).map(range.contains) == true)
            case (.word(let words, _), let text?): #expect(words.contains(text))
            case (.text(let rule), let text?): #expect(text.isEmpty || rule.isValid(text), "\(key.name)")
            case (.boolean, let text?): #expect(text == "true" || text == "false")
            default: break
            }
        }
    }

    @Test("patterns for editors and checks of the parser agree on random texts")
    func patterns() throws {
        let rules: [(String, TextRule)] = [
            ("environmentName", .environmentName), ("accountName", .accountName), ("jobName", .jobName),
            ("identifier", .identifier), ("apiVersion", .apiVersion), ("accountID", .accountID),
            ("timeOfDay", .timeOfDay),
        ]
        let pieces = [
            "a", "Z", "_", "-", "0", "9", "$", ".", ":", "acct_", "2023-10-16", "12:30", " ", "ü", "dahlia", "\n",
        ]
        var state: UInt64 = 7
        for (name, rule) in rules {
            let pattern = try NSRegularExpression(
                pattern: rule.pattern.replacingOccurrences(of: "$", with: "\\z", options: [.anchored, .backwards]))
            for _ in 0..<2000 {
                var text = ""
                for _ in 0..<(state >> 33) % 4 {
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    text += pieces[Int(state >> 33) % pieces.count]
                }
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let range = NSRange(text.startIndex..., in: text)
                let matches = pattern.firstMatch(in: text, range: range) != nil
                #expect(matches == rule.isValid(text), "\(name): \(text.debugDescription)")
            }
        }
    }
}
