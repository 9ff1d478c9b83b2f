import Runner
import Testing

@Suite("The ids of a page")
struct PageIDsTests {
    private static func insert(_ id: String, into ids: inout PageIDs) -> Bool {
        Array(id.utf8).withUnsafeBytes { ids.insert($0) }
    }

    private static func contains(_ id: String, _ ids: PageIDs) -> Bool {
        Array(id.utf8).withUnsafeBytes { ids.contains($0) }
    }

    @Test("hold what a Set of texts holds, page after page", arguments: 1...20 as ClosedRange<UInt64>)
    func likeASet(seed: UInt64) {
        var state = seed
        func draw(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var ids = PageIDs()
        for _ in 0..<20 {
            var set: Set<String> = []
            ids.removeAll()
            for _ in 0..<100 {
                // Few different ones, so that many come twice; one is empty and some share a beginning.
                let id = String(repeating: "in_", count: Int(draw(3))) + String(draw(90), radix: 36)
                #expect(Self.insert(id, into: &ids) == set.insert(id).inserted)
            }
            #expect(ids.count == set.count)
            for number in 0..<90 {
                let id = "in_" + String(number, radix: 36)
                #expect(Self.contains(id, ids) == set.contains(id))
            }
        }
    }
}
