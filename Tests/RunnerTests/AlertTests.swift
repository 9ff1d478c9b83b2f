import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Alerts of runs")
struct AlertTests {
    private static func alerts(
        _ night: Night, _ on: [NotifyEvent], email: [String] = ["a@example.com", "b@example.com"], slack: Bool = true
    ) -> Alerts {
        var definition = night.definition()
        definition.notify = NotifyRule(on: on, email: email, slack: slack)
        return Alerts(definition, delivery: DeliverySettings(slack: SlackDelivery(urlEnv: "HOOK")))
    }

    private static func told(_ night: Night) async throws -> [String] {
        try await night.query("SELECT dedupe_key AS k FROM trueup.outbox ORDER BY dedupe_key").map { try $0["k"] }
    }

    @Test("differences that remain are told to everybody once, in the transaction that ends the run")
    func drift() async throws {
        try await Night.with(.credits(seed: 71)) { night in
            let alerts = Self.alerts(night, [.drift])
            let run = try await night.run(alerts: alerts)
            #expect(run.outcome.state == .drift)
            #expect(
                try await Self.told(night) == [
                    "alert/run-1/email/a@example.com", "alert/run-1/email/b@example.com", "alert/run-1/slack",
                ])
            let row = try await night.query(
                """
                SELECT o.subject, o.body_text, o.xmin::text = r.xmin::text AS is_together
                FROM trueup.outbox o, trueup.run r WHERE o.channel = 'email' LIMIT 1
                """)[0]
            #expect(try row["is_together"] as Bool)
            let open = run.outcome.counts.values.map(\.open).reduce(0, +)
            #expect(try row["subject"] == "Trueup: credit-invoices: \(open) differences remain (run 1)")
            let text: String = try row["body_text"]
            #expect(text.contains("missed_paid: "))
            #expect(text.contains("See: trueup findings list --job credit-invoices"))
            let slack: String = try await night.query(
                "SELECT recipient AS r FROM trueup.outbox WHERE channel = 'slack'")[0]["r"]
            #expect(slack == "HOOK")
        }
    }

    @Test("nobody hears of a plan, of what he did not ask for, or of a run that was stopped and goes on")
    func quiet() async throws {
        try await Night.with(.credits(seed: 72)) { night in
            let alerts = Self.alerts(night, NotifyEvent.allCases)
            _ = try await night.run(plan: true, alerts: alerts)
            _ = try await night.run(alerts: Self.alerts(night, [.failure, .success, .fast, .missed]))
            _ = try await night.run(alerts: Self.alerts(night, [.drift], email: [], slack: false))
            #expect(try await Self.told(night).isEmpty)
        }
    }

    @Test("a run that could not read everything is a failure, except where the schedule tries it again")
    func incomplete() async throws {
        var setup = try NightSetup.credits(seed: 73)
        setup.attempts = 2
        setup.faults = SandboxFaults(
            scripts: (2...200).map { SandboxFaults.Script(.unavailable, occurrence: $0, pathContains: "/v1/invoices") })
        try await Night.with(setup) { night in
            let alerts = Self.alerts(night, [.failure], slack: false)
            var origin = Night.origin
            origin.trigger = .schedule
            #expect(try await night.run(origin: origin, alerts: alerts).outcome.state == .incomplete)
            #expect(try await Self.told(night).isEmpty)
            #expect(try await night.run(alerts: alerts).outcome.state == .incomplete)
            #expect(try await Self.told(night).count == 2)
            let subject: String = try await night.query("SELECT subject AS s FROM trueup.outbox LIMIT 1")[0]["s"]
            #expect(subject.contains("INCOMPLETE"))
        }
    }

    @Test("an error is told where there is a database, and once for each attempt")
    func error() async throws {
        try await Night.with(.credits(seed: 74, orders: 60, plants: [:])) { night in
            let reason = "it\nbroke"
            let alerts = Self.alerts(night, [.failure], slack: false)
            let first = try await alerts.tellFailure(reason, attempt: "1", pool: night.pool)
            #expect(first == 2)
            #expect(try await alerts.tellFailure(reason, attempt: "1", pool: night.pool) == 0)
            #expect(try await alerts.tellFailure(reason, attempt: "2", pool: night.pool) == 2)
            let without = Self.alerts(night, [.drift])
            #expect(try await without.tellFailure("it broke", attempt: "3", pool: night.pool) == 0)
        }
    }

    @Test("of a report each end is told once, to those who asked for it")
    func report() async throws {
        try await Night.with(.credits(seed: 76, orders: 60, plants: [:])) { night in
            let alerts = Self.alerts(night, [.drift, .failure], email: ["a@example.com"], slack: false)
            let ends = [
                AttemptEnd(.failed("error"), detail: "report 12 did not reach everybody: s3"),
                AttemptEnd(.done("drift"), detail: "report 12"), AttemptEnd(.done("clean"), detail: "report 12"),
            ]
            var told: [Int] = []
            for end in ends + ends { told.append(try await alerts.tell(end, report: 12, pool: night.pool)) }
            #expect(told == [1, 1, 0, 0, 0, 0])
            let rows = try await night.query("SELECT subject, body_text FROM trueup.outbox ORDER BY id")
            let subjects: [String] = try rows.map { try $0["subject"] }
            #expect(
                subjects == [
                    "Trueup: credit-invoices failed (error, report 12)",
                    "Trueup: credit-invoices: differences remain (report 12)",
                ])
            let text: String = try rows[0]["body_text"]
            #expect(text.contains("did not reach everybody: s3."))
            #expect(text.contains("See: trueup report show 12"))
            #expect(try await alerts.tell(ends[1], report: 13, pool: night.pool) == 1)
            let success = Self.alerts(night, [.success], slack: true)
            #expect(try await success.tell(ends[0], report: 12, pool: night.pool) == 0)
            #expect(try await success.tell(ends[2], report: 12, pool: night.pool) == 3)
        }
    }

    /// Runs of the past, each with so many objects and seconds.
    private static func remember(_ night: Night, runs: Int, objects: Int, seconds: Int) async throws {
        for _ in 0..<runs {
            _ = try await night.query(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, started_at, ended_at,
                    stripe_objects)
                VALUES ('credit-invoices', 'manual', false, 'clean', 0, 1, '', '', '', '', 1,
                    now() - $2::bigint * interval '1 second', now(), $1)
                """, objects, seconds)
        }
    }

    @Test(
        "a run far below what is usual is told of, and one like the others is not",
        arguments: [
            (3, 100_000, 1, true), (7, 900, 4_000, true), (2, 100_000, 4_000, false), (3, 101, 1, false),
            (3, 100, 9, false),
        ])
    func fast(_ runs: Int, _ objects: Int, _ seconds: Int, _ isTold: Bool) async throws {
        try await Night.with(.credits(seed: 75, orders: 300, plants: [:])) { night in
            try await Self.remember(night, runs: runs, objects: objects, seconds: seconds)
            let alerts = Self.alerts(night, [.fast], slack: false)
            let run = try await night.run(alerts: alerts)
            #expect(run.outcome.state == .clean)
            #expect(try await !Self.told(night).isEmpty == isTold)
            guard isTold else { return }
            let subject: String = try await night.query("SELECT subject AS s FROM trueup.outbox LIMIT 1")[0]["s"]
            #expect(subject.contains("suspiciously fast"))
        }
    }
}
