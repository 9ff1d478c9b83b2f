import ArgumentParser
import Foundation
import Runner
import Store

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Starts jobs when they are due, until it is stopped; also works.",
        discussion: """
            Any number may run, on any hosts: each occurrence runs once. Changed job files are read again; wrong ones \
            leave the jobs as they were. When it is stopped, runs are given back within ten seconds, and whoever takes \
            them goes on where they were.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The environment variable with a URL that is pinged every minute while all is well.", valueName: "name"))
    var heartbeatUrlEnv: String?

    @OptionGroup var options: ScheduleOptions

    func run() async throws {
        try await options.work(as: .schedule) { work in
            let count = work.book.jobs.jobs.filter { $0.expression != nil }.count
            work.say("\(counted(count, "job")) with a schedule; this is \(work.worker.name)")
            let scheduler = Scheduler(
                book: work.book, occurrences: Occurrences(pool: work.pool), tell: { work.tell($0) })
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await scheduler.run() }
                if let heartbeatUrlEnv { group.addTask { await Self.beat(work, heartbeatUrlEnv) } }
            }
        }
    }

    /// While the database answers.
    private static func beat(_ work: ScheduledWork, _ variable: String) async {
        while !Task.isCancelled {
            if (try? await Occurrences(pool: work.pool).nowSeconds()) != nil {
                await work.ping(variable: variable, .success, "", about: "heartbeat")
            }
            try? await Task.sleep(for: .seconds(60))
        }
    }
}

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "One more worker for what schedulers find due, on any host, until it is stopped.")

    @Flag(name: .long, help: "Stop when nothing is due.")
    var untilEmpty = false

    @OptionGroup var options: ScheduleOptions

    func run() async throws {
        try await options.work(as: .work, untilEmpty: untilEmpty)
    }
}
