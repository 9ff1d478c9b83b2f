import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("The newest fact of a statement")
struct NewestFactTests {
    typealias Found = StatementScene.Found
    /// Unix seconds, after everything that a scene holds.
    private static let late: Int64 = 2_800_000_000

    /// A run that ended late; what a case says of it.
    private static func run(
        job: String = "credit-invoices", trigger: String = "backfill", isPlan: Bool = false, state: String = "clean",
        from: Int64 = 0
    ) -> String {
        """
        INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds, definition_hash,
            program_version, requested_by, host, process_id, ended_at)
        VALUES ('\(job)', '\(trigger)', \(isPlan), '\(state)', \(from), \(from + 86_400), 'aa', '1', 'cron', 'host', 1,
            to_timestamp(\(late)))
        """
    }

    private static func note(_ stripeID: String) -> String {
        """
        INSERT INTO trueup.finding_note (finding_id, written_at, written_by, what)
        SELECT id, to_timestamp(\(late)), 'dana', 'accepted' FROM trueup.finding WHERE stripe_id = '\(stripeID)'
        """
    }

    /// Facts of the statement, and what is none of it.
    private static let cases: [(sql: String, isStated: Bool)] = [
        ("UPDATE trueup.run SET ended_at = to_timestamp(\(late))", true),
        (run(), true),
        // Whoever read a list of the statement.
        (
            run(job: "another") + "; INSERT INTO trueup.stripe_reading SELECT max(id), 'task_health', 'invoice', 0, 9 "
                + "FROM trueup.run", true
        ),
        (note("in_900"), true),
        ("UPDATE trueup.finding SET last_seen_at = to_timestamp(\(late)) WHERE stripe_id = 'in_900'", true),
        (
            "UPDATE trueup.finding SET state = 'closed', closed_how = 'changed_locally', "
                + "closed_at = to_timestamp(\(late)) WHERE stripe_id = 'in_900'", true
        ),
        (
            """
            INSERT INTO trueup.repair (run_id, finding_id, kind, effect, account, stripe_id, stripe_status,
                stripe_request_id, local_table, local_id, before, after, requested_by, applied_at)
            SELECT 1, id, kind, 'ungrant', account, stripe_id, 'paid', '', '', local_id, '{}', '{}', 'dana',
                to_timestamp(\(late)) FROM trueup.finding WHERE stripe_id = 'in_900'
            """, true
        ),
        // Of what is paid after the cut-off, a plan, another job, a time after the cut-off, and a run that failed.
        (note("in_901"), false),
        (run(isPlan: true), false),
        (run(job: "another"), false),
        (run(from: StatementScene.cutOff), false),
        (run(state: "failed"), false),
    ]

    @Test("is a run, a backfill, a note, a repair or an end of one of its items, and nothing else", arguments: cases)
    func newest(_ one: (sql: String, isStated: Bool)) async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 50)
            try await scene.found(Found())
            try await scene.found(Found(stripeID: "in_901", localID: "901", secondsBefore: -5))
            let before = try #require(try await scene.figures().newestSeconds)
            #expect(before < Self.late && before >= StatementScene.cutOff + 7_200)
            #expect(try await scene.figures().newestSeconds == before)
            try await scene.run(one.sql)
            #expect(try await scene.figures().newestSeconds == (one.isStated ? Self.late : before), "\(one.sql)")
        }
    }

    @Test("is the signature at whose cut-off it opens, or the report that it is compared with")
    func signature() async throws {
        try await StatementScene.with { scene in
            let cutOff = StatementScene.cutOff - StatementScene.day
            let early = try await scene.figures(scene.scope(cutOff: cutOff))
            let id = try await scene.keep(early, cutOff: cutOff)
            let made = try #require(try await StoredReports(pool: scene.pool).report(id: id)?.createdAt.seconds)
            #expect(try await scene.figures().newestSeconds ?? 0 >= made)
            for (role, person) in [("preparer", "dana"), ("reviewer", "miriam")] {
                try await StoredReports(pool: scene.pool).sign(
                    id, NewSignature(role: role, person: person, note: "Checked.", systemUser: person))
            }
            try await scene.run(
                """
                SET session_replication_role = replica;
                UPDATE trueup.report_sign SET signed_at = to_timestamp(\(Self.late)) WHERE role = 'reviewer';
                RESET session_replication_role;
                """)
            #expect(try await scene.figures().newestSeconds == Self.late)
            // A statement of the time before it knows nothing of it.
            let before = try #require(try await scene.figures(scene.scope(cutOff: cutOff)).newestSeconds)
            #expect(before < Self.late)
        }
    }
}
