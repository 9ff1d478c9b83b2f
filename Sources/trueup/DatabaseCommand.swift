import ArgumentParser
import Foundation
import Glibc
import Jobs
import PostgreSQL
import Store

struct DatabaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db", abstract: "The database: the embedded one, and migrations of any.",
        subcommands: [
            DatabaseStart.self, DatabaseStop.self, DatabaseStatus.self, DatabasePsql.self, DatabaseMigrate.self,
        ])
}

extension DatabaseOptions {
    /// ` --data-dir DIR`, for commands that are told to the user.
    var dataDirFlag: String { dataDir.map { " --data-dir " + NextCommand.word($0) } ?? "" }

    /// The other commands go elsewhere, which is worth a word beside one that speaks of the embedded database.
    static func noteOtherDatabase(_ files: JobOptions) {
        let variable: String
        do {
            variable = try files.settingsIfThere().databaseVariable
        } catch {
            return Terminal.warn("which database other commands use is not known: \(error)")
        }
        let environment = ProcessInfo.processInfo.environment
        guard let name = [variable, variable + "_FILE"].first(where: { environment[$0] != nil }) else { return }
        Terminal.say("\(name) is set: other commands use that database, not the embedded one.")
    }

    func cluster() throws -> EmbeddedCluster {
        EmbeddedCluster(dataDirectory: try dataDir ?? EmbeddedCluster.defaultDataDirectory())
    }
}

struct DatabaseStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts the embedded database and keeps it running until `db stop`.")

    @OptionGroup var files: JobOptions
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let cluster = try options.cluster()
        try await cluster.start(keepRunning: true)
        let target = try await cluster.createDatabaseIfMissing(Database.name)
        Terminal.say("The embedded database runs. It stays until: trueup db stop\(options.dataDirFlag)")
        DatabaseOptions.noteOtherDatabase(files)
        Terminal.print("\(target)")
        _ = try await cluster.stop(.whenUnused)
    }
}

struct DatabaseStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stops the embedded database, unless another process uses it.")

    @Flag(name: .long, help: "Stop it also under the hands of other processes.")
    var force = false

    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        switch try await options.cluster().stop(force ? .always : .evenIfKept) {
        case .stopped: Terminal.say("Stopped.")
        case .notRunning: Terminal.say("It was not running.")
        case .inUse, .kept:
            throw CommandError("Another process uses the embedded database. Wait for it to end, or say --force.")
        }
    }
}

struct DatabaseStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says where the embedded database is and whether it runs (exit code 0).")

    @OptionGroup var files: JobOptions
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let cluster = try options.cluster()
        // Of one that this user may not look into nobody could say that it is not made yet.
        _ = try await cluster.isMade()
        let status = await cluster.status()
        DatabaseOptions.noteOtherDatabase(files)
        Terminal.print("directory  \(status.dataDirectory)")
        Terminal.print("log        \(status.logPath)")
        Terminal.print("version    \(status.majorVersion.map { "PostgreSQL \($0)" } ?? "not made yet")")
        Terminal.print("state      \(status.processID.map { "running, process \($0)" } ?? "stopped")")
        if let target = status.target { Terminal.print("reach it   \(target.with(database: Database.name))") }
        if status.isRunning {
            Terminal.print("kept       \(status.isKeptRunning ? "until db stop" : "until its last user leaves")")
        } else {
            throw ExitCode(1)
        }
    }
}

struct DatabasePsql: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql", abstract: "Opens psql on the database; what follows -- goes to psql.")

    @Argument(parsing: .postTerminator, help: "Arguments for psql.")
    var arguments: [String] = []

    @OptionGroup var files: JobOptions
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let variable = try files.settingsIfThere().databaseVariable
        let status: Int32
        if !options.embedded, environment[variable] != nil || environment[variable + "_FILE"] != nil {
            let url = try Secrets.secret(named: variable, environment: environment)
            // Not on its command line, where every user of the machine could read the password.
            let variables = try ConnectionTarget(url.expose()).childEnvironment
            status = try Self.psql(at: "psql", variables, arguments)
        } else {
            let cluster = try options.cluster()
            try await cluster.start()
            let target = try await cluster.createDatabaseIfMissing(Database.name)
            let variables = [
                "PGHOST": target.host, "PGPORT": target.port, "PGUSER": target.user, "PGDATABASE": target.database,
            ].compactMapValues { $0 }
            status = try Self.psql(at: try ServerBinaries.find().psql, variables, arguments)
            _ = try await cluster.stop()
        }
        if status != 0 { throw ExitCode(status) }
    }

    private static func psql(at path: String, _ variables: [String: String], _ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(variables) { _, ours in ours }
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

struct DatabaseMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings schema trueup to this program's version.",
        discussion: "With --application, also creates those of the application's tables that do not exist.")

    @Flag(name: .long, help: "Create the application's tables where they do not exist.")
    var application = false

    @OptionGroup var files: JobOptions
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        try await Database.with(options, settings: files.settingsIfThere(), needsSchema: false) { database in
            let connection = try await Connection.open(database.target, applicationName: "trueup migrate")
            do {
                let applied = try await Migrator.migrate(connection)
                for label in applied { Terminal.print("applied \(label)") }
                if applied.isEmpty { Terminal.say("Schema trueup is up to date.") }
                if application {
                    let made = try await ApplicationTables.create(on: connection)
                    for name in made { Terminal.print("created public.\(name)") }
                    if made.isEmpty { Terminal.say("All of the application's tables exist.") }
                }
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
        }
    }
}
