import Store
import Support
import Testing

/// Slots granted to made-up processes, held against a plain count over every second.
@Suite("Slots of a rate limit")
struct SlotCalendarTests {
    /// One account, as all processes see it: what the database keeps.
    struct Shared {
        var account: AccountSlots
        var endpoints: [String: EndpointSlots] = [:]
        var earliest: Int64

        init(now: Int64) {
            let start = SlotCalendar.unknown(now: now)
            (account, earliest) = (start.calendar.account, start.earliest)
        }

        mutating func grant(
            _ count: Int, _ endpoint: String, now: Int64, _ accountRate: SlotRate, _ endpointRate: SlotRate,
            _ share: BudgetShare = .nightly
        ) -> (slots: [Int64], askAgainAt: Int64) {
            var calendar = SlotCalendar(account: account, endpoint: endpoints[endpoint] ?? EndpointSlots(taken: []))
            let granted = calendar.grant(
                count, now: now, earliest: earliest, accountRate: accountRate, endpointRate: endpointRate,
                share: share)
            (account, endpoints[endpoint]) = (calendar.account, calendar.endpoint)
            return granted
        }
    }

    /// The most requests in any second, when each is sent at its slot or as late as it may.
    static func busiestSecond(_ times: [Int64]) -> Int {
        let sorted = times.sorted()
        var first = 0
        var most = 0
        for index in sorted.indices {
            while sorted[index] - sorted[first] >= 1_000_000 { first += 1 }
            most = max(most, index - first + 1)
        }
        return most
    }

    @Test(
        "no second holds more than the limits, of the account and of each endpoint", arguments: Seeds.range(0, 120))
    func exact(_ seed: UInt64) {
        var random = Seeded(seed)
        let accountRate = SlotRate(perSecond: random.pick([2.0, 7.5, 16, 80, 100, 400]))
        let endpointRate = SlotRate(perSecond: random.pick([1.0, 3.3, 20, 25, 100]))
        let names = ["GET /v1/invoices", "GET /v1/invoices/:id", "POST /v1/invoices/:id/void"]
        let start: Int64 = 1_795_435_200_000_000
        var shared = Shared(now: start)
        var now = start
        var sent: [String: [Int64]] = [:]
        while now < start + 12_000_000 {
            now += Int64.random(in: 0...60_000, using: &random)
            let endpoint = random.pick(names)
            let share: BudgetShare = random.oneIn(3) ? .background : .nightly
            let slots = shared.grant(
                Int.random(in: 1...20, using: &random), endpoint, now: now, accountRate, endpointRate, share
            ).slots
            // A process is late as it pleases, within the tolerance.
            sent[endpoint, default: []] += slots.map {
                $0 + Int64.random(in: 0...SlotRate.toleranceMicroseconds, using: &random)
            }
            #expect(slots == slots.sorted() && slots.allSatisfy { $0 >= now }, "seed \(seed)")
        }
        for (endpoint, times) in sent {
            let most = Self.busiestSecond(times)
            #expect(Double(most) <= endpointRate.perSecond.rounded(.up), "seed \(seed): \(endpoint), \(most)")
        }
        let most = Self.busiestSecond(sent.values.flatMap(\.self))
        #expect(Double(most) <= max(1, accountRate.perSecond), "seed \(seed): \(most) in one second")
        #expect(most > 0)
    }

    /// Account, endpoint, how many endpoints are asked for.
    static let rates: [(Double, Double, Int)] = [(80, 20, 8), (80, 20, 1), (100, 25, 5), (16, 100, 2), (400, 100, 4)]

    @Test("who always asks gets nine tenths of the limit", arguments: rates)
    func utilisation(_ account: Double, _ endpoint: Double, _ endpoints: Int) {
        let (accountRate, endpointRate) = (SlotRate(perSecond: account), SlotRate(perSecond: endpoint))
        let start: Int64 = 1_795_435_200_000_000
        var shared = Shared(now: start)
        var asks = [Int64](repeating: start, count: endpoints)
        var granted = 0
        let (from, to) = (start + 3_000_000, start + 23_000_000)
        while let (index, now) = asks.enumerated().min(by: { $0.element < $1.element }).map({ ($0.offset, $0.element) }
        ),
            now < to + 1_000_000
        {
            let answer = shared.grant(12, "e\(index)", now: now, accountRate, endpointRate)
            granted += answer.slots.filter { $0 >= from && $0 < to }.count
            asks[index] = answer.slots.isEmpty ? answer.askAgainAt : now + 2_000
            #expect(asks[index] > now)
        }
        let most = min(account, endpoint * Double(endpoints)) * 20
        #expect(Double(granted) <= most)
        #expect(Double(granted) >= 0.9 * most, "\(granted) of \(most)")
    }

    @Test("a backfill that asks without end leaves a nightly run its part, at once")
    func reserved() {
        let (accountRate, endpointRate) = (SlotRate(perSecond: 80), SlotRate(perSecond: 20))
        let start: Int64 = 1_795_435_200_000_000
        var shared = Shared(now: start)
        var now = start + 2_000_000
        var counts: [BudgetShare: Int] = [:]
        while now < start + 12_000_000 {
            for _ in 0..<6 {
                counts[.background, default: 0] +=
                    shared.grant(20, "e", now: now, accountRate, endpointRate, .background).slots.count
            }
            if now >= start + 4_000_000 {
                let answer = shared.grant(1, "e", now: now, accountRate, endpointRate)
                counts[.nightly, default: 0] += answer.slots.count
            }
            now += 20_000
        }
        // A quarter of 20 a second for 8 seconds is 40; the grid runs 5 percent slower than the clock.
        #expect((counts[.nightly] ?? 0) >= 36, "\(counts)")
        #expect((counts[.background] ?? 0) >= 100, "\(counts)")
    }

    @Test("an endpoint that nobody asked for of late has a slot at once, and then keeps its distances")
    func atOnce() {
        let (accountRate, endpointRate) = (SlotRate(perSecond: 80), SlotRate(perSecond: 25))
        let step = endpointRate.stepMicroseconds
        var shared = Shared(now: 1_795_435_200_000_000)
        var now: Int64 = 1_795_435_203_000_007
        let first = shared.grant(2, "e", now: now, accountRate, endpointRate).slots
        #expect(first == [now, now + step])
        // A step after the last one is over the grid is left, and not before.
        now = first[1] + step - 1
        #expect(shared.grant(1, "e", now: now, accountRate, endpointRate).slots == [now + 1])
        now += 1 + step + 13
        #expect(shared.grant(1, "e", now: now, accountRate, endpointRate).slots == [now])
    }

    @Test("processes that were told different rates stay a step apart all the same")
    func differentRates() {
        let accountRate = SlotRate(perSecond: 100)
        var shared = Shared(now: 1_795_435_200_000_000)
        let now: Int64 = 1_795_435_203_000_000
        let slow = shared.grant(5, "e", now: now, accountRate, SlotRate(perSecond: 20)).slots
        let fast = shared.grant(5, "e", now: now, accountRate, SlotRate(perSecond: 25)).slots
        let all = (slow + fast).sorted()
        let step = SlotRate(perSecond: 25).stepMicroseconds
        #expect(fast.count > 0 && zip(all, all.dropFirst()).allSatisfy { $1 - $0 >= step }, "\(slow) \(fast)")
    }

    @Test("a calendar of a clock that stepped back is known as such, and nothing known means waiting")
    func stepsBack() {
        let start: Int64 = 1_795_435_200_000_000
        let rate = SlotRate(perSecond: 80)
        var shared = Shared(now: start)
        _ = shared.grant(5, "e", now: start + 2_000_000, rate, rate)
        let calendar = SlotCalendar(account: shared.account, endpoint: EndpointSlots(taken: []))
        #expect(calendar.isFromTheFuture(now: start - 3_600_000_000))
        #expect(!calendar.isFromTheFuture(now: start + 2_100_000))
        #expect(SlotCalendar.unknown(now: start).earliest >= start + 1_000_000 + SlotCalendar.horizonMicroseconds)
    }
}
