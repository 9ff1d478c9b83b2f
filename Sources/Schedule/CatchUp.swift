/// Which missed occurrences run after a time of standstill: the key `catch_up` of a job.
public enum CatchUp: Sendable, Hashable {
    /// Missed occurrences stay missed.
    case none
    /// The last missed one runs, for all of them.
    case latest
    /// Every missed one runs, oldest first, but only the last so many.
    case all(Int)
}
