import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("Scheduler and workers as processes", .serialized, .timeLimit(.minutes(5)))
struct WorkerTests {
    private static let drafts: [Plant: Int] = {
        var plants = Scene.plants
        plants[.draftStaleOpen] = 40
        return plants
    }()

    @Test(
        "one worker killed, one frozen until after its lease, or for long: the run ends as if nothing had happened",
        arguments: [true, false])
    func killedAndFrozen(_ wakesSoon: Bool) async throws {
        let now = Int64(time(nil))
        var expected = ""
        try await Scene.with(orders: 4_000, plants: Self.drafts, nowSeconds: now) { scene in
            let undisturbed = try await scene.program.run("run", Scene.job)
            #expect(undisturbed.status == 2, "\(undisturbed.everything)")
            expected = try await scene.state()
        }
        try await Scene.with(orders: 4_000, plants: Self.drafts, latencyMilliseconds: 120, nowSeconds: now) { scene in
            try await scene.due()
            let first = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: Moment.reading.rawValue)
            _ = try await first.signal(SIGKILL)
            let second = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: "\(Moment.repairing.rawValue) AND (SELECT attempt FROM trueup.occurrence) = 2")
            kill(second.processID, SIGSTOP)
            let third = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: "(SELECT attempt FROM trueup.occurrence) >= 3")
            if wakesSoon { kill(second.processID, SIGCONT) }
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 60)
            if !wakesSoon {
                kill(second.processID, SIGCONT)
                try await third.wait(forTalk: "was disconnected")
            }
            try await second.wait(forTalk: "lost its lease")
            #expect(try await third.signal(SIGTERM).status == 0)
            #expect(try await second.signal(SIGTERM).status == 0)
            #expect(try await scene.state() == expected)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 1)
            #expect(try await scene.value("SELECT failures AS value FROM trueup.occurrence", as: Int32.self) == 2)
        }
    }

    @Test("the scheduler runs a job when it is due, tells of it, and stops in order")
    func schedule() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"*/2 * * * * *\"\n", to: "jobs/\(Scene.job).yaml")
            let running = try scene.program.start("schedule")
            try await scene.wait(until: "(SELECT count(*) FROM trueup.occurrence WHERE state = 'done') >= 2")
            let listed = try await scene.program.run("jobs")
            #expect(listed.output.contains("  health    ok"), "\(listed.everything)")
            #expect(listed.output.contains(" clean, run "))
            let paused = try await scene.program.run("jobs", "pause", Scene.job)
            #expect(paused.status == 0 && paused.talk.contains("is paused"))
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.occurrence WHERE reason = 'paused')")
            #expect(try await scene.program.run("jobs").output.contains("  health    paused by "))
            #expect(try await scene.program.run("jobs", "resume", Scene.job).talk.contains("starts again"))
            try scene.folder.write(Scene.jobFile + "schedule: \"nonsense\"\n", to: "jobs/\(Scene.job).yaml")
            try await running.wait(forTalk: "the job files are wrong")
            let start = ContinuousClock.now
            let stopped = try await running.signal(SIGTERM)
            #expect(stopped.status == 0, "\(stopped.talk)")
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(stopped.output.isEmpty)
            #expect(!stopped.talk.contains(Scene.key))
        }
    }

    @Test("a hang-up stops a worker in order, and its run is given back; one started with nohup goes on")
    func hangUp() async throws {
        try await Scene.with(orders: 3_000, latencyMilliseconds: 120) { scene in
            try await scene.due()
            let running = try scene.program.start("work")
            try await scene.wait(until: Moment.reading.rawValue)
            let stopped = try await running.signal(SIGHUP)
            #expect(stopped.status == 0, "\(stopped.talk)")
            let state = "SELECT state || ' ' || failures || coalesce(' ' || lease_owner, '') AS value"
            #expect(try await scene.value("\(state) FROM trueup.occurrence", as: String.self) == "due 0")
            var program = scene.program
            program.isHangUpIgnored = true
            let going = try program.start("work", "--until-empty")
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'running'")
            kill(going.processID, SIGHUP)
            let end = try await going.result()
            #expect(end.status == 0, "\(end.talk)")
            #expect(try await scene.value("\(state) FROM trueup.occurrence", as: String.self) == "done 0")
        }
    }

    @Test("a worker that was told to ends when nothing is due")
    func untilEmpty() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try await scene.due()
            let result = try await scene.program.run("work", "--until-empty")
            #expect(result.status == 0, "\(result.talk)")
            #expect(result.talk.contains("up to 2 runs at a time; this is "), "\(result.talk)")
            #expect(try await scene.value("SELECT state AS value FROM trueup.occurrence", as: String.self) == "done")
        }
    }

    @Test("cron print writes what it prints")
    func cronPrint() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"15 2 * * *\"\ntime_zone: America/New_York\n",
                to: "jobs/\(Scene.job).yaml")
            let printed = try await scene.program.run("cron", "print", "--for", "crontab")
            #expect(printed.status == 0)
            #expect(
                printed.output.contains(
                    "CRON_TZ=America/New_York\n15 2 * * * trueup run --quiet --jobs /etc/trueup/jobs \(Scene.job)\n"))
            let written = try await scene.program.run("cron", "print", "--for", "all", "--write", "cron")
            #expect(written.status == 0 && written.output.isEmpty)
            #expect(try scene.folder.text(of: "cron/crontab") == printed.output)
            #expect(try scene.folder.text(of: "cron/kubernetes.yaml").contains("timeZone: \"America/New_York\""))
            try FileManager.default.moveItem(
                atPath: scene.folder.path + "/cron/systemd/trueup-\(Scene.job).timer",
                toPath: scene.folder.path + "/cron/systemd/trueup-older.timer")
            let again = try await scene.program.run("cron", "print", "--for", "systemd", "--write", "cron")
            #expect(again.talk.contains("trueup-older.timer is no timer of these jobs any more"), "\(again.talk)")
            #expect(!again.talk.contains("\(Scene.job).timer is no timer"))
        }
    }
}
