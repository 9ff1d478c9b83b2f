import Jobs
import PostgreSQL
import Schedule
import Store

/// What the status page shows, read at one moment.
struct StatusFigures: Sendable {
    struct Job: Sendable {
        var name: String
        var description: String
        var schedule: String
        var next: String?
        /// The last run or report of it, however it was started.
        var lastState: String?
        var lastAt: String?
        /// `run 7`, `report 7`.
        var lastName: String?
        var health: Health
    }

    /// How a job stands, with a word for it.
    enum Health: Sendable, Hashable {
        case good(String)
        case warning(String)
        case bad(String)

        var word: String {
            switch self {
            case .good(let word), .warning(let word), .bad(let word): word
            }
        }
    }

    struct Findings: Sendable {
        var kind: String
        var account: String
        /// Open ones by age: under a day, under a week, older.
        var young: Int64
        var middle: Int64
        var old: Int64
        var oldest: String
    }

    var now: String
    var jobs: [Job]
    var findings: [Findings]
    /// Seconds by which the job that is latest is behind its schedule; 0 where none is.
    var lagSeconds: Int64
    /// A scheduler has seen the jobs, or none of them has a schedule.
    var isScheduled: Bool
    var stored: StoredFigures

    /// A scheduler looks every second; so much later than a job's time, nobody does.
    static let lateSeconds: Int64 = 120

    /// - Throws: `PostgresError`: a page of half the truth is none.
    static func read(_ definitions: [JobDefinition], pool: Pool) async throws -> StatusFigures {
        let occurrences = Occurrences(pool: pool)
        let nowSeconds = try await occurrences.nowSeconds()
        let names = definitions.map(\.name)
        let states = try await occurrences.states(of: names)
        let last = try await pool.withConnection { connection in
            let runs = try await LastRun.read(isEnded: false, on: connection)
            return Dictionary(uniqueKeysWithValues: runs.map { ($0.job, $0) })
        }
        var lag: Int64 = 0
        let jobs = definitions.map { job in
            let due = states[job.name].flatMap { state in
                state.isPaused ? nil : job.expression?.next(after: state.lastNominalSeconds, in: job.zone)
            }
            let late = max(0, nowSeconds - (due ?? nowSeconds))
            if late > lateSeconds { lag = max(lag, late) }
            return Self.job(job, states[job.name], last[job.name], nowSeconds: nowSeconds, lateSeconds: late)
        }
        return StatusFigures(
            now: time(nowSeconds, in: .utc), jobs: jobs, findings: try await findings(pool), lagSeconds: lag,
            isScheduled: !states.isEmpty || definitions.allSatisfy { $0.expression == nil },
            stored: try await StoredFigures.read(pool))
    }

    private static func job(
        _ job: JobDefinition, _ state: JobState?, _ last: LastRun?, nowSeconds: Int64, lateSeconds: Int64
    ) -> Job {
        let schedule =
            job.expression.map { $0.describe(timeZone: job.timeZone) }
            ?? (job.after.isEmpty ? "by hand" : "after " + job.after.joined(separator: ", "))
        return Job(
            name: job.name, description: job.description, schedule: schedule,
            next: job.expression?.next(after: nowSeconds, in: job.zone).map { time($0, in: job.zone) },
            lastState: last?.state, lastAt: last.map { time(Int64($0.startedSeconds), in: job.zone) },
            lastName: last?.name, health: health(job, state, last, lateSeconds: lateSeconds))
    }

    private static func health(
        _ job: JobDefinition, _ state: JobState?, _ last: LastRun?, lateSeconds late: Int64
    ) -> Health {
        if let by = state?.pausedBy { return .warning("paused by \(by)") }
        if late > lateSeconds { return .bad("late by \(age(late))") }
        switch last?.state {
        case "failed": return .bad("failed")
        case "incomplete": return .bad("incomplete")
        case "interrupted": return .bad("stopped before its end")
        case "drift", "explained": return .warning("differences remain")
        case "unexplained": return .warning("differences are unexplained")
        case nil: return .warning("never ran")
        default:
            return state == nil && job.expression != nil ? .warning("no scheduler knows it") : .good("good")
        }
    }

    private static func findings(_ pool: Pool) async throws -> [Findings] {
        try await pool.withConnection {
            try await $0.query(
                """
                SELECT kind, account, count(*) FILTER (WHERE age < 86400) AS young,
                    count(*) FILTER (WHERE age >= 86400 AND age < 604800) AS middle,
                    count(*) FILTER (WHERE age >= 604800) AS old, max(age)::bigint AS oldest
                FROM (SELECT kind, account, extract(epoch FROM now() - first_seen_at) AS age
                    FROM trueup.finding WHERE state = 'open') f
                GROUP BY kind, account ORDER BY max(age) DESC, kind, account
                """
            ).map {
                Findings(
                    kind: try $0["kind"], account: try $0["account"], young: try $0["young"],
                    middle: try $0["middle"], old: try $0["old"], oldest: age(try $0["oldest"]))
            }
        }
    }

    /// `2026-11-30 02:35 -05:00`
    private static func time(_ seconds: Int64, in zone: Zone) -> String {
        let text = ISOTime.text(seconds, in: zone)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) \(text.dropFirst(19))"
    }

    /// `3 days`, `5 h`, `10 min`, `40 s`.
    static func age(_ seconds: Int64) -> String {
        switch seconds {
        case 172_800...: "\(seconds / 86_400) days"
        case 7_200...: "\(seconds / 3_600) h"
        case 120...: "\(seconds / 60) min"
        default: "\(max(0, seconds)) s"
        }
    }
}
