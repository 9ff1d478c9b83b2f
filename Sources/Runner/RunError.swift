import Store

/// Why a run did not start.
public enum RunError: AdvisesCommand, Equatable {
    /// Another process runs the job now (exit code 75).
    case alreadyRunning(String)
    case noAccount(String)
    /// Nobody has held the account's name to a Stripe account yet.
    case unknownAccount(String)
    case unsupported(String)
    /// No reconcile job says which table something is in.
    case noTable(String)
    /// No reconcile job says which tables the events of an account are about.
    case uncovered(String, account: String)
    /// A backfill over nothing.
    case emptyRange(String)
    /// It took longer than the job's `timeout`.
    case timedOut(String, seconds: Int64, isPlan: Bool)

    public var advice: Advice {
        switch self {
        case .alreadyRunning(let job):
            "Job \(job) is running already in another process. Nothing was done. See: \(command: "trueup runs")"
        case .noAccount(let account): "No Stripe client was made for account \(account)."
        case .unknownAccount(let account):
            "No run has used account \(account) yet, only a plan: its key may be another one's here."
        case .emptyRange(let job):
            """
            The range of this backfill of \(job) is empty: --from must lie before --to, and before now less the job's \
            settle delay.
            """
        case .uncovered(let job, let account):
            """
            No reconcile job covers account \(account) for the events of \(job): add one, which says what the tables \
            are, or take the account out.
            """
        case .noTable(let what):
            """
            In the job files \(what), so nobody knows their table. Name another account, or add such a job: \
            see \(command: "trueup check").
            """
        case .timedOut(let job, let seconds, let isPlan):
            """
            Job \(job) was stopped after \(seconds) s, its timeout. What was read and repaired stays. To go on from \
            there: \(command: "trueup run " + job + (isPlan ? " --plan" : ""))
            """
        case .unsupported(let what): "This version cannot run that: \(what)."
        }
    }
}
