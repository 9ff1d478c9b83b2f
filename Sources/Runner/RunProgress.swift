import Store

/// What a run tells while it is under way, for a terminal or a log.
public enum RunProgress: Sendable {
    /// The run began or went on after a crash.
    case began(runID: Int64, resumed: Bool, periodFromSeconds: Int64, periodToSeconds: Int64)
    /// A run that was stopped before its end: nobody can go on with it any more.
    case replaced(Run)
    /// A page was staged.
    case page(RunList, objects: Int)
    /// All windows of the list are read.
    case read(RunList)
    /// The two sides are being joined, for the n-th time.
    case comparing(account: String, round: Int)
    /// So many objects are read again, one by one, before anything is said of them.
    case confirming(account: String, objects: Int)
    /// So many repairs are about to be made.
    case repairing(Int)
    /// One repair was made, or was not needed any more.
    case repaired
}
