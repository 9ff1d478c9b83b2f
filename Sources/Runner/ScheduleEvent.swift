import Store

/// What a scheduler or a worker has to say, for a log and for alerts.
public enum ScheduleEvent: Sendable {
    /// The files changed and were read: so many jobs.
    case reloaded(jobs: Int)
    /// The files are wrong; the jobs stay as they were.
    case refused(String)
    /// Nobody looked for so long: the machine slept, or the process was stopped.
    case slept(seconds: Int64)
    /// The database's clock is so far behind what was dealt with that the job will not run for so long.
    case ahead(job: String, seconds: Int64)
    /// The database cannot be reached; told once until it is back.
    case databaseLost(String)
    case databaseBack
    /// An occurrence came due, or did not run: its state and reason say which.
    case noticed(Occurrence)
    case began(Lease)
    /// The occurrence as it stands after an attempt.
    case ended(Occurrence, seconds: Double)
    /// The lease was lost, and the attempt with it.
    case lost(Lease)
    /// Given back: the worker stops, or the job runs in another process.
    case released(Lease, reason: String)
}
