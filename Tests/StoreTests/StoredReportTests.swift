import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Stored reports")
struct StoredReportTests {
    typealias Found = StatementScene.Found
    static let before = StatementScene.cutOff - 30 * StatementScene.day

    /// Two agencies, with a signed statement 30 days before the cut-off.
    private static func signedScene(_ body: (StatementScene, Int64) async throws -> Void) async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 40 * StatementScene.day)
            try await scene.paid(2, credits: 10, secondsBefore: 5)
            try await scene.balance(1, 110)
            let figures = try await scene.figures(scene.scope(cutOff: before))
            let id = try await scene.keep(figures, cutOff: before, signedBy: ["dana", "miriam"])
            try await body(scene, id)
        }
    }

    @Test("a statement opens where the last signed one closed")
    func opening() async throws {
        try await Self.signedScene { scene, id in
            let figures = try await scene.figures()
            #expect(figures.signed?.id == id && figures.fromSeconds == Self.before)
            let line = try #require(figures.agencies.first)
            #expect((line.opening, line.signedClosing, line.boughtLocally) == (100, 100, 10))
            #expect(figures.changedSinceSignOff.isEmpty)
            #expect(try scene.statement(figures).state == .clean)
        }
    }

    @Test("a report that only one person signed is not where the next one opens")
    func halfSigned() async throws {
        try await StatementScene.with { scene in
            try await scene.keep(try await scene.figures(), cutOff: Self.before, signedBy: ["dana"])
            let figures = try await scene.figures()
            #expect(figures.signed == nil && figures.fromSeconds == nil && figures.previous != nil)
        }
    }

    @Test("an old payment that was found after the sign-off is listed, and the roll-forward holds")
    func lateFinding() async throws {
        try await Self.signedScene { scene, _ in
            try await scene.found(Found(secondsBefore: 35 * StatementScene.day))
            let figures = try await scene.figures()
            let line = try #require(try scene.statement(figures).agencies.first)
            #expect(line.activity.opening == 107 && line.activity.changedSinceSignOff == 7)
            #expect(line.rollForward?.unexplained == 0)
            #expect(line.state == .explained)
            #expect(figures.changedSinceSignOff.map(\.item) == ["F-1", "agency 1"])
            #expect(figures.changedSinceSignOff.last?.now == .credits(107))
        }
    }

    @Test("its repair leaves the roll-forward whole, too")
    func lateRepair() async throws {
        try await Self.signedScene { scene, _ in
            try await scene.found(Found(secondsBefore: 35 * StatementScene.day))
            try await scene.paid(900, credits: 7, secondsBefore: 35 * StatementScene.day)
            try await scene.balance(1, 117)
            try await scene.run(
                "UPDATE trueup.finding SET state = 'closed', closed_at = now(), closed_how = 'repaired'")
            let figures = try await scene.figures()
            let statement = try scene.statement(figures)
            #expect(statement.agencies.first?.rollForward?.unexplained == 0)
            #expect(statement.totals.unexplained == 0)
            #expect(figures.resolved.map(\.closedHow) == [.repaired])
        }
    }

    @Test("what moves the tables alone behind the sign-off is listed and leaves the opening where it was signed")
    func localMoves() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 40 * StatementScene.day)
            try await scene.found(Found(secondsBefore: 35 * StatementScene.day))
            try await scene.balance(1, 100)
            let first = try await scene.figures(scene.scope(cutOff: Self.before))
            try await scene.keep(first, cutOff: Self.before, signedBy: ["dana", "miriam"])

            // A clerk grants it: the finding stands, about something that moves nothing any more.
            try await scene.paid(900, credits: 7, secondsBefore: 35 * StatementScene.day)
            try await scene.balance(1, 107)
            try await scene.run("UPDATE trueup.finding SET local_state = 'paid' WHERE stripe_id = 'in_900'")
            let granted = try scene.statement(try await scene.figures())
            let line = try #require(granted.agencies.first)
            #expect((line.activity.opening, line.activity.signedClosing) == (107, 107))
            #expect(line.rollForward?.unexplained == 0 && granted.state == .explained)

            // And takes back what was signed as matched.
            try await scene.run("UPDATE task_credit_stripe_invoice SET paid = false WHERE id = 1")
            try await scene.balance(1, 7)
            try await scene.found(
                Found(
                    stripeID: "in_1", localID: "1", stripeAmount: 2_000_000, localAmount: 2_000_000, credits: 100,
                    secondsBefore: 40 * StatementScene.day))
            let figures = try await scene.figures()
            let taken = try scene.statement(figures)
            #expect(taken.agencies.first?.rollForward?.unexplained == 0 && taken.totals.unexplained == 0)
            #expect(taken.totals.difference == -100 && taken.state == .explained)
            #expect(figures.changedSinceSignOff.contains { $0.field.hasPrefix("bought (local)") })
        }
    }

    @Test("an order whose credits are not those of its payment is no clean line, though its balance agrees")
    func boughtMore() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 4 * StatementScene.day)
            try await scene.balance(1, 100)
            #expect(try scene.statement(try await scene.figures()).state == .clean)
            try await scene.run("UPDATE task_credit_stripe_invoice SET credits = credits + 10 WHERE id = 1")
            let statement = try scene.statement(try await scene.figures())
            #expect(statement.state == .unexplained && statement.totals.difference == 0)
            #expect(statement.agencies.map(\.unexplainedBought) == [10])
        }
    }

    @Test("a balance that moved behind the sign-off with nothing that says why is listed")
    func balanceMoved() async throws {
        try await Self.signedScene { scene, _ in
            try await scene.balance(1, 117)
            let figures = try await scene.figures()
            #expect(figures.changedSinceSignOff.map(\.field) == ["closing recorded at the sign-off's cut-off"])
            #expect(figures.changedSinceSignOff.map { [$0.then, $0.now] } == [[.credits(100), .credits(107)]])
        }
    }

    @Test("a row that was slipped in behind the sign-off makes the opening unexplained")
    func slippedIn() async throws {
        try await Self.signedScene { scene, _ in
            try await scene.run(
                """
                INSERT INTO task_credit_adjustment (agency_id, credits, created_at)
                VALUES (1, 50, to_timestamp(\(Self.before - 5)))
                """)
            try await scene.balance(1, 160)
            let figures = try await scene.figures()
            let statement = try scene.statement(figures)
            #expect(statement.state == .unexplained)
            #expect(statement.agencies.first?.rollForward?.unexplained == 50)
            #expect(figures.changedSinceSignOff.map(\.field) == ["adjustments until the sign-off's cut-off"])
            #expect(figures.changedSinceSignOff.map(\.move) == [SignedMove(adjustments: 50)])
        }
    }

    @Test("new, resolved and unchanged items are told apart by the report before")
    func changes() async throws {
        try await StatementScene.with { scene in
            for number in 1...3 {
                try await scene.found(Found(stripeID: "in_\(number)", secondsBefore: 40 * StatementScene.day))
            }
            try await scene.keep(try await scene.figures(scene.scope(cutOff: Self.before)), cutOff: Self.before)
            try await scene.run(
                """
                UPDATE trueup.finding SET state = 'closed', closed_at = now(), closed_how = 'late_webhook'
                WHERE stripe_id = 'in_1'
                """)
            try await scene.found(Found(stripeID: "in_4"))
            let figures = try await scene.figures()
            let changes = try scene.statement(figures).changes
            #expect((changes.new, changes.resolved, changes.unchanged) == (["F-4"], ["F-1"], ["F-2", "F-3"]))
            #expect(figures.trend.map(\.openItems) == [3])
            #expect(figures.resolved.map(\.finding.stripeID) == ["in_1"])
        }
    }

    @Test("the reviewer is another person, comes after the preparer, and signs once")
    func signatures() async throws {
        try await StatementScene.with { scene in
            let id = try await scene.keep(try await scene.figures(), cutOff: StatementScene.cutOff)
            let reports = StoredReports(pool: scene.pool)
            await #expect(throws: SignError.notPrepared(id)) {
                try await reports.sign(
                    id, NewSignature(role: "reviewer", person: "miriam", note: "ok", systemUser: "miriam"))
            }
            try await reports.sign(id, NewSignature(role: "preparer", person: "dana", note: "ok", systemUser: "dana"))
            await #expect(throws: SignError.samePerson(id, person: "dana")) {
                try await reports.sign(
                    id, NewSignature(role: "reviewer", person: " Dana ", note: "ok", systemUser: " Dana "))
            }
            try await reports.sign(
                id, NewSignature(role: "reviewer", person: "miriam", note: "ok", systemUser: "miriam"))
            await #expect(throws: SignError.signed(id, role: "reviewer")) {
                try await reports.sign(id, NewSignature(role: "reviewer", person: "joe", note: "ok", systemUser: "joe"))
            }
            #expect(try await reports.signatures(of: id).map(\.person) == ["dana", "miriam"])
            await #expect(throws: SignError.noReport(99)) {
                try await reports.sign(99, NewSignature(role: "preparer", person: "dana", note: "", systemUser: "dana"))
            }
        }
    }

    @Test("reports, figures and signatures take inserts only, and the chain does not fork")
    func appendOnly() async throws {
        try await StatementScene.with { scene in
            try await scene.found(Found())
            let figures = try await scene.figures()
            try await scene.keep(figures, cutOff: StatementScene.cutOff, signedBy: ["dana", "miriam"])
            for table in ["report", "report_file", "report_line", "report_item", "report_sign"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await scene.run("DELETE FROM trueup.\(table)")
                }
                #expect(error?.sqlState == "42501", "\(table)")
            }
            let fork = await #expect(throws: PostgresError.self) {
                try await scene.run(
                    """
                    INSERT INTO trueup.report (job, name, state, verdict, cut_off_seconds, zone, as_of_seconds, run_ids,
                        formats, open_items, definition_hash, data_sha256, manifest_sha256, program_version,
                        requested_by)
                    VALUES ('balance-report', 'n', 'CLEAN', '', 1, 'UTC', 1, '{}', '{}', 0, '', '', '', '', '')
                    """)
            }
            #expect(fork?.sqlState == "23505")
        }
    }
}
