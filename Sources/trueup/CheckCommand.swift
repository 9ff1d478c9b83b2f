import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Schedule
import Store

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validates every job file; with --online also keys, accounts and tables.")

    @Flag(name: .long, help: "Reach the accounts and the database as well.")
    var online = false

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let set = try files.load()
        for job in set.jobs {
            Terminal.print(
                "ok  \(files.jobs)/\(job.name).yaml  \(job.kind.word) on \(job.kind.accounts.joined(separator: ", "))")
        }
        if set.jobs.isEmpty { Terminal.say("There are no jobs in \(files.jobs), only settings.") }
        if online { try await checkOnline(set) }
    }

    private func checkOnline(_ set: JobSet) async throws {
        var failures = 0
        func report(_ what: String, _ body: () async throws -> String) async {
            do {
                Terminal.print("ok  \(what)  \(try await body())")
            } catch {
                failures += 1
                Terminal.print("BAD \(what)  \(error)")
            }
        }
        let names = Array(Set(set.jobs.flatMap(\.kind.accounts))).sorted()
        for name in names {
            await report("account \(name)") {
                let accounts = try Accounts.open([name], settings: set.settings)
                let identity = try await accounts.clients[name]?.verify()
                await accounts.http.close()
                return "\(identity?.accountID ?? "?") \(identity.map { "\($0.mode)" } ?? "")"
            }
        }
        let isLive = Accounts.hasLiveKey(names, settings: set.settings)
        let (database, options) = (databaseOptions, files)
        _ = options
        try await Database.with(database, settings: set.settings, hasLiveKey: isLive) { database in
            let connection = try await Connection.open(database.target, applicationName: "trueup check")
            await report("schema trueup") {
                try await Migrator.check(connection)
                return "up to date"
            }
            for job in set.jobs {
                guard case .reconcile(let reconcile) = job.kind else { continue }
                await report("table of \(job.name)") {
                    let columns = Dictionary(
                        uniqueKeysWithValues: reconcile.table.columns.map { ($0.key.rawValue, $0.value) })
                    let table = try await OrderTable.resolve(
                        schema: reconcile.table.schema, table: reconcile.table.name, columns: columns,
                        customerColumn: "stripeCustomerId", on: connection)
                    try await table.refuseHiddenRows(on: connection)
                    return table.plainName
                }
            }
            await connection.close()
        }
        if failures > 0 { throw ExitCode(1) }
    }
}

struct JobsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Shows the jobs and when they run next.")

    @OptionGroup var files: JobOptions

    func run() throws {
        let set = try files.load()
        var table = TextTable(headings: ["job", "kind", "accounts", "schedule", "next", "what"])
        let now = Int64(Date().timeIntervalSince1970)
        for job in set.jobs {
            let next = job.expression?.next(after: now, in: job.zone)
            table.rows.append([
                job.name, job.kind.word, job.kind.accounts.joined(separator: ", "),
                job.schedule.map { "\($0) (\(job.timeZone))" } ?? "by hand", next.map(isoTime) ?? "–", job.description,
            ])
        }
        for line in table.lines { Terminal.print(line) }
    }
}
