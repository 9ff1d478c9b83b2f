import ArgumentParser
import PostgreSQL

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Nights from nothing: embedded database, a stand-in for Stripe with three accounts, planted differences.",
        discussion: """
            Fails (exit code 1) unless what is found and repaired is exactly what was planted. The database stays; it \
            is made anew by the next demo.
            """)

    @Option(name: .long, help: "The same seed plants the same differences.")
    var seed: UInt64 = 2026

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the demo's database is kept (default: “demo” in the data directory).", valueName: "dir"))
    var dataDir: String?

    @Flag(name: .long, help: "Load the tables and serve the stand-in, to try commands on; run nothing.")
    var serve = false

    func run() async throws {
        let directory = try dataDir ?? EmbeddedCluster.defaultDataDirectory() + "/demo"
        let failures = try await Signals.cancelling {
            if dataDir != nil { try DemoMark.claim(directory) }
            let cluster = EmbeddedCluster(dataDirectory: directory)
            try await cluster.start()
            do {
                let demo = Demo(seed: seed, directory: directory, cluster: cluster)
                let failures = serve ? try await demo.serve() : try await demo.run()
                _ = try await cluster.stop()
                return failures
            } catch {
                _ = try? await cluster.stop()
                throw error
            }
        }
        guard failures.isEmpty else {
            for failure in failures.prefix(20) { Terminal.say("demo: \(failure)") }
            if failures.count > 20 { Terminal.say("demo: … and \(failures.count - 20) more") }
            throw ExitCode(1)
        }
    }
}
