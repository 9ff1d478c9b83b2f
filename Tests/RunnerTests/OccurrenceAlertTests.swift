import Jobs
import Runner
import Schedule
import Store
import Support
import Testing

@Suite("Alerts of occurrences")
struct OccurrenceAlertTests {
    private static func job(
        _ name: String, _ on: [NotifyEvent], catchUp: CatchUp = .latest, attempts: Int = 1
    ) throws -> JobDefinition {
        var job = try ScheduleScene.job(name, catchUp: catchUp, attempts: attempts)
        job.notify = NotifyRule(on: on, email: ["a@example.com"])
        return job
    }

    private static func told(_ scene: ScheduleScene) async throws -> [(subject: String, text: String)] {
        try await scene.pool.withConnection { connection in
            try await connection.query("SELECT subject, body_text FROM trueup.outbox ORDER BY id")
        }.map { (try $0["subject"], try $0["body_text"]) }
    }

    @Test("what was missed while no scheduler ran is told once, one message for each job")
    func missed() async throws {
        let scene = try await ScheduleScene([
            Self.job("a", [.missed], catchUp: .none), Self.job("b", [.failure]), Self.job("c", [.missed]),
        ])
        for job in ["a", "b", "c"] { try await scene.wasLastSeen(job, hoursAgo: 30) }
        try await scene.scheduler().look()
        let alerts = OccurrenceAlerts(book: scene.book, occurrences: scene.occurrences)
        // Several processes look at once.
        let news = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await alerts.tell() } }
            return try await group.reduce(0, +)
        }
        #expect(news > 80)
        let told = try await Self.told(scene)
        #expect(told.count == 2)
        #expect(told.first?.subject.hasPrefix("Trueup: a: ") == true)
        #expect(told.first?.subject.hasSuffix("times it did not run") == true)
        #expect(told.first?.text.contains("no scheduler ran, or the machine slept") == true)
        #expect(told.first?.text.contains("earlier times") == true)
        #expect(told.last?.text.contains("the latest occurrence covers its time") == true)
        #expect(try await alerts.tell() == 0)
        #expect(try await Self.told(scene).count == 2)
        await scene.close()
    }

    @Test("one that was given up is a failure, one that is tried again is not, and a pause is no news")
    func failed() async throws {
        let scene = try await ScheduleScene([
            Self.job("once", [.failure, .missed]), Self.job("twice", [.failure], attempts: 2),
            Self.job("paused", NotifyEvent.allCases),
        ])
        for job in scene.book.jobs.jobs { try await scene.due(job) }
        for name in ["once", "twice"] {
            let lease = try #require(
                try await scene.occurrences.claim(for: "w", jobs: [name], leaseSeconds: 60, limit: 1).first)
            _ = try await scene.occurrences.finish(lease, AttemptEnd(.failed("error"), detail: "No route to Stripe."))
        }
        _ = try await scene.occurrences.pause(
            KnownJob(job: "paused", definitionHash: "h", schedule: ""), by: "me@here")
        try await scene.pool.withConnection { connection in
            _ = try await connection.execute(
                "UPDATE trueup.pause SET paused_at = paused_at - interval '1 minute' WHERE job = 'paused'")
        }
        _ = try await scene.occurrences.sweep()
        let alerts = OccurrenceAlerts(book: scene.book, occurrences: scene.occurrences)
        #expect(try await alerts.tell() == 2)
        let told = try await Self.told(scene)
        #expect(told.map(\.subject) == ["Trueup: once failed (error)"])
        #expect(told.first?.text.contains("No route to Stripe.") == true)
        await scene.close()
    }
}
