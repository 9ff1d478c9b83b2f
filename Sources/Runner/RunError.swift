/// Why a run did not start.
public enum RunError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process runs the job now (exit code 75).
    case alreadyRunning(String)
    case noAccount(String)
    case unsupported(String)
    /// A backfill over nothing.
    case emptyRange(String)

    public var description: String {
        switch self {
        case .alreadyRunning(let job): "Job \(job) is running already in another process. Nothing was done."
        case .noAccount(let account): "No Stripe client was made for account \(account)."
        case .emptyRange(let job):
            "The range of this backfill of \(job) is empty: --from must lie before --to, and before now less the job's "
                + "settle delay."
        case .unsupported(let what): "This version cannot run that: \(what)."
        }
    }
}
