import Jobs
import PostgreSQL
import Runner
import Schedule
import Store

/// What the status page shows, read at one moment.
struct StatusFigures: Sendable {
    struct Job: Sendable {
        var name: String
        var description: String
        var schedule: String
        var next: String?
        /// As `trueup jobs` has it.
        var last: JobStanding.Last?
        /// When that was.
        var lastAt: String?
        var health: JobHealth
    }

    var now: String
    var jobs: [Job]
    /// Open differences, the kind with the oldest first.
    var open: [OpenKind]
    /// How many findings are there for information: they wait for nobody.
    var information: Int64
    /// Seconds by which the job that is latest is behind its schedule; 0 where none is.
    var lagSeconds: Int64
    /// A scheduler has seen the jobs, or none of them has a schedule.
    var isScheduled: Bool
    var stored: StoredFigures

    /// - Throws: `PostgresError`: a page of half the truth is none.
    static func read(_ definitions: [JobDefinition], pool: Pool) async throws -> StatusFigures {
        let known = try await KnownJobs.read(definitions.map(\.name), pool: pool)
        let standings = definitions.map { JobStanding($0, known) }
        let findings = try await Findings(pool: pool).open()
        return StatusFigures(
            now: time(known.nowSeconds, in: .utc),
            jobs: zip(definitions, standings).map { job($0, $1, nowSeconds: known.nowSeconds) },
            open: try await pool.withConnection { try await OpenKind.read(on: $0) },
            information: findings.values.map(\.information).reduce(0, +),
            lagSeconds: standings.map(\.behindSeconds).max() ?? 0,
            isScheduled: !known.states.isEmpty || definitions.allSatisfy { $0.expression == nil },
            stored: try await StoredFigures.read(pool))
    }

    private static func job(_ job: JobDefinition, _ standing: JobStanding, nowSeconds: Int64) -> Job {
        let schedule =
            job.expression.map { $0.describe(timeZone: job.timeZone) }
            ?? (job.after.isEmpty ? "by hand" : "after " + job.after.joined(separator: ", "))
        let last = standing.last
        return Job(
            name: job.name, description: job.description, schedule: schedule,
            next: job.expression?.next(after: nowSeconds, in: job.zone).map { time($0, in: job.zone) },
            last: last, lastAt: last.map { time($0.seconds, in: job.zone) }, health: standing.health)
    }

    /// `2026-11-30 02:35 -05:00`
    private static func time(_ seconds: Int64, in zone: Zone) -> String {
        let text = ISOTime.text(seconds, in: zone)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) \(text.dropFirst(19))"
    }
}
