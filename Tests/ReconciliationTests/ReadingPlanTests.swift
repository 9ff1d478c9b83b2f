import Reconciliation
import Testing

@Suite("Which objects are read by id and which by a page of their list")
struct ReadingPlanTests {
    /// What a page is relied on for.
    static let reach = Int64(ReadingPlan.perPage - 2 * ReadingPlan.margin)

    /// The fewest requests by trying every way to cut the wanted ones into parts.
    static func least(_ places: [Int64]) -> Int {
        guard !places.isEmpty else { return 0 }
        var best = Int.max
        for cuts in 0..<(1 << (places.count - 1)) {
            var requests = 0
            var first = 0
            for place in places.indices where place == places.count - 1 || cuts & (1 << place) != 0 {
                requests += places[place] - places[first] < reach ? 1 : place - first + 1
                first = place + 1
            }
            best = min(best, requests)
        }
        return best
    }

    @Test("the plan takes as few requests as the best of all ways", arguments: 1...60 as ClosedRange<UInt64>)
    func isBest(_ seed: UInt64) {
        var random = Seeded(state: seed)
        var places: [Int64] = []
        for _ in 0..<Int.random(in: 0...11, using: &random) {
            let gaps = [1, 2, 30, Self.reach - 1, Self.reach, 5_000]
            places.append((places.last ?? 0) + gaps[Int.random(in: 0..<gaps.count, using: &random)])
        }
        let plan = ReadingPlan(places: places)
        #expect(plan.requests == Self.least(places))
        for page in plan.pages {
            #expect(page.count > 1 && places[page.upperBound - 1] - places[page.lowerBound] < Self.reach)
        }
        #expect((plan.single + plan.pages.flatMap(Array.init)).sorted() == Array(places.indices))
    }

    @Test("many objects close together are listed, and far ones are read by id")
    func shapes() {
        let close = ReadingPlan(places: (0..<Self.reach * 5).map { $0 })
        #expect(close.single.isEmpty && close.pages.count == 5)
        let far = ReadingPlan(places: (0..<50).map { $0 * 1_000 })
        #expect(far.pages.isEmpty && far.single.count == 50)
    }
}
