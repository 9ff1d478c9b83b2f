import Jobs
import Reconciliation
import Reports
import Runner
import Store
import Testing

/// What finance is told besides the figures, held against what took place.
@Suite("What a report promises")
struct ReportPromisesTests {
    private static let rule = DeliverRule(email: ["cfo@example.com"], when: .changed)

    private static func messages(_ scene: ReportScene) async throws -> [OutboxMessage] {
        try await Outbox(pool: scene.night.pool).list(OutboxState.allCases)
    }

    @Test("a message that failed is due again when the report is made again, and the next report is sent in full")
    func failedMail() async throws {
        try await ReportScene.with(seed: 41) { scene in
            try await scene.readAll()
            let cutOff = ReportRunTests.cutOff
            let sent = "UPDATE trueup.outbox SET state = 'sent', sent_at = now(), lease_until = NULL"
            try await scene.report(period: .asOf(cutOff - 120), deliver: Self.rule)
            try await scene.run(sent)
            // Nothing has changed since: one line.
            let quiet = try await scene.report(period: .asOf(cutOff - 60), deliver: Self.rule)
            #expect(!quiet.isChanged)
            #expect(try await Self.messages(scene).last?.subject.hasSuffix("unchanged") == true)

            try await scene.run(
                "UPDATE trueup.outbox SET state = 'failed', last_error = 'refused' WHERE id = (SELECT max(id) FROM "
                    + "trueup.outbox)")
            let again = try await scene.report(period: .asOf(cutOff - 60), deliver: Self.rule)
            #expect(again.isRepeated)
            let waiting = try await Self.messages(scene)
            #expect(waiting.map(\.state) == [.sent, .queued])
            let told = try await again.settled(StoredReports(pool: scene.night.pool), isSent: true)
            #expect(told.deliveries.map(\.outcome) == [.failed] && told.exitCode == 1)

            let next = try await scene.report(period: .asOf(cutOff), deliver: Self.rule)
            #expect(next.isChanged)
            #expect(try await Self.messages(scene).last?.subject.hasSuffix("unchanged") == false)
            try await scene.run(sent + " WHERE state <> 'sent'")
            let settled = try await next.settled(StoredReports(pool: scene.night.pool), isSent: true)
            #expect(settled.deliveries.map(\.outcome) == [.delivered] && settled.exitCode == 2)
        }
    }

    /// Makes a report with its mail, and lets the mail leave.
    /// - Returns: whether the mail said all of it.
    private static func told(_ scene: ReportScene, _ cutOff: Int64) async throws -> Bool {
        let before = try await messages(scene).count
        _ = try await scene.report(period: .asOf(cutOff), deliver: rule)
        let all = try await messages(scene)
        #expect(all.count == before + 1)
        try await scene.run(
            """
            UPDATE trueup.outbox SET state = 'sent', sent_at = now(), lease_until = NULL WHERE state <> 'sent'
            """)
        return all.last?.subject.hasSuffix("unchanged") == false
    }

    private static func add(_ scene: ReportScene, first: Int64 = 0, last: Int64 = 0) async throws {
        for (which, credits) in [("min", first), ("max", last)] where credits != 0 {
            try await scene.run(
                """
                UPDATE task_credit_agency_balance SET balance = balance + \(credits) WHERE agency_id =
                    (SELECT \(which)(agency_id) FROM task_credit_agency_balance WHERE agency_id IS NOT NULL)
                """)
        }
    }

    @Test("another agency is out by the same amount: that is a change, though the sums and the items are as they were")
    func swapped() async throws {
        try await ReportScene.with(seed: 41) { scene in
            try await scene.readAll()
            let cutOff = ReportRunTests.cutOff
            try await Self.add(scene, first: 5_000)
            #expect(try await Self.told(scene, cutOff - 180))
            #expect(try await !Self.told(scene, cutOff - 120))
            try await Self.add(scene, first: -5_000, last: 5_000)
            #expect(try await Self.told(scene, cutOff - 60))
            #expect(try await !Self.told(scene, cutOff))
        }
    }

    @Test("a report is held against what its readers were told last, also of the same cut-off")
    func toldLast() async throws {
        try await ReportScene.with(seed: 41) { scene in
            try await scene.readAll()
            let cutOff = ReportRunTests.cutOff
            try await Self.add(scene, first: 5_000)
            #expect(try await Self.told(scene, cutOff - 60))
            try await Self.add(scene, first: -5_000)
            #expect(try await Self.told(scene, cutOff - 30))
            // As on the day before, and not as its readers read it last.
            try await Self.add(scene, first: 5_000)
            #expect(try await Self.told(scene, cutOff - 30))
            // A report that nobody was told of changes nothing of what they know.
            try await Self.add(scene, first: 7)
            try await scene.report(period: .asOf(cutOff - 30))
            try await Self.add(scene, first: -7)
            #expect(try await !Self.told(scene, cutOff - 15))
            // Somebody who is new has read nothing.
            let wider = DeliverRule(email: ["cfo@example.com", "new@example.com"], when: .changed)
            #expect(try await scene.report(period: .asOf(cutOff), deliver: wider).isChanged)
        }
    }

    @Test("a statement of a cut-off that is signed says so; made again from the same figures, either stays what it is")
    func signedCutOff() async throws {
        try await ReportScene.with(seed: 43) { scene in
            try await scene.readAll()
            let reports = StoredReports(pool: scene.night.pool)
            let first = try await scene.report()
            for (role, person) in [("preparer", "dana"), ("reviewer", "miriam")] {
                try await reports.sign(
                    first.id,
                    NewSignature(role: role, person: person, note: "Read.", systemUser: person, accepted: "a test"))
            }
            let same = try await scene.report()
            #expect(same.isRepeated && same.id == first.id && same.report.basis.signedStatement == nil)
            try await scene.run(
                """
                UPDATE task_credit_agency_balance SET balance = balance + 11
                WHERE agency_id = (SELECT min(agency_id) FROM task_credit_agency_balance)
                """)
            let second = try await scene.report()
            #expect(second.id != first.id)
            let words = "Report \(first.id) is signed for this cut-off and states: \(first.state.rawValue), "
            #expect(ReportSummary.lines(second.report).contains { $0.hasPrefix("  ! " + words) })
            #expect(ReportMessages(second, definition: scene.definition(), when: .always).slack.contains(words))
            let again = try await scene.report()
            #expect(again.isRepeated && again.id == second.id)
            // What takes its place is no second statement.
            try await reports.sign(
                second.id,
                NewSignature(
                    role: "preparer", person: "dana", note: "Eleven more.", systemUser: "dana", accepted: "a test",
                    supersedes: first.id))
            let last = try await scene.report()
            #expect(last.isRepeated && last.id == second.id)
            // Until its reviewer has signed, a third statement names the first, which two people signed.
            try await scene.run(
                """
                UPDATE task_credit_agency_balance SET balance = balance + 5
                WHERE agency_id = (SELECT min(agency_id) FROM task_credit_agency_balance)
                """)
            let third = try await scene.report()
            #expect(third.id != second.id)
            #expect(ReportSummary.lines(third.report).contains { $0.hasPrefix("  ! " + words) })
        }
    }

    @Test("what was repaired names its run, and stands among the repairs of the same report")
    func trail() async throws {
        try await ReportScene.with(seed: 42) { scene in
            try await scene.readAll()
            let result = try await scene.report()
            let repaired = result.report.resolved.filter { $0.how == "repaired" }
            #expect(!repaired.isEmpty && repaired.allSatisfy { $0.plan?.hasPrefix("run ") == true })
            #expect(Set(repaired.compactMap(\.plan)) == Set(result.report.repairs.map(\.plan)))
        }
    }

    @Test("a job whose items are only listed says since when it has read; one outside of `accounts` is left out")
    func listedOnly() async throws {
        try await ReportScene.with(seed: 43) { scene in
            try await scene.readAll()
            let notices = scene.night.notices()
            try await scene.run(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, ended_at)
                VALUES ('\(notices.name)', 'schedule', false, 'clean', \(ReportRunTests.cutOff - 86_400),
                    \(ReportRunTests.cutOff + 3_600), 'aa', '1', 'cron', 'host', 1, now());
                """)
            let result = try await scene.report(others: [notices])
            #expect(result.report.basis.readSince == [notices.name: ReportRunTests.cutOff - 86_400])
            #expect(
                ReportSummary.lines(result.report).contains { $0.contains("only listed: \(notices.name) since ") })
            let early = try await scene.report(period: .asOf(ReportRunTests.cutOff - 172_800), others: [notices])
            #expect(early.report.basis.readSince == [notices.name: nil])
            let said = ReportSummary.lines(early.report)[1]
            #expect(said.contains("NOT READ up to the cut-off, so nothing is said of them: \(notices.name)"), "\(said)")

            let narrowed = try await scene.report(others: [notices], accounts: ["task_health"])
            #expect(narrowed.report.run.runs.allSatisfy { $0.job != notices.name } && !narrowed.report.items.isEmpty)
            #expect(narrowed.report.items.allSatisfy { $0.account == "task_health" })
        }
    }
}
