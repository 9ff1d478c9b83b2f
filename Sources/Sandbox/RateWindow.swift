/// The requests of the last second, exactly: at most `limit` in any second that one could choose.
struct RateWindow: Sendable {
    private var times: [Int64] = []
    private var oldest = 0

    /// How many requests lie in the second that ends now.
    var count: Int { times.count - oldest }

    /// Forgets what is a second old.
    mutating func expire(nowNanoseconds: Int64) {
        while oldest < times.count, times[oldest] <= nowNanoseconds - 1_000_000_000 { oldest += 1 }
        if oldest > 4_096 {
            times.removeFirst(oldest)
            oldest = 0
        }
    }

    mutating func add(nowNanoseconds: Int64) { times.append(nowNanoseconds) }
}
