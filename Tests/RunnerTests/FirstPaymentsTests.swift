import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Store
import Support
import Testing

@Suite("Payments that the pages of a first reading write")
struct FirstPaymentsTests {
    /// What is kept of every payment, but for the run that wrote it.
    private static func payments(_ night: Night) async throws -> [String] {
        try await night.query(
            """
            SELECT concat_ws(' ', account, object, id, coalesce(agency_id::text, '-'), coalesce(customer, '-'), amount,
                currency, created_seconds, paid_seconds) AS line
            FROM trueup.stripe_payment ORDER BY id COLLATE "C", account, object
            """
        ).map { try $0["line"] }
    }

    private static func ofPages(_ object: String, _ night: Night) async throws -> Int {
        try await night.number("SELECT coalesce(sum(payments), 0) FROM trueup.window WHERE object = '\(object)'")
    }

    /// Somebody has read a second of every list: whoever reads them now is not the first.
    private static func readBefore(_ night: Night) async throws {
        _ = try await night.query(
            """
            WITH before AS (INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds,
                    period_to_seconds, definition_hash, program_version, requested_by, host, process_id, ended_at)
                VALUES ('before', 'backfill', false, 'clean', 0, 1, 'x', '0', 'tests', 'here', 1, now()) RETURNING id)
            INSERT INTO trueup.stripe_reading (run_id, account, object, from_seconds, to_seconds)
            SELECT id, account, object, 0, 1 FROM before, unnest(ARRAY['task_health', 'medflyt', 'default']) account,
                unnest(ARRAY['invoice', 'payment_intent']) object
            """)
    }

    @Test("they are those that the end of a run finds by itself, of every account and object")
    func same() async throws {
        var setup = try NightSetup.all(seed: 1_301)
        setup.lookBackSeconds = 401 * 86_400
        var written: [String] = []
        try await Night.with(setup) { night in
            for job in night.jobs { _ = try await night.run(definition: job) }
            written = try await Self.payments(night)
            let (invoices, intents) = (
                try await Self.ofPages("invoice", night), try await Self.ofPages("payment_intent", night)
            )
            #expect(invoices > 300 && intents > 300, "\(invoices) invoices, \(intents) intents")
            #expect(written.count >= invoices + intents)
        }
        try await Night.with(setup) { night in
            try await Self.readBefore(night)
            for job in night.jobs { _ = try await night.run(definition: job) }
            #expect(try await Self.ofPages("invoice", night) == 0)
            #expect(try await Self.ofPages("payment_intent", night) == 0)
            #expect(try await Self.payments(night) == written)
        }
    }

    @Test("a payment that is there already ends that, and costs nothing else")
    func inTheWay() async throws {
        var setup = try NightSetup.credits(seed: 1_302)
        setup.lookBackSeconds = 401 * 86_400
        var (written, counts): ([String], [FindingKind: KindCount]) = ([], [:])
        var newest = ""
        try await Night.with(setup) { night in
            counts = try await night.run().outcome.counts
            written = try await Self.payments(night)
            newest = try await night.query(
                "SELECT id FROM trueup.stripe_payment WHERE object = 'invoice' ORDER BY created_seconds DESC LIMIT 1")[
                    0]["id"]
            #expect(try await Self.ofPages("invoice", night) > 300)
        }
        try await Night.with(setup) { night in
            // Of the first page, and it says something else.
            _ = try await night.query(
                """
                INSERT INTO trueup.stripe_payment (account, object, id, amount, currency, created_seconds,
                    paid_seconds, run_id)
                VALUES ('task_health', 'invoice', $1, 1, 'eur', 1, 1, 0)
                """, newest)
            #expect(try await night.run().outcome.counts == counts)
            #expect(try await Self.payments(night) == written)
            #expect(try await Self.ofPages("invoice", night) < written.count)
            #expect(try await night.number("SELECT count(*) FROM trueup.window WHERE NOT is_done") == 0)
        }
    }
}
