import Foundation
import Reconciliation
import Reports
import Runner
import Schedule
import Store
import Testing

/// A report is as of its newest fact, and as of the same time for as long as nothing is new.
@Suite("The time of a report")
struct ReportTimeTests {
    /// Unix seconds, after everything of a night and after the clock.
    private static let late = max(NightSetup.nowSeconds, Int64(Date().timeIntervalSince1970)) + 86_400

    /// Changes rows that take inserts only.
    private static func change(_ sql: String, _ scene: ReportScene) async throws {
        try await scene.run("SET session_replication_role = replica; \(sql); RESET session_replication_role;")
    }

    /// The report after something took place late: it is as of then, in its files and in its row, and made again it is
    /// the same.
    private static func expectLate(
        _ scene: ReportScene, after first: ReportResult, _ what: Comment
    ) async throws -> ReportResult {
        #expect(first.report.generatedSeconds < late, what)
        let next = try await scene.report()
        #expect(next.report.generatedSeconds == late && next.id != first.id, what)
        let reports = StoredReports(pool: scene.night.pool)
        #expect(try await reports.report(id: next.id)?.asOfSeconds == late, what)
        let text = ISOTime.text(late, in: .utc)
        let file = try Data(contentsOf: URL(fileURLWithPath: next.directory + "/report.json"))
        let object = try JSONSerialization.jsonObject(with: file) as? [String: Any]
        #expect((object?["report"] as? [String: Any])?["generated_at"] as? String == text, what)
        let controls = try SheetRows.of("controls", in: next.directory)
        #expect(controls.first { $0["name"] as? String == "Data as of" }?["value"] as? String == text, what)
        let again = try await scene.report()
        #expect(again.isRepeated && again.id == next.id && again.files == next.files, what)
        return next
    }

    @Test("an acceptance after the last run is one of the facts that it is as of")
    func acceptance() async throws {
        try await ReportScene.with(seed: 71) { scene in
            try await scene.readAll()
            let first = try await scene.report()
            let id = Int64(
                try await scene.night.number(
                    """
                    SELECT min(i.finding_id) FROM trueup.report_item i JOIN trueup.finding f ON f.id = i.finding_id
                    WHERE f.state = 'open'
                    """))
            let isAccepted = try await Findings(pool: scene.night.pool).accept(id, by: "dana", note: "Agreed.")
            #expect(isAccepted)
            try await scene.run("UPDATE trueup.finding_note SET written_at = to_timestamp(\(Self.late))")
            let next = try await Self.expectLate(scene, after: first, "accepted")
            #expect(next.report.items.contains { $0.item.id == "F-\(id)" && $0.state == .accepted })
        }
    }

    @Test("so is a backfill after the last run")
    func backfill() async throws {
        try await ReportScene.with(seed: 72) { scene in
            try await scene.readAll()
            let first = try await scene.report()
            var origin = Night.origin
            origin.trigger = .backfill
            let to = NightSetup.nowSeconds - 100 * 86_400
            let range = Window(fromSeconds: StripeHistory.beginsSeconds, toSeconds: to)
            let run = try await scene.night.run(range: range, origin: origin)
            try await scene.run("UPDATE trueup.run SET ended_at = to_timestamp(\(Self.late)) WHERE id = \(run.run.id)")
            let next = try await Self.expectLate(scene, after: first, "filled")
            #expect(next.report.run.runs.map(\.id) == first.report.run.runs.map(\.id))
        }
    }

    @Test("so is a revert after the last run, and its time stands among the repairs")
    func revert() async throws {
        try await ReportScene.with(seed: 73) { scene in
            let night = try await scene.night.run()
            _ = try await scene.readHistory()
            let first = try await scene.report()
            let plan = try await scene.night.revert(night.run.id)
            let applied = try await scene.night.apply(plan)
            #expect(applied.applied > 0, "\(applied)")
            try await Self.change(
                "UPDATE trueup.repair SET applied_at = to_timestamp(\(Self.late)) WHERE run_id = \(applied.runID)",
                scene)
            let next = try await Self.expectLate(scene, after: first, "reverted")
            #expect(next.report.repairs.contains { $0.appliedSeconds == Self.late })
        }
    }

    @Test("so are the signatures of the report that it opens at, and of another one of its cut-off")
    func signature() async throws {
        try await ReportScene.with(seed: 74) { scene in
            try await scene.readAll()
            let early = try await scene.report(period: .asOf(ReportRunTests.cutOff - 10 * 86_400))
            let unsigned = try await scene.report()
            let reports = StoredReports(pool: scene.night.pool)
            func sign(_ id: Int64, _ people: [String], at seconds: Int64) async throws {
                for (role, person) in zip(["preparer", "reviewer"], people) {
                    try await reports.sign(
                        id,
                        NewSignature(role: role, person: person, note: "Read.", systemUser: person, accepted: "a test"))
                }
                try await Self.change(
                    "UPDATE trueup.report_sign SET signed_at = to_timestamp(\(seconds)) WHERE report_id = \(id)", scene)
            }
            try await sign(early.id, ["dana", "miriam"], at: Self.late)
            let next = try await Self.expectLate(scene, after: unsigned, "signed")
            #expect(next.report.basis.opensAt?.id == early.id)
            // Only its preparer has signed it: the same figures are the same report all the same.
            try await sign(next.id, ["dana"], at: Self.late + 60)
            #expect(try await scene.report().isRepeated)
            try await scene.run(
                """
                UPDATE task_credit_agency_balance SET balance = balance + 11
                WHERE agency_id = (SELECT min(agency_id) FROM task_credit_agency_balance)
                """)
            let other = try await scene.report()
            #expect(other.report.basis.signedStatement?.id == next.id)
            #expect(other.report.generatedSeconds == Self.late + 60)
            #expect(try await reports.report(id: other.id)?.asOfSeconds == Self.late + 60)
        }
    }
}
