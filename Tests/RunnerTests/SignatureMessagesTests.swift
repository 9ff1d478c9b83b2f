import Jobs
import Runner
import Store
import Testing

@Suite("What readers hear of signatures", .serialized)
struct SignatureMessagesTests {
    private static let rule = DeliverRule(email: ["cfo@example.com", "ops@example.com"], slack: true, when: .always)

    private struct Stop: Error {}

    private static func sign(
        _ id: Int64, as role: String, _ person: String, supersedes: Int64? = nil, on scene: ReportScene
    ) async throws {
        let reports = StoredReports(pool: scene.night.pool)
        let report = try #require(try await reports.report(id: id))
        let messages = try SignatureMessages(report, role: role)
        let signature = NewSignature(
            role: role, person: person, note: "Tied <to> the bank.", systemUser: person + "@host",
            accepted: "A fire drill.", supersedes: supersedes)
        try await reports.sign(id, signature) { _ = try await messages.enqueue(on: $0) }
    }

    /// Messages about signatures, with what makes them one.
    private static func told(_ scene: ReportScene) async throws -> [OutboxMessage] {
        try await Outbox(pool: scene.night.pool).list(OutboxState.allCases).filter { $0.dedupeKey.contains("/signed-") }
    }

    @Test("each reader of the report hears of each signature once, with the figures; of what replaces it as well")
    func readers() async throws {
        try await ReportScene.with(seed: 5) { scene in
            try await scene.readAll()
            let first = try await scene.report(deliver: Self.rule)
            try await Self.sign(first.id, as: "preparer", "dana", on: scene)
            let prepared = try await Self.told(scene)
            #expect(prepared.map(\.recipient).sorted() == ["SLACK_WEBHOOK_URL", "cfo@example.com", "ops@example.com"])
            for message in prepared {
                #expect(message.subject.contains("report \(first.id) signed by dana as preparer"))
                #expect(message.text.contains("unexplained") && message.text.contains("waits for its reviewer"))
                #expect(message.text.contains("dana@host, database user"))
                #expect(!message.text.contains("shared login"))
            }
            let slack = try #require(prepared.first { $0.channel == "slack" })
            #expect(slack.text.contains("Tied &lt;to&gt; the bank.") && slack.html == nil)
            #expect(prepared.allSatisfy { $0.channel == "slack" || $0.html?.contains("Tied &lt;to&gt;") == true })

            // Signed twice: refused, and nobody hears of it.
            await #expect(throws: SignError.self) {
                try await Self.sign(first.id, as: "preparer", "joe", on: scene)
            }
            try await Self.sign(first.id, as: "reviewer", "miriam", on: scene)
            let both = try await Self.told(scene)
            #expect(both.count == 6 && both.filter { $0.text.contains("Both have signed") }.count == 3)

            // Another statement of the same cut-off, that went to nobody: the readers of the first hear of it.
            try await scene.run(
                """
                INSERT INTO task_credit_adjustment (id, agency_id, credits, created_at)
                    SELECT coalesce(max(id), 0) + 1, 1, 3, '2001-01-01' FROM task_credit_adjustment
                """)
            let second = try await scene.report()
            #expect(second.id != first.id)
            try await Self.sign(second.id, as: "preparer", "dana", supersedes: first.id, on: scene)
            let replaced = try await Self.told(scene).dropFirst(6)
            #expect(replaced.map(\.recipient).sorted() == ["SLACK_WEBHOOK_URL", "cfo@example.com", "ops@example.com"])
            #expect(replaced.allSatisfy { $0.text.contains("it takes the place of report \(first.id)") })
        }
    }

    @Test("a report that was sent to nobody tells nobody; what stops the signature stops its messages, and the reverse")
    func oneTransaction() async throws {
        try await ReportScene.with(seed: 6) { scene in
            try await scene.readAll()
            let quiet = try await scene.report()
            try await Self.sign(quiet.id, as: "preparer", "dana", on: scene)
            #expect(try await Self.told(scene).isEmpty)

            let sent = try await scene.report(period: .asOf(ReportRunTests.cutOff - 86_400), deliver: Self.rule)
            let reports = StoredReports(pool: scene.night.pool)
            let report = try #require(try await reports.report(id: sent.id))
            let messages = try SignatureMessages(report, role: "preparer")
            let signature = NewSignature(
                role: "preparer", person: "dana", note: "Tied.", systemUser: "dana@host", accepted: "A fire drill.")
            await #expect(throws: Stop.self) {
                try await reports.sign(sent.id, signature) {
                    _ = try await messages.enqueue(on: $0)
                    throw Stop()
                }
            }
            #expect(try await reports.signatures(of: sent.id).isEmpty)
            #expect(try await Self.told(scene).isEmpty)
        }
    }
}
