import Reconciliation
import Testing

@Suite("Which objects are read by id and which by listing")
struct ReadingPlanTests {
    static let gaps: [Int64] = [0, 0, 3, 40, 99, 100, 250, 5_000, .max]

    /// The fewest requests by trying every way to cut the wanted ones into parts.
    static func least(_ count: Int, _ between: [Int64]) -> Int {
        guard count > 0 else { return 0 }
        var best = Int.max
        for cuts in 0..<(1 << (count - 1)) {
            var requests = 0
            var first = 0
            for place in 0..<count where place == count - 1 || cuts & (1 << place) != 0 {
                let objects = Int64(place - first + 1) + between[first..<place].reduce(0, +)
                requests += place == first ? 1 : Int((objects - 1) / 100 + 1)
                first = place + 1
            }
            best = min(best, requests)
        }
        return best
    }

    @Test("the plan takes as few requests as the best of all ways", arguments: 1...60 as ClosedRange<UInt64>)
    func isBest(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 0...11, using: &random)
        var created: [Int64] = []
        for _ in 0..<count {
            created.append((created.last ?? 1_000_000) + Int64.random(in: 0...90_000, using: &random))
        }
        let between = (0..<max(0, count - 1)).map { _ in
            Self.gaps[Int.random(in: 0..<Self.gaps.count, using: &random)]
        }
        let plan = ReadingPlan(createdSeconds: created, between: between, slackSeconds: 60)
        // A gap without end cannot be summed; it is never crossed.
        let bounded = between.map { min($0, 1_000_000) }
        #expect(plan.requests == Self.least(count, bounded))
        var places = plan.single
        for span in plan.spans {
            places += Array(span.wanted)
            for place in span.wanted {
                #expect(span.window.contains(created[place]))
                #expect(span.window.contains(created[place] + 60) && span.window.contains(created[place] - 60))
            }
        }
        #expect(places.sorted() == Array(0..<count))
    }

    @Test("many objects close together are listed, and far ones are read by id")
    func shapes() {
        let close = (0..<250).map { 5_000 + Int64($0) }
        let listed = ReadingPlan(
            createdSeconds: close, between: Array(repeating: 1, count: 249), slackSeconds: 10)
        #expect(listed.single.isEmpty)
        #expect(listed.requests == 5)
        let far = (0..<50).map { Int64($0) * 1_000_000 }
        let single = ReadingPlan(
            createdSeconds: far, between: Array(repeating: 100_000, count: 49), slackSeconds: 10)
        #expect(single.spans.isEmpty)
        #expect(single.single.count == 50)
    }

    @Test("twenty thousand objects are planned quickly enough to be worth it")
    func large() {
        var random = Seeded(state: 1)
        let created = (0..<20_000).map { Int64($0) * 100 }
        let between = (0..<19_999).map { _ in Int64.random(in: 0...30, using: &random) }
        let plan = ReadingPlan(createdSeconds: created, between: between, slackSeconds: 1)
        #expect(plan.requests < 20_000 / 4)
        #expect(plan.single.count + plan.spans.map(\.wanted.count).reduce(0, +) == 20_000)
    }
}
