import Reconciliation
import Runner
import Store
import Support
import Testing

@Suite("Where a list's objects probably lie")
struct ListDensityTests {
    /// Half a year with a burst: 20 objects a day, and 20,000 in one hour.
    static let burstStart: Int64 = 100 * 86_400
    static let times: [Int64] = {
        let quiet = (0..<3_600).map { Int64($0) * 4_320 }
        let burst = (0..<20_000).map { burstStart + Int64($0) * 3_600 / 20_000 }
        return (quiet + burst).sorted()
    }()
    static let period = Window(fromSeconds: 0, toSeconds: 180 * 86_400)

    static func rows(each step: Int) -> RowTimes {
        RowTimes(
            marks: stride(from: step - 1, to: times.count, by: step).map { times[$0] }, rowsPerMark: Double(step))
    }

    static func objects(from: Int64, to: Int64) -> Int { times.count { $0 >= from && $0 < to } }

    /// What was read of the newest pages.
    static func read(_ density: inout ListDensity, pages: Int) -> Int64 {
        var to = period.toSeconds
        for page in 1...pages {
            let from = times[times.count - 100 * page]
            density.note(fromSeconds: from, toSeconds: to, objects: objects(from: from, to: to))
            to = from
        }
        return to
    }

    @Test("a window is cut where half of its pages lie, whatever the time", arguments: [7, 25, 100])
    func half(_ step: Int) throws {
        var density = ListDensity(Self.rows(each: step))
        let cursor = Self.read(&density, pages: 4)
        #expect(density.isTrusted)
        let (cut, left) = try #require(density.cut(Self.period, belowCursor: cursor))
        let newer = Self.objects(from: cut, to: cursor)
        let older = Self.objects(from: 0, to: cut)
        #expect(abs(left - (Double(newer + older) / 100 - 1)) < 3)
        #expect(abs(newer - older) < 600)
    }

    @Test("a share of a window is cut off its newer end, as long as the older part is no shorter", arguments: [7, 25])
    func share(_ step: Int) throws {
        var density = ListDensity(Self.rows(each: step))
        let cursor = Self.read(&density, pages: 4)
        let left = density.pagesLeft(Self.period, belowCursor: cursor)
        for share in [20.0, 60.0] {
            let (cut, all) = try #require(density.cut(Self.period, belowCursor: cursor, share: share))
            #expect(all == left)
            let newer = Double(Self.objects(from: cut, to: cursor)) / 100
            #expect(abs(newer - (share + 1)) < 3, "\(newer) pages")
        }
        let half = try #require(density.cut(Self.period, belowCursor: cursor)).seconds
        #expect(try #require(density.cut(Self.period, belowCursor: cursor, share: left)).seconds == half)
        // Less than two pages would be a page of its own for nothing.
        let least = try #require(density.cut(Self.period, belowCursor: cursor, share: 0.1)).seconds
        #expect((150...200).contains(Self.objects(from: least, to: cursor)))
    }

    @Test("the newer part of a short rest has full pages, but for the last by a few", arguments: [7, 25, 100])
    func full(_ step: Int) throws {
        var density = ListDensity(Self.rows(each: step))
        let cursor = Self.read(&density, pages: 4)
        let window = Window(fromSeconds: Self.times[Self.times.count - 1_600], toSeconds: Self.period.toSeconds)
        let (cut, _) = try #require(density.cut(window, belowCursor: cursor))
        let newer = Self.objects(from: cut, to: cursor)
        #expect((85...100).contains((newer - 1) % 100 + 1), "\(newer) objects")
        #expect((500...800).contains(newer))
    }

    @Test("rows that lie elsewhere than the objects are not believed, and neither are few or none")
    func wrong() {
        // All rows lie in the oldest month, the pages come from the newest.
        var density = ListDensity(RowTimes(marks: (0..<500).map { Int64($0) * 5_000 }, rowsPerMark: 47))
        _ = Self.read(&density, pages: 8)
        #expect(!density.isTrusted)
        // As many rows as objects, but evenly over the time that has the burst.
        var even = ListDensity(
            RowTimes(marks: (0..<944).map { Int64($0) * (180 * 86_400 / 944) }, rowsPerMark: 25))
        _ = Self.read(&even, pages: 30)
        #expect(!even.isTrusted)
        #expect(!ListDensity(.none).isTrusted)
        var few = ListDensity(Self.rows(each: 2_000))
        _ = Self.read(&few, pages: 8)
        #expect(!few.isTrusted)
    }

    @Test("a cut lies strictly inside what is left")
    func bounds() {
        var random = Seeded(5)
        for _ in 0..<2_000 {
            let count = Int.random(in: 0...60, using: &random)
            let marks = (0..<count).map { _ in Int64.random(in: 0...10_000, using: &random) }.sorted()
            var density = ListDensity(RowTimes(marks: marks, rowsPerMark: Double.random(in: 1...200, using: &random)))
            density.note(fromSeconds: 9_000, toSeconds: 10_000, objects: Int.random(in: 0...100, using: &random))
            let from = Int64.random(in: 0...9_000, using: &random)
            let cursor = Int64.random(in: from...10_000, using: &random)
            let window = Window(fromSeconds: from, toSeconds: 10_000)
            guard let (cut, left) = density.cut(window, belowCursor: cursor) else { continue }
            #expect(cut > from && cut < cursor && left > 1.5)
        }
    }
}
