import Glibc
import Jobs
import Runner
import Schedule
import Store
import Support
import Synchronization
import Testing

@Suite("The scheduler", .timeLimit(.minutes(3)))
struct SchedulerTests {
    @Test("a look writes what came due since the last one, each with what becomes of it")
    func look() async throws {
        let scene = try await ScheduleScene([
            ScheduleScene.job("latest"), ScheduleScene.job("none", catchUp: .none), ScheduleScene.job("new"),
        ])
        try await scene.wasLastSeen("latest", hoursAgo: 3)
        try await scene.wasLastSeen("none", hoursAgo: 2)
        let scheduler = scene.scheduler()
        try await scheduler.look()
        let rows = try await scene.occurrences.latest(limit: 20)
        let latest = rows.filter { $0.job == "latest" }
        #expect(latest.map(\.state) == [.due, .missed, .missed])
        #expect(latest.map(\.reason) == [nil, "superseded_by_latest", "superseded_by_latest"])
        #expect(latest[0].window.fromSeconds == latest[2].window.fromSeconds)
        // In the first minute of an hour the last one is on time.
        #expect(rows.filter { $0.job == "none" }.last?.reason == "missed_down")
        #expect(!rows.contains { $0.job == "new" })
        try await scheduler.look()
        #expect(try await scene.occurrences.latest(limit: 20) == rows)
        await scene.close()
    }

    @Test("a scheduler that was away during two pauses tells what came due in them from what it missed")
    func pauses() async throws {
        let scene = try await ScheduleScene([
            ScheduleScene.job("latest"), ScheduleScene.job("all", catchUp: .all(4)), ScheduleScene.job("held"),
        ])
        for job in scene.book.jobs.jobs { try await scene.wasLastSeen(job.name, hoursAgo: 6) }
        for job in ["latest", "all"] {
            try await scene.pause(job, minutesAgo: 270, until: 210)
            try await scene.pause(job, minutesAgo: 90, until: 30)
        }
        try await scene.pause("held", minutesAgo: 150, until: nil)
        try await scene.scheduler().look()
        let latest = try await scene.occurrences.latest(limit: 20, job: "latest")
        #expect(latest.map(\.state) == [.due, .skipped, .missed, .missed, .skipped, .missed])
        #expect(latest.filter { $0.state == .skipped }.allSatisfy { $0.reason == "paused" })
        #expect(latest.first?.window.fromSeconds == latest.last?.window.fromSeconds)
        let all = try await scene.occurrences.latest(limit: 20, job: "all")
        #expect(all.map(\.state) == [.due, .skipped, .due, .due, .skipped, .due])
        // What was due before the pause that lasts waits for its end.
        let held = try await scene.occurrences.latest(limit: 20, job: "held")
        #expect(held.map(\.state) == [.skipped, .skipped, .skipped, .due, .missed, .missed])
        #expect(try await scene.occurrences.claim(for: "w", jobs: ["held"], leaseSeconds: 60, limit: 1).isEmpty)
        await scene.close()
    }

    @Test("several schedulers at once write each nominal time once")
    func several() async throws {
        let jobs = try (0..<30).map { try ScheduleScene.job("job-\($0)", catchUp: .all(10)) }
        let scene = try await ScheduleScene(jobs)
        for job in jobs { try await scene.wasLastSeen(job.name, hoursAgo: 4) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<5 { group.addTask { try await scene.scheduler().look() } }
            try await group.waitForAll()
        }
        let rows = try await scene.occurrences.latest(limit: 500)
        #expect(rows.count == 120)
        #expect(scene.told.filter { $0.hasSuffix(" due ") }.count == 120)
        await scene.close()
    }

    @Test("a job without a schedule comes after those it names, also when they did not run")
    func driven() async throws {
        let scene = try await ScheduleScene([
            ScheduleScene.job("a"), ScheduleScene.job("b"), ScheduleScene.job("report", nil, after: ["a", "b"]),
            ScheduleScene.job("mail", nil, after: ["report"]),
        ])
        try await scene.wasLastSeen("a", hoursAgo: 1)
        try await scene.wasLastSeen("b", hoursAgo: 1)
        let scheduler = scene.scheduler()
        try await scheduler.look()
        var rows = try await scene.occurrences.latest(limit: 20)
        #expect(Set(rows.map { "\($0.job) \($0.state)" }) == ["a due", "b due", "report waiting", "mail waiting"])
        #expect(Set(rows.map(\.scheduledSeconds)).count == 1)
        for (name, end) in [("a", AttemptEnd(.done("clean"))), ("b", AttemptEnd(.done("drift")))] {
            let lease = try #require(
                try await scene.occurrences.claim(for: "w", jobs: [name], leaseSeconds: 60, limit: 1).first)
            _ = try await scene.occurrences.finish(lease, end)
        }
        try await scheduler.look()
        rows = try await scene.occurrences.latest(limit: 20)
        #expect(rows.first { $0.job == "report" }?.state == .due)
        #expect(rows.first { $0.job == "report" }?.isIncomplete == false)
        #expect(rows.first { $0.job == "mail" }?.state == .waiting)
        await scene.close()
    }

    @Test("a job that comes after one that starts by hand is driven by the first of the others that has times")
    func drivenBesideByHand() async throws {
        let scene = try await ScheduleScene([
            ScheduleScene.job("a"), ScheduleScene.job("hand", nil), ScheduleScene.job("never", nil, after: ["hand"]),
            ScheduleScene.job("report", nil, after: ["hand", "never", "a"]),
            ScheduleScene.job("mail", nil, after: ["never", "report"]),
        ])
        try await scene.wasLastSeen("a", hoursAgo: 1)
        let scheduler = scene.scheduler()
        try await scheduler.look()
        let rows = try await scene.occurrences.latest(limit: 20)
        #expect(Set(rows.map { "\($0.job) \($0.state)" }) == ["a due", "report waiting", "mail waiting"])
        #expect(Set(rows.map(\.scheduledSeconds)).count == 1)
        let lease = try #require(
            try await scene.occurrences.claim(for: "w", jobs: ["a"], leaseSeconds: 60, limit: 1).first)
        _ = try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))
        try await scheduler.look()
        let report = try await scene.occurrences.latest(limit: 1, job: "report").first
        #expect(report?.state == .due && report?.isIncomplete == false)
        await scene.close()
    }

    @Test("a job that was dealt with far beyond the clock is told of")
    func ahead() async throws {
        let scene = try await ScheduleScene([ScheduleScene.job("a")])
        try await scene.wasLastSeen("a", hoursAgo: -24 * 365)
        try await scene.scheduler().look()
        #expect(scene.told == ["ahead"])
        await scene.close()
    }

    @Test("changed files are read again; wrong ones leave the jobs as they were and are told once")
    func reload() async throws {
        let files = Mutex((print: "1", text: "one"))
        let settings = Settings(accounts: [AccountSettings(name: "a", secretKeyEnv: "A")])
        let book = try JobBook(
            fingerprint: { files.withLock { $0.print } },
            load: {
                let name = files.withLock { $0.text }
                if name == "wrong" { throw JobFileErrors([JobFileError(file: "jobs/x.yaml", message: "no")]) }
                return JobSet(settings: settings, jobs: [try ScheduleScene.job(name)])
            })
        func change(_ print: String, _ text: String) -> String {
            files.withLock { $0 = (print, text) }
            return "\(book.reload())".prefix { $0 != "(" }.description + " " + book.jobs.jobs[0].name
        }
        #expect(change("1", "ignored") == "unchanged one")
        #expect(change("2", "wrong") == "refused one")
        #expect(change("2", "wrong") == "unchanged one")
        #expect(change("3", "two") == "changed two")
        #expect(book.generation == 2)
    }

    @Test("the files of a directory are noticed when they change")
    func directory() throws {
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        try write("accounts: {a: {secret_key_env: A}}", to: directory + "/settings.yaml")
        let book = try JobBook.directory(directory)
        #expect(book.jobs.jobs.isEmpty)
        try write("kind: expire\naccounts: [a]\nschedule: \"0 1 * * *\"\n", to: directory + "/expire.yaml")
        guard case .changed(let set) = book.reload() else {
            Issue.record("the new file was not noticed")
            return
        }
        #expect(set.jobs.map(\.name) == ["expire"])
        try write("kind: expir\n", to: directory + "/expire.yaml")
        guard case .refused(let text) = book.reload() else {
            Issue.record("the wrong file was not refused")
            return
        }
        #expect(text.contains("expire.yaml:1"))
        #expect(book.jobs.jobs.map(\.name) == ["expire"])
    }

    @Test("a report whose file names one that is gone is left out, however often files change, until that is back")
    func goneFile() throws {
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        let charges = """
            kind: reconcile
            account: a
            object: payment_intent
            table:
              name: agency_charge
              columns: {id: stripe_payment_intent_id, amount: amount_cents, currency: currency, status: status}
            schedule: "0 1 * * *"

            """
        try write("accounts: {a: {secret_key_env: A}}", to: directory + "/settings.yaml")
        try write(charges, to: directory + "/charges.yaml")
        try write("kind: report\nreport: balance\nafter: [charges]\n", to: directory + "/night.yaml")
        try write("kind: report\nreport: balance\nschedule: \"0 6 * * *\"\n", to: directory + "/all.yaml")
        try write(charges.replacing("agency_charge", with: "other_charge"), to: directory + "/others.yaml")
        let book = try JobBook.directory(directory)
        #expect(book.errors == nil && book.jobs.jobs.map(\.name) == ["all", "charges", "night", "others"])
        TestServer.remove(directory + "/charges.yaml")
        guard case .refused(let text) = book.reload() else {
            Issue.record("the file that is gone was not noticed")
            return
        }
        #expect(text.contains("\"after\" names \"charges\"") && book.jobs.jobs.map(\.name) == ["others"])
        try write(charges.replacing("agency_charge", with: "yet_another_charge"), to: directory + "/others.yaml")
        guard case .refused = book.reload() else {
            Issue.record("the files were not refused")
            return
        }
        #expect(book.jobs.jobs.map(\.name) == ["others"])
        try write(charges, to: directory + "/charges.yaml")
        guard case .changed(let set) = book.reload() else {
            Issue.record("the file that is back was not noticed")
            return
        }
        #expect(set.jobs.map(\.name) == ["all", "charges", "night", "others"])
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}
