import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Runner
import Schedule
import Store

struct CheckCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validates every job file; with --online also keys, accounts, tables, privileges and delivery.",
        discussion: """
            Without --online nothing is reached and no key is needed. With --schema, prints the JSON Schema of the \
            files, for editors, and checks nothing.
            """)

    @Flag(name: .long, help: "Reach the accounts and the database as well. Nothing is changed there.")
    var online = false

    @Flag(name: .long, help: "Print the JSON Schema of the files.")
    var schema = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "With --schema: write job.json and settings.json into this directory instead.", valueName: "dir"))
    var write: String?

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        if online, schema { throw ValidationError("Give --online or --schema, not both.") }
        if write != nil, !schema { throw ValidationError("--write goes with --schema.") }
    }

    func run() async throws {
        if schema { return try printSchema() }
        let set = try files.load()
        let cover = ReplayCover(set)
        var isCovered = true
        for job in set.jobs {
            if let problem = cover.problem(of: job) {
                isCovered = false
                Terminal.print("BAD  \(files.jobs)/\(job.name).yaml: \(problem)")
            } else {
                Terminal.print("ok   \(files.jobs)/\(job.name).yaml: \(job.kind.inWords)")
            }
        }
        let version = Zone.databaseVersion.map { "version \($0)" } ?? "a version that does not say which"
        Terminal.say("Schedules are read with the time zone database of this machine, \(version).")
        if set.jobs.isEmpty { Terminal.say("There are no jobs in \(files.jobs), only settings.") }
        if online { try await checkOnline(set) }
        if !isCovered { throw ExitCode(1) }
    }

    private func printSchema() throws {
        guard let write else { return Terminal.print(JobSchema.json()) }
        try FileManager.default.createDirectory(atPath: write, withIntermediateDirectories: true)
        for (name, text) in [("job.json", JobSchema.jobJSON()), ("settings.json", JobSchema.settingsJSON())] {
            try text.write(toFile: write + "/" + name, atomically: true, encoding: .utf8)
            Terminal.say("written: \(write)/\(name)")
        }
    }

    private func checkOnline(_ set: JobSet) async throws {
        var report = CheckReport(next: next)
        let names = Array(Set(set.jobs.flatMap(\.kind.accounts))).sorted()
        var owners: [String: String] = [:]
        var answered: [String: String?] = [:]
        for name in names {
            await report.line("account \(name)") {
                let (id, words) = try await checkAccount(name, set.settings)
                answered[name] = .some(id)
                if let id, let other = owners.updateValue(name, forKey: id) {
                    throw CommandError(
                        "its key belongs to \(id), as that of account \(other) does: two names with one account. "
                            + "One of them has the wrong key, or is one too many")
                }
                return words
            }
        }
        do {
            let isLive = Accounts.hasLiveKey(names, settings: set.settings)
            report = try await Database.with(
                databaseOptions, settings: set.settings, hasLiveKey: isLive, needsSchema: false
            ) { [report, answered] database in
                try await checkDatabase(database, set, report, keys: answered)
            }
        } catch {
            await report.line("database") { throw error }
        }
        for part in DeliveryCheck(set: set, environment: ProcessInfo.processInfo.environment).parts {
            await report.line(part.what, part.body)
        }
        if report.failures > 0 {
            Terminal.say("\(counted(report.failures, "problem")). Nothing was changed.")
            throw ExitCode(1)
        }
    }

    /// - Returns: the account's id, where the key may say it; and what there is to say.
    private func checkAccount(_ name: String, _ settings: Settings) async throws -> (id: String?, words: String) {
        let accounts = try Accounts.open([name], settings: settings)
        defer { Task { await accounts.http.close() } }
        guard let client = accounts.clients[name] else { throw CommandError("settings.yaml has no such account") }
        let identity = try await client.verify()
        // A restricted key may not be allowed to say whose it is.
        guard let id = identity.accountID else {
            return (nil, "\(identity.mode) mode; its key may not read /v1/account")
        }
        return (id, "\(id), \(identity.mode) mode")
    }

    /// Whether the key belongs to the account that earlier runs, and the settings, have known under this name.
    /// - Parameter found: the account that it belongs to; `nil` where it may not say so.
    private func checkKey(
        _ name: String, _ found: String?, _ settings: Settings, isShared: Bool, _ connection: Connection
    ) async throws -> String {
        guard let found else { return "may not say whose it is" }
        if let other = settings.accounts.first(where: { $0.name != name && $0.accountID == found }) {
            throw CommandError(
                "it belongs to \(found), which settings.yaml says is account \(other.name). Check that the keys are "
                    + "not swapped")
        }
        let others = try await KnownAccounts.names(of: found, except: name, on: connection)
        guard others.isEmpty else {
            throw CommandError(
                "it belongs to \(found), which earlier runs have known as \(others.joined(separator: ", ")). "
                    + "Check that the keys are not swapped; if the account was renamed, forget the old name with: "
                    + next.onJobs("trueup db psql")
                    + " -- -c \"DELETE FROM trueup.account WHERE account_id = '\(found)'\"")
        }
        let isKnown = try await KnownAccounts.hold(name: name, accountID: found, on: connection)
        let words = isKnown ? "the account of earlier runs, \(found)" : "no run has used this account yet"
        // A key of another account would pass every other check, and its invoices would all be "missing locally". Of
        // two names with one account, one has the wrong key: neither is to be held to it.
        let isHeld = settings.account(named: name)?.accountID != nil
        return isHeld || isShared
            ? words
            : words + "; if \(found) is the right one, hold the key to it: account_id: \(found) in settings.yaml"
    }

    /// - Parameter found: the accounts whose keys Stripe took, with their ids where the keys may say them.
    private func checkDatabase(
        _ database: Database, _ set: JobSet, _ start: CheckReport, keys found: [String: String?]
    ) async throws -> CheckReport {
        var report = start
        let connection = try await Connection.open(database.target, applicationName: "trueup check")
        await report.line("database") {
            database.cluster == nil ? "\(database.target)" : "embedded, \(database.target)"
        }
        await report.line("schema trueup") {
            try await Migrator.check(connection)
            let missing = try await TablePrivileges.missingOnTrueup(on: connection)
            guard missing.isEmpty else { throw CommandError(missing.joined(separator: "; ")) }
            return "up to date"
        }
        // Without the schema nothing is known of earlier runs, which is said already.
        for (name, id) in report.failures == start.failures ? found.sorted(by: { $0.key < $1.key }) : [] {
            let isShared = found.contains { $0.key != name && $0.value == id }
            await report.line("key of \(name)") {
                try await checkKey(name, id, set.settings, isShared: isShared, connection)
            }
        }
        let pool = Pool(database.target, size: 1, applicationName: "trueup check")
        for job in set.jobs {
            await report.line("tables of \(job.name)") {
                let names = try await JobTables.names(of: job, jobs: set.jobs, pool: pool)
                let missing = try await JobTables.missingPrivileges(of: job, jobs: set.jobs, pool: pool)
                guard missing.isEmpty else { throw CommandError(missing.joined(separator: "; ")) }
                return names.isEmpty ? "none" : names.joined(separator: ", ")
            }
        }
        if report.failures == 0 { await checkWebhooks(set, pool, &report) }
        await pool.close()
        await connection.close()
        return report
    }

    private func checkWebhooks(_ set: JobSet, _ pool: Pool, _ report: inout CheckReport) async {
        let found: LiveTables
        do {
            found = try await LiveTables.resolve(set.jobs, pool: pool)
        } catch {
            return await report.line("webhooks") { throw error }
        }
        if found.byAccount.values.contains(where: { $0.orders != nil }) {
            await report.notes("packages") {
                try await pool.withConnection { try await CreditPackage.all(on: $0) }.compactMap(\.complaint)
            }
        }
        for (name, tables) in found.byAccount.sorted(by: { $0.key < $1.key }) {
            let check = WebhookCheck(name: name, settings: set.settings, tables: tables)
            await report.notes("webhooks of \(name)") { try await check.lines() }
        }
    }
}

/// One line for each thing that was tried.
private struct CheckReport: Sendable {
    private(set) var failures = 0
    private let next: NextCommand

    init(next: NextCommand) { self.next = next }

    /// What is neither good nor bad by itself: that is for a person to say.
    mutating func notes(_ what: String, _ body: () async throws -> [String]) async {
        do {
            for text in try await body() { Terminal.print("note \(what): \(text)") }
        } catch {
            failures += 1
            Terminal.print("BAD  \(what): \(explanation(of: error, next: next))")
        }
    }

    mutating func line(_ what: String, _ body: () async throws -> String) async {
        do {
            Terminal.print("ok   \(what): \(try await body())")
        } catch {
            failures += 1
            Terminal.print("BAD  \(what): \(explanation(of: error, next: next))")
        }
    }
}
