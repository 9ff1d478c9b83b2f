import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Runner
import Schedule
import Store

/// Measures the scheduler; `bench/schedule` runs it on a database of its own. Not for users: it writes jobs and
/// occurrences.
struct BenchScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-schedule", abstract: "Measures the scheduler on an empty database.", shouldDisplay: false)

    @Option(name: .long, help: "Job files that are loaded.")
    var files = 10_000

    @Option(name: .long, help: "Occurrences that are claimed and finished, for each number of workers.")
    var claims = 400

    @Option(name: .long, help: "Jobs that are due in the same second.")
    var due = 1_000

    @OptionGroup var databaseOptions: DatabaseOptions

    private struct Document: Encodable {
        struct Load: Encodable {
            let files: Int
            let loadSeconds: Double
            let nextSeconds: Double
        }

        struct Claims: Encodable {
            let workers: Int
            let perSecond: Double
        }

        struct Lateness: Encodable {
            let jobs: Int
            let places: Int
            let medianSeconds: Double
            let p99Seconds: Double
            let maxSeconds: Double
        }

        let format = "trueup.bench-schedule/1"
        let load: Load
        let claims: [Claims]
        let lateness: Lateness
    }

    func run() async throws {
        let load = try measureLoad()
        let (claims, lateness) = try await Database.with(databaseOptions, settings: nil) { database in
            var claims: [Document.Claims] = []
            for workers in [1, 2, 4, 8] {
                let pool = Pool(database.target, size: workers + 1, applicationName: "trueup bench")
                claims.append(try await measureClaims(workers, pool))
                await pool.close()
            }
            return (claims, try await measureLateness(database.target))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let document = Document(load: load, claims: claims, lateness: lateness)
        Terminal.print(String(decoding: try encoder.encode(document), as: UTF8.self))
    }

    /// The best of three: the first reads the files from the disk.
    private func measureLoad() throws -> Document.Load {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trueup-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try "accounts: {a: {secret_key_env: KEY}}\n".write(
            to: folder.appendingPathComponent("settings.yaml"), atomically: false, encoding: .utf8)
        let zones = ["America/New_York", "Europe/Berlin", "UTC", "Asia/Kolkata"]
        for number in 0..<files {
            let text = """
                description: Job number \(number).
                kind: expire
                account: a
                stale_after: 7d
                limits: {max_repairs: 500, max_repair_share: 0.05}
                schedule: "\(number % 60) \(number / 60 % 24) * * \(number % 7)"
                time_zone: \(zones[number % zones.count])
                retry: {attempts: 3, backoff: 5m}

                """
            try text.write(
                to: folder.appendingPathComponent("job-\(number).yaml"), atomically: false, encoding: .utf8)
        }
        var (load, next) = (Double.infinity, Double.infinity)
        for _ in 0..<3 {
            var set: JobSet?
            load = min(load, try seconds { set = try JobFiles.load(directory: folder.path) })
            let now = Int64(Date().timeIntervalSince1970)
            var found = 0
            next = min(
                next,
                seconds {
                    for job in set?.jobs ?? [] where job.expression?.next(after: now, in: job.zone) != nil {
                        found += 1
                    }
                })
            guard found == files else { throw CommandError("\(found) of \(files) jobs have a next time") }
        }
        return Document.Load(files: files, loadSeconds: load, nextSeconds: next)
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let took = try clock.measure(body)
        return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
    }

    private func measureClaims(_ workers: Int, _ pool: Pool) async throws -> Document.Claims {
        let occurrences = Occurrences(pool: pool)
        let now = try await occurrences.nowSeconds()
        let names = (0..<claims).map { "claim-\(workers)-\($0)" }
        _ = try await occurrences.learn(names.map { KnownJob(job: $0, definitionHash: "", schedule: "") })
        let planned = PlannedOccurrence(
            nominalSeconds: now - 1, window: OccurrenceWindow(fromSeconds: now - 60, toSeconds: now),
            notBeforeSeconds: now - 1, startBeforeSeconds: now + 3_600)
        _ = try await occurrences.insert(
            names.map { NewOccurrence(job: $0, definitionHash: "", planned: planned) }, dealtWith: [:])
        let start = ContinuousClock.now
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var count = 0
                    while let lease = try await occurrences.claim(
                        for: "w\(worker)", jobs: names, leaseSeconds: 60, limit: 1
                    ).first {
                        if try await occurrences.finish(lease, AttemptEnd(.done("clean"))) != nil { count += 1 }
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        let took = ContinuousClock.now - start
        guard done == claims else { throw CommandError("\(done) of \(claims) occurrences were claimed and finished") }
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        return Document.Claims(workers: workers, perSecond: Double(done) / seconds)
    }

    /// Jobs that are all due in one second, a scheduler that finds them, and a loop that runs nothing for each.
    private func measureLateness(_ target: ConnectionTarget) async throws -> Document.Lateness {
        let places = 64
        let pool = Pool(target, size: 8, applicationName: "trueup bench")
        let occurrences = Occurrences(pool: pool)
        let at = try await occurrences.nowSeconds() + 5
        let expression = try CronExpression("\(at % 60) \(at / 60 % 60) * * * *")
        let jobs = (0..<due).map { number in
            JobDefinition(
                name: "late-\(number)", hash: "h", kind: .expire(ExpireJob(accounts: ["a"])),
                schedule: expression.text, expression: expression)
        }
        let set = JobSet(
            settings: Settings(accounts: [AccountSettings(name: "a", secretKeyEnv: "KEY")]), jobs: jobs)
        let book = try JobBook(fingerprint: { "" }, load: { set })
        let scheduler = Scheduler(book: book, occurrences: occurrences)
        let loop = WorkLoop(
            worker: Worker(name: "bench", kind: .work, host: "", processID: 0, programVersion: Trueup.version),
            places: places, book: book, pool: pool, run: { _, _ in AttemptEnd(.done("clean")) })
        let work = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await scheduler.run() }
                group.addTask { await loop.run() }
            }
        }
        let row = try await Self.finished(due, pool)
        work.cancel()
        await work.value
        await pool.close()
        guard let row else { throw CommandError("not all of \(due) jobs ran within 80 seconds") }
        return Document.Lateness(
            jobs: due, places: places, medianSeconds: try row["median"], p99Seconds: try row["p99"],
            maxSeconds: try row["max"])
    }

    /// How late they started, once all have ended; `nil` when that does not come.
    private static func finished(_ due: Int, _ pool: Pool) async throws -> Row? {
        for _ in 0..<160 {
            try await Task.sleep(for: .milliseconds(500))
            let row = try await pool.withConnection { connection in
                try await connection.query(
                    """
                    SELECT count(*) AS done,
                        coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY late), 0) AS median,
                        coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY late), 0) AS p99,
                        coalesce(max(late), 0) AS max
                    FROM (SELECT extract(epoch FROM started_at - scheduled_at)::double precision AS late
                        FROM trueup.occurrence WHERE job LIKE 'late-%' AND state = 'done') ended
                    """)[0]
            }
            if try row["done"] as Int64 >= Int64(due) { return row }
        }
        return nil
    }
}
