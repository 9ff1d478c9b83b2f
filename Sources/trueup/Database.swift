import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Store
import Synchronization

/// The database of a command: the one that the environment names, else the embedded one.
struct Database: Sendable {
    let target: ConnectionTarget
    /// Set when it is the embedded one, which is stopped at the end unless others use it.
    let cluster: EmbeddedCluster?

    static let name = "trueup"

    private static let lastVariable = Mutex("DATABASE_URL")
    /// The environment variable that the command looked for its database in, for what is said of errors.
    static var variable: String { lastVariable.withLock { $0 } }

    /// Opens the way to the database.
    /// - Parameters:
    ///   - settings: `nil` where there are none; then `DATABASE_URL` counts.
    ///   - hasLiveKey: with a live key, an embedded database must be asked for.
    ///   - needsSchema: a database without schema `trueup`, or with that of another version, is refused.
    ///   - waits: a server that cannot be reached is waited for, until the task is cancelled.
    ///   - found: told where the database is, before its schema is looked at.
    static func open(
        _ options: DatabaseOptions, settings: Settings?, hasLiveKey: Bool = false, needsSchema: Bool = true,
        waits: Bool = false, found: (ConnectionTarget) -> Void = { _ in }
    ) async throws -> Database {
        let environment = ProcessInfo.processInfo.environment
        let variable = settings.databaseVariable
        lastVariable.withLock { $0 = variable }
        if !options.embedded, environment[variable] != nil || environment[variable + "_FILE"] != nil {
            let url = try Secrets.secret(named: variable, environment: environment)
            let database = Database(target: try ConnectionTarget(url.expose()), cluster: nil)
            if waits { try await database.waitForServer() }
            found(database.target)
            if needsSchema { try await database.checkSchema() }
            return database
        }
        if hasLiveKey, !options.embedded {
            throw CommandError(
                "A live Stripe key is set, but \(variable) is not. Set \(variable) to the application's database, or "
                    + "say --embedded if the embedded one is meant.")
        }
        let cluster = try options.cluster()
        // A directory that is misspelt would be a new database without anything in it.
        if let dataDir = options.dataDir, try await !cluster.isMade() {
            throw CommandError(
                "There is no database in \(dataDir). Check --data-dir, or make one with: trueup db start"
                    + options.dataDirFlag)
        }
        let database = Database(target: try await cluster.start(asks: false).with(database: name), cluster: cluster)
        found(database.target)
        do {
            try await database.migrate()
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    /// Whether a database is named, or an embedded one was made before.
    static func exists(_ options: DatabaseOptions, settings: Settings?) async throws -> Bool {
        let (variable, environment) = (settings.databaseVariable, ProcessInfo.processInfo.environment)
        let isNamed = environment[variable] != nil || environment[variable + "_FILE"] != nil
        if options.dataDir != nil || (isNamed && !options.embedded) { return true }
        return try await options.cluster().isMade()
    }

    /// The first time the embedded server does not know the database yet.
    private func connectMakingDatabase() async throws -> Connection {
        do {
            return try await Connection.open(target, applicationName: "trueup migrate")
        } catch {
            // libpq does not say which error the server refused the connection with.
            guard let cluster else { throw error }
            // It may have to recover first, too.
            try await cluster.start()
            try await cluster.createDatabaseIfMissing(Self.name)
            return try await Connection.open(target, applicationName: "trueup migrate")
        }
    }

    /// Between two messages that a server is still away.
    private static let sayEverySeconds = 60.0

    /// Comes back once the server accepts a connection.
    /// - Throws: what the server itself says against the connection, such as of a wrong password or an unknown
    ///   database: waiting does not mend that; `CancellationError`.
    private func waitForServer() async throws {
        var saidAt: ContinuousClock.Instant?
        while true {
            do {
                try await Connection.open(target, applicationName: "trueup").close()
                if saidAt != nil { Terminal.tell("database there", "the database is there", .info, [:]) }
                return
            } catch {
                guard error.isServerAway else { throw error }
                let now = ContinuousClock.now
                if saidAt.map({ (now - $0) / .seconds(1) >= Self.sayEverySeconds }) ?? true {
                    saidAt = now
                    Terminal.tell(
                        "waiting for the database",
                        sentence(
                            "the database cannot be reached, and is waited for: \(reason(of: error))",
                            and: "This goes on by itself once it is there"), .warning, [:])
                }
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func checkSchema() async throws {
        let connection = try await Connection.open(target, applicationName: "trueup")
        do {
            try await Migrator.check(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// The embedded database belongs to Trueup: its schema follows the program by itself.
    private func migrate() async throws {
        let connection = try await connectMakingDatabase()
        do {
            _ = try await Migrator.migrate(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    func close() async {
        // Where it cannot be stopped it goes on running, and the next command finds it.
        _ = try? await cluster?.stop()
    }

    /// Opens the database, runs the body and closes it, however the body ends.
    static func with<T: Sendable>(
        _ options: DatabaseOptions, settings: Settings?, hasLiveKey: Bool = false, needsSchema: Bool = true,
        waits: Bool = false, found: (ConnectionTarget) -> Void = { _ in }, _ body: (Database) async throws -> T
    ) async throws -> T {
        let database = try await open(
            options, settings: settings, hasLiveKey: hasLiveKey, needsSchema: needsSchema, waits: waits, found: found)
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            let explained = await database.explained(error)
            await database.close()
            throw explained
        }
    }

    /// An error of the body, with where to look where the embedded server went away, and what to grant where a right is
    /// missing.
    func explained(_ error: any Error) async -> any Error {
        if let missing = await missingRights(error) { return CommandError(sentence(reason(of: error), and: missing)) }
        guard let log = await logIfLost(error) else { return error }
        return CommandError(
            sentence(
                reason(of: error),
                and: "The embedded database's log may say why: \(log). Run the same command again: it starts the "
                    + "database, and goes on from what was committed"))
    }

    /// What the role lacks on Trueup's own schema, where an error says that it lacks something.
    private func missingRights(_ error: any Error) async -> String? {
        guard (error as? PostgresError)?.sqlState == "42501" else { return nil }
        do {
            let connection = try await Connection.open(target, applicationName: "trueup")
            let missing: [String]
            do {
                missing = try await TablePrivileges.missingOnTrueup(on: connection)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            return missing.isEmpty ? nil : missing.joined(separator: "; ")
        } catch {
            // The error is said as it is, with what a role needs in general.
            return nil
        }
    }

    /// The log of the embedded server, where an error says that it went away.
    private func logIfLost(_ error: any Error) async -> String? {
        guard let error = error as? PostgresError, error.isConnectionLost, let cluster else { return nil }
        return await cluster.status().logPath
    }
}

extension Settings? {
    /// The environment variable that names the database.
    var databaseVariable: String { self?.databaseURLEnv ?? "DATABASE_URL" }
}

/// An error with nothing but a sentence for the user.
struct CommandError: Error, CustomStringConvertible {
    let description: String
    /// The exit code.
    let code: Int32

    init(_ description: String, code: Int32 = 1) {
        self.description = description
        self.code = code
    }
}
