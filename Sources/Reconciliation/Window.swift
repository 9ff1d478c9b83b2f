/// A half-open span `[from, to)` of whole Unix seconds.
///
/// Stripe's `created` has whole seconds and never changes, so a partition of a period into windows is complete
/// whatever else happens to the objects while they are read.
public struct Window: Sendable, Hashable, CustomStringConvertible {
    public let fromSeconds: Int64
    public let toSeconds: Int64

    /// - Precondition: `from <= to`.
    public init(fromSeconds: Int64, toSeconds: Int64) {
        precondition(fromSeconds <= toSeconds, "a window ends before it begins: \(fromSeconds) to \(toSeconds)")
        self.fromSeconds = fromSeconds
        self.toSeconds = toSeconds
    }

    public var seconds: Int64 { toSeconds - fromSeconds }
    public var isEmpty: Bool { fromSeconds == toSeconds }

    public func contains(_ seconds: Int64) -> Bool { seconds >= fromSeconds && seconds < toSeconds }

    /// Cuts the window into at most `parts` adjacent windows of nearly equal length, oldest first.
    /// Their union is the window; none is empty.
    public func split(into parts: Int) -> [Window] {
        let count = min(Int64(max(1, parts)), seconds)
        guard count > 1 else { return isEmpty ? [] : [self] }
        return (0..<count).map { index in
            Window(
                fromSeconds: fromSeconds + seconds / count * index + min(index, seconds % count),
                toSeconds: fromSeconds + seconds / count * (index + 1) + min(index + 1, seconds % count))
        }
    }

    /// The instant that cuts the part that is not yet read in two, when a page has come down to `cursorSeconds`
    /// (newest first): the older half, `[from, cut)`, can be given to an idle worker, the rest stays.
    /// `nil` when there is nothing worth cutting: the seconds at and above the cursor are never given away, because
    /// its page may have ended in the middle of a second.
    public func cut(belowCursor cursorSeconds: Int64, shortestSeconds: Int64 = 2) -> Int64? {
        let unreadTo = min(cursorSeconds, toSeconds)
        let unread = unreadTo - fromSeconds
        guard unread >= 2 * max(1, shortestSeconds) else { return nil }
        return fromSeconds + unread / 2
    }

    /// The same window with so many seconds more on both sides, not before the epoch.
    public func widened(bySeconds seconds: Int64) -> Window {
        Window(fromSeconds: max(0, fromSeconds - seconds), toSeconds: toSeconds + seconds)
    }

    public var description: String { "[\(fromSeconds), \(toSeconds))" }
}
