/// A time in which a job was paused, half open, in Unix seconds.
public struct Pause: Sendable, Hashable {
    public var fromSeconds: Int64
    /// `nil`: it lasts.
    public var toSeconds: Int64?

    public init(fromSeconds: Int64, toSeconds: Int64?) {
        self.fromSeconds = fromSeconds
        self.toSeconds = toSeconds
    }

    public func contains(_ seconds: Int64) -> Bool {
        guard fromSeconds <= seconds else { return false }
        guard let toSeconds else { return true }
        return seconds < toSeconds
    }
}
