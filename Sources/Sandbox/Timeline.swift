/// How a history spreads its objects over time.
public enum SandboxSkew: String, Sendable, CaseIterable {
    /// Evenly, with a little jitter.
    case even
    /// Half of the objects in 2 % of the time, 5,000 in one minute and 300 in one second (fewer when there are few).
    case bursts
}

/// The creation times of a history: a monotone function of the index, so that a window of time is a range of indices.
struct Timeline: Sendable {
    private struct Stretch: Sendable {
        var first: Int64
        var count: Int64
        var fromSeconds: Double
        var lengthSeconds: Double
    }

    let count: Int64
    private let seed: UInt64
    private let stretches: [Stretch]

    /// `count` objects in `[fromSeconds, toSeconds)`.
    init(count: Int64, fromSeconds: Int64, toSeconds: Int64, skew: SandboxSkew, seed: UInt64) {
        precondition(count >= 0 && fromSeconds < toSeconds, "a history needs time")
        self.count = count
        self.seed = seed
        let start = Double(fromSeconds)
        let length = Double(toSeconds - fromSeconds)
        guard skew == .bursts, count >= 40, length > 10_000 else {
            stretches = [Stretch(first: 0, count: count, fromSeconds: start, lengthSeconds: length)]
            return
        }
        let minute = min(5_000, count / 10)
        let second = min(300, count / 20)
        let dense = count / 2
        let rest = count - minute - second - dense
        let quarter = rest / 4
        var first: Int64 = 0
        stretches = [
            (quarter, 0, 0.3 * length), (minute, 0.3 * length, 60), (quarter, 0.31 * length, 0.29 * length),
            (dense, 0.6 * length, 0.02 * length), (quarter, 0.62 * length, 0.18 * length),
            (second, (0.8 * length).rounded(.down), 1), (rest - 3 * quarter, 0.81 * length, 0.19 * length),
        ].map { (part: (count: Int64, from: Double, length: Double)) in
            defer { first += part.count }
            return Stretch(
                first: first, count: part.count, fromSeconds: (start + part.from).rounded(.down),
                lengthSeconds: part.length)
        }
    }

    /// When the object at `index` was created, in Unix seconds.
    func seconds(at index: Int64) -> Int64 {
        var stretch = stretches[0]
        for next in stretches.dropFirst() where next.first <= index { stretch = next }
        let jitter = Double(scrambled(seed ^ UInt64(bitPattern: index)) >> 11) * 0x1p-53
        let share = (Double(index - stretch.first) + jitter) / Double(max(1, stretch.count))
        return Int64(stretch.fromSeconds + min(share * stretch.lengthSeconds, max(0, stretch.lengthSeconds - 0.5)))
    }
}

/// The first position in `0 ..< count` for which `isAfter` holds; the positions must be ordered by it.
func partitionPoint(_ count: Int, _ isAfter: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = (low + high) / 2
        if isAfter(middle) { high = middle } else { low = middle + 1 }
    }
    return low
}
