import Glibc

/// The seeds of a property that is tried many times.
public enum Seeds {
    /// `count` seeds from `first`; `TRUEUP_TEST_SEEDS=20` makes it twenty times as many. A failure names its seed.
    public static func range(_ first: UInt64, _ count: Int) -> Range<UInt64> {
        let factor = getenv("TRUEUP_TEST_SEEDS").flatMap { Int(String(cString: $0)) } ?? 1
        return first..<(first + UInt64(count * max(1, factor)))
    }
}
