import Jobs
import Reconciliation
import Reports
import Runner
import Schedule
import Store
import Testing

/// A report says that it is incomplete when what it came after did not come to a good end.
@Suite("Reports after jobs that failed")
struct ReportAfterTests {
    /// When the night's job was due: after the cut-off of `ReportRunTests`.
    private static let dueSeconds = NightSetup.nowSeconds - 600

    /// The job's occurrence as it ended. What runs there are ended before it.
    private static func end(_ scene: ReportScene, _ state: String, _ reason: String) async throws {
        try await scene.run(
            """
            INSERT INTO trueup.occurrence (job, scheduled_at, state, reason, ended_at, window_from_seconds,
                window_to_seconds, definition_hash, not_before, start_before, start_deadline_seconds,
                timeout_seconds, attempts_max, backoff_seconds, may_queue)
            SELECT '\(Night.job)', at, '\(state)', '\(reason)', at, 0, 1, 'aa', at, at, 60, 60, 1, 60, false
            FROM to_timestamp(\(dueSeconds)) AS at;
            UPDATE trueup.run SET ended_at = to_timestamp(\(dueSeconds - 60));
            """)
    }

    @Test(
        "a report by hand is INCOMPLETE after a job that failed or was paused, until a complete run of it has ended",
        arguments: [
            ("failed", "error", "was given up (error)"), ("skipped", "paused", "was skipped (paused)"),
            ("missed", "missed_down", "did not run (missed_down)"),
        ])
    func byHand(_ state: String, _ reason: String, _ words: String) async throws {
        try await ReportScene.with(seed: 35) { scene in
            try await scene.readAll()
            #expect(try await scene.report().state == .explained)
            try await Self.end(scene, state, reason)
            let result = try await scene.report()
            #expect(result.state == .incomplete && result.exitCode == 3)
            let gaps = result.report.statement.gaps
            #expect(gaps.contains { $0.contains(words) && $0.contains("trueup run \(Night.job)") }, "\(gaps)")
            let line = ReportVerdict.line(result.report.statement)
            #expect(line.hasPrefix("INCOMPLETE") && line.contains("credits NOT READ"), "\(line)")
            // One that did not read everything makes up for nothing.
            let since = "ended_at = to_timestamp(\(Self.dueSeconds + 60))"
            try await scene.run("UPDATE trueup.run SET \(since) WHERE trigger = 'backfill'")
            #expect(try await scene.report().state == .incomplete)
            try await scene.run("UPDATE trueup.run SET \(since) WHERE trigger <> 'backfill'")
            #expect(try await scene.report().state == .explained)
        }
    }

    @Test("so is the report of an occurrence that waited for it, also where it was never written")
    func scheduled() async throws {
        for isWritten in [true, false] {
            try await ReportScene.with(seed: 36) { scene in
                try await scene.readAll()
                let lease = try await Self.lease(scene, awaited: isWritten)
                let words = isWritten ? "was given up (error)" : "did not run"
                let result = try await scene.report(period: .lastCutOff, lease: lease)
                #expect(result.state == .incomplete)
                let gaps = result.report.statement.gaps
                #expect(gaps.contains { $0.contains(words) && $0.contains(Night.job) }, "\(gaps)")
                try await scene.run("UPDATE trueup.run SET ended_at = to_timestamp(\(Self.dueSeconds + 60))")
                let mended = try await scene.report(period: .lastCutOff, lease: lease)
                #expect(!mended.report.statement.gaps.contains { $0.contains(words) })
            }
        }
    }

    /// The report's occurrence, once what it waited for has ended, or its time is past.
    private static func lease(_ scene: ReportScene, awaited isWritten: Bool) async throws -> Lease {
        let occurrences = Occurrences(pool: scene.night.pool)
        let now = try await occurrences.nowSeconds()
        let name = "balance-report"
        let planned = PlannedOccurrence(
            nominalSeconds: dueSeconds + 60,
            window: OccurrenceWindow(fromSeconds: dueSeconds - 86_400, toSeconds: dueSeconds + 60),
            notBeforeSeconds: now - 1, startBeforeSeconds: now + 3_600)
        _ = try await occurrences.learn([KnownJob(job: name, definitionHash: "h", schedule: "")])
        try await end(scene, "failed", "error")
        if !isWritten { try await scene.run("DELETE FROM trueup.occurrence") }
        let awaited = NewOccurrence.Awaited(job: Night.job, scheduledSeconds: dueSeconds)
        _ = try await occurrences.insert(
            [NewOccurrence(job: name, definitionHash: "h", planned: planned, after: [awaited])], dealtWith: [:])
        // Its nominal time may lie ahead of the database's clock: then nobody would say yet that it did not come.
        try await scene.run("UPDATE trueup.occurrence SET state = 'due' WHERE job = '\(name)'")
        return try #require(try await occurrences.claim(for: "w", jobs: [name], leaseSeconds: 600, limit: 1).first)
    }
}
