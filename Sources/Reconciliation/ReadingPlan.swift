/// Which objects are read one by one, and which by listing the span of time that they were created in: whichever takes
/// fewer requests (DESIGN section 2, pass b).
public struct ReadingPlan: Sendable, Hashable {
    /// A span of `created` to be listed, and the places of the wanted objects that lie in it.
    public struct Span: Sendable, Hashable {
        public var window: Window
        public var wanted: Range<Int>
        /// Pages that it should take.
        public var pages: Int
    }

    /// Spans to list, the oldest first.
    public private(set) var spans: [Span] = []
    /// Places of the objects that are read by id.
    public private(set) var single: [Int] = []

    /// Requests that the plan should take.
    public var requests: Int { single.count + spans.map(\.pages).reduce(0, +) }

    private static let perPage = 100
    /// A span does not hold more wanted objects than this: what more there are go into the next.
    private static let wantedPerSpanMax = 1_000

    /// The plan with the fewest requests.
    /// - Parameters:
    ///   - createdSeconds: when each wanted object was created, as far as the local side knows, in ascending order.
    ///   - between: how many objects there are, wanted ones not counted, between each wanted object and the next: one
    ///     fewer than the wanted ones.
    ///   - slackSeconds: how far the local side's times may be off.
    public init(createdSeconds: [Int64], between: [Int64], slackSeconds: Int64) {
        precondition(between.count == max(0, createdSeconds.count - 1), "a gap lies between two wanted objects")
        let count = createdSeconds.count
        // least[n]: the fewest requests for the first n; start[n]: where its last part begins, a single one at n - 1.
        var least = [0]
        var start: [Int] = [0]
        for end in 1..<max(1, count + 1) {
            least.append(least[end - 1] + 1)
            start.append(end - 1)
            var objects: Int64 = 1
            for first in stride(from: end - 2, through: max(0, end - Self.wantedPerSpanMax), by: -1) {
                objects = Self.sum(objects, Self.sum(max(0, between[first]), 1))
                let pages = Self.pages(objects)
                // A page holds a hundred wanted ones at most: more pages than that save nothing any more.
                if pages >= Self.wantedPerSpanMax { break }
                guard least[first] + pages < least[end] else { continue }
                least[end] = least[first] + pages
                start[end] = first
            }
        }
        var end = count
        while end > 0 {
            let first = start[end]
            if end - first == 1 {
                single.append(first)
            } else {
                let window = Window(
                    fromSeconds: max(0, createdSeconds[first] - slackSeconds),
                    toSeconds: createdSeconds[end - 1] + slackSeconds + 1)
                spans.append(Span(window: window, wanted: first..<end, pages: least[end] - least[first]))
            }
            end = first
        }
        spans.reverse()
        single.reverse()
    }

    private static func pages(_ objects: Int64) -> Int {
        Int(min(Int64(Int32.max), (objects - 1) / Int64(perPage) + 1))
    }

    private static func sum(_ one: Int64, _ other: Int64) -> Int64 {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
