import ArgumentParser
import Foundation
import Runner
import Service
import Store

struct ScheduleCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "Starts jobs when they are due, until it is stopped; also works.",
        discussion: """
            Any number may run, on any hosts: each occurrence runs once. Changed job files are read again; a job whose \
            file is wrong stays as it was known, or is left out. When it is stopped, runs are given back within ten \
            seconds, and whoever takes them goes on where they were.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The environment variable with a URL that is pinged every minute while all is well.", valueName: "name"))
    var heartbeatUrlEnv: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Serve Prometheus metrics at /metrics here; a port alone is 127.0.0.1's.", valueName: "[address:]port"),
        transform: ListenAddress.argument)
    var metricsListen: ListenAddress?

    @OptionGroup var options: ScheduleOptions

    var files: JobOptions { options.files }
    var databaseOptions: DatabaseOptions { options.databaseOptions }

    func run() async throws {
        try await options.work(as: .schedule) { work in
            let count = work.book.jobs.jobs.filter { $0.expression != nil }.count
            Terminal.tell(
                "scheduler began", "\(counted(count, "job")) with a schedule; this is \(work.worker.name)", .info,
                ["trueup.worker": "\(work.worker.name)", "trueup.jobs": "\(count)"])
            let scheduler = Scheduler(
                book: work.book, occurrences: Occurrences(pool: work.pool), tell: { work.tell($0) })
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await scheduler.run() }
                if let metricsListen { group.addTask { await Self.serve(work, metricsListen, options.log) } }
                if let heartbeatUrlEnv { group.addTask { await Self.beat(work, heartbeatUrlEnv) } }
            }
        }
    }

    /// A scheduler without metrics still schedules: where the address cannot be had, that is said once a minute.
    private static func serve(_ work: ScheduledWork, _ address: ListenAddress, _ log: LogOptions) async {
        let server = MetricsServer(address: address, logger: log.logger("metrics", atLeast: .warning)) {
            var text = await MetricsFile.text(pool: work.pool, meter: work.meter)
            text += MetricsText.jobFiles(areWrong: work.book.errors != nil)
            return text
        }
        while !Task.isCancelled {
            do {
                try await server.run { port in
                    Terminal.tell(
                        "metrics served", "metrics are at http://\(address.with(port: port))/metrics", .info,
                        ["trueup.port": "\(port)"])
                }
            } catch {
                if Task.isCancelled { return }
                Terminal.say("metrics cannot be served at \(address): \(error)", .error)
            }
            try? await Task.sleep(for: .seconds(60))
        }
    }

    /// While the database answers and the job files are right.
    private static func beat(_ work: ScheduledWork, _ variable: String) async {
        while !Task.isCancelled {
            if work.book.errors == nil, (try? await Occurrences(pool: work.pool).nowSeconds()) != nil {
                await work.heartbeat(variable)
            }
            try? await Task.sleep(for: .seconds(60))
        }
    }
}

struct WorkCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "One more worker for what schedulers find due, on any host, until it is stopped.")

    @Flag(name: .long, help: "Stop when nothing is due.")
    var untilEmpty = false

    @OptionGroup var options: ScheduleOptions

    var files: JobOptions { options.files }
    var databaseOptions: DatabaseOptions { options.databaseOptions }

    func run() async throws {
        let places = options.places
        try await options.work(as: .work, untilEmpty: untilEmpty) { work in
            Terminal.tell(
                "worker began", "up to \(counted(places, "run")) at a time; this is \(work.worker.name)", .info,
                ["trueup.worker": "\(work.worker.name)", "trueup.places": "\(places)"])
        }
    }
}

extension ListenAddress {
    /// An address of the command line.
    static func argument(_ text: String) throws -> ListenAddress {
        guard let address = ListenAddress(text) else {
            throw ValidationError(
                "“\(text)” is no address to listen on: write 9464, 127.0.0.1:9464, [::1]:9464 or 0.0.0.0:9464.")
        }
        return address
    }
}
