import Schedule
import Testing

@Suite("Occurrences: what is due, what is missed")
struct OccurrencePlanTests {
    /// Noon, 23 November 2026, UTC.
    static let noon: Int64 = 1_795_435_200

    private func hourly(_ catchUp: CatchUp = .latest, deadline: Int64 = 6 * 3600, jitter: Int64 = 0) throws
        -> OccurrenceRules
    {
        OccurrenceRules(
            job: "hourly", expression: try CronExpression("0 * * * *"), zone: .utc, catchUp: catchUp,
            startDeadlineSeconds: deadline, jitterSeconds: jitter)
    }

    private func reasons(_ plan: OccurrencePlan) -> [NotRunReason?] { plan.occurrences.map(\.reason) }

    @Test("a job that was never seen does not catch up")
    func new() throws {
        let plan = OccurrencePlan(try hourly(.all(100)), dealtWithUntil: nil, now: Self.noon + 5)
        #expect(plan.occurrences.isEmpty)
        #expect(plan.dealtWithUntil == Self.noon + 5)
    }

    @Test("one that is due runs, once, with the window since the previous one")
    func due() throws {
        let rules = try hourly()
        let plan = OccurrencePlan(rules, dealtWithUntil: Self.noon - 1, now: Self.noon)
        #expect(plan.occurrences.map(\.nominalSeconds) == [Self.noon])
        #expect(
            plan.occurrences[0].window == OccurrenceWindow(fromSeconds: Self.noon - 3600, toSeconds: Self.noon))
        #expect(reasons(plan) == [nil])
        #expect(!plan.occurrences[0].isCatchUp)
        #expect(OccurrencePlan(rules, dealtWithUntil: plan.dealtWithUntil, now: Self.noon).occurrences.isEmpty)
        #expect(OccurrencePlan(rules, dealtWithUntil: plan.dealtWithUntil, now: Self.noon + 3599).occurrences.isEmpty)
    }

    @Test("a clock that steps back finds nothing a second time")
    func stepsBack() throws {
        let rules = try hourly()
        let plan = OccurrencePlan(rules, dealtWithUntil: Self.noon - 1, now: Self.noon)
        let back = OccurrencePlan(rules, dealtWithUntil: plan.dealtWithUntil, now: Self.noon - 7200)
        #expect(back.occurrences.isEmpty)
        #expect(back.dealtWithUntil == Self.noon)
    }

    /// Four hours of standstill, seen twenty minutes after the fourth hour.
    static let rules: [(CatchUp, [NotRunReason?])] = [
        (.none, [.missedDown, .missedDown, .missedDown, .missedDown]),
        (.latest, [.supersededByLatest, .supersededByLatest, .supersededByLatest, nil]),
        (.all(2), [.beyondCatchUp, .beyondCatchUp, nil, nil]),
        (.all(9), [nil, nil, nil, nil]),
        (.all(0), [.beyondCatchUp, .beyondCatchUp, .beyondCatchUp, .beyondCatchUp]),
    ]

    @Test("after a standstill the job's rule decides", arguments: rules)
    func catchUp(_ rule: CatchUp, _ expected: [NotRunReason?]) throws {
        let plan = OccurrencePlan(
            try hourly(rule), dealtWithUntil: Self.noon - 4 * 3600, now: Self.noon + 1200)
        #expect(reasons(plan) == expected)
        #expect(plan.dealtWithUntil == Self.noon)
    }

    @Test("one on time runs whatever the rule says of those before it")
    func onTimeAfterStandstill() throws {
        for (rule, late) in [(CatchUp.none, NotRunReason.missedDown), (.latest, .supersededByLatest)] {
            let plan = OccurrencePlan(
                try hourly(rule), dealtWithUntil: Self.noon - 2 * 3600, now: Self.noon + 3)
            #expect(reasons(plan) == [late, nil])
            // What makes up for others waits for one that still runs, and is not skipped for it.
            #expect(plan.occurrences.last?.isCatchUp == (rule == .latest))
        }
        let all = OccurrencePlan(try hourly(.all(1)), dealtWithUntil: Self.noon - 3 * 3600, now: Self.noon + 3)
        #expect(reasons(all) == [.beyondCatchUp, nil, nil])
        // The one on time waits for the late one before it, which begins in the same second.
        #expect(all.occurrences.map(\.isCatchUp) == [true, true, true])
        let none = OccurrencePlan(try hourly(.all(0)), dealtWithUntil: Self.noon - 3 * 3600, now: Self.noon + 3)
        #expect(reasons(none) == [.beyondCatchUp, .beyondCatchUp, nil])
        #expect(none.occurrences.map(\.isCatchUp) == [true, true, false])
    }

    @Test("the one that runs for the superseded ones covers their windows")
    func covers() throws {
        let plan = OccurrencePlan(try hourly(), dealtWithUntil: Self.noon - 4 * 3600, now: Self.noon + 1200)
        #expect(
            plan.occurrences.last?.window
                == OccurrenceWindow(fromSeconds: Self.noon - 4 * 3600, toSeconds: Self.noon))
    }

    /// Four hours of standstill in which the job was paused twice: 09:00 and 11:00 came due in a pause.
    static let pausedRules: [(CatchUp, [NotRunReason?])] = [
        (.none, [.paused, .missedDown, .paused, .missedDown]),
        (.latest, [.paused, .supersededByLatest, .paused, nil]),
        (.all(1), [.paused, .beyondCatchUp, .paused, nil]),
        (.all(2), [.paused, nil, .paused, nil]),
    ]

    @Test("what came due in a pause does not run, and counts for nothing else", arguments: pausedRules)
    func pauses(_ rule: CatchUp, _ expected: [NotRunReason?]) throws {
        let nine = Self.noon - 3 * 3600
        let plan = OccurrencePlan(
            try hourly(rule), dealtWithUntil: nine - 1, now: Self.noon + 1200,
            pauses: [
                Pause(fromSeconds: nine + 7200, toSeconds: nine + 7201),
                Pause(fromSeconds: nine, toSeconds: nine + 3600),
            ])
        #expect(reasons(plan) == expected)
        guard rule == .latest else { return }
        #expect(plan.occurrences[3].window == OccurrenceWindow(fromSeconds: nine, toSeconds: Self.noon))
    }

    @Test("while a job is paused, the latest from before the pause is the one that runs")
    func pauseThatLasts() throws {
        let plan = OccurrencePlan(
            try hourly(), dealtWithUntil: Self.noon - 4 * 3600, now: Self.noon + 1200,
            pauses: [Pause(fromSeconds: Self.noon - 3600, toSeconds: nil)])
        #expect(reasons(plan) == [.supersededByLatest, nil, .paused, .paused])
        #expect(
            plan.occurrences[1].window
                == OccurrenceWindow(fromSeconds: Self.noon - 4 * 3600, toSeconds: Self.noon - 2 * 3600))
        #expect(plan.dealtWithUntil == Self.noon)
    }

    @Test("past its deadline it does not run, and the end of the deadline is outside")
    func deadline() throws {
        for (late, reason) in [(Int64(899), NotRunReason?.none), (900, .pastDeadline), (3599, .pastDeadline)] {
            let plan = OccurrencePlan(
                try hourly(deadline: 900), dealtWithUntil: Self.noon - 3600, now: Self.noon + late)
            #expect(reasons(plan) == [reason], "\(late) s late")
        }
    }

    @Test("a second without a fire changes nothing, and one look has a limit")
    func limit() throws {
        let rules = OccurrenceRules(job: "often", expression: try CronExpression("* * * * * *"), zone: .utc)
        let plan = OccurrencePlan(rules, dealtWithUntil: Self.noon - 86_400, now: Self.noon)
        #expect(plan.isCut)
        #expect(plan.occurrences.count == OccurrencePlan.limit)
        #expect(plan.dealtWithUntil == Self.noon)
        #expect(plan.occurrences[0].reason != nil)
        #expect(plan.occurrences.last?.reason == nil)
    }

    @Test("jitter follows from the name, stays within its limit and uses all of it")
    func jitter() throws {
        let names = (0..<2_000).map { "job-\($0)" }
        let delays = names.map { OccurrencePlan.jitterSeconds(job: $0, atMost: 59) }
        #expect(delays == names.map { OccurrencePlan.jitterSeconds(job: $0, atMost: 59) })
        #expect(Set(delays) == Set(0...59))
        for second in 0...59 {
            let count = delays.filter { $0 == second }.count
            #expect((10...70).contains(count), "\(count) of 2000 jobs start \(second) s late")
        }
        #expect(OccurrencePlan.jitterSeconds(job: "any", atMost: 0) == 0)
        let rules = try hourly(jitter: 600)
        let plan = OccurrencePlan(rules, dealtWithUntil: Self.noon - 1, now: Self.noon)
        let delay = OccurrencePlan.jitterSeconds(job: "hourly", atMost: 600)
        #expect(plan.occurrences.map(\.notBeforeSeconds) == [Self.noon + delay])
        #expect(plan.occurrences.map(\.nominalSeconds) == [Self.noon])
    }

    @Test("an occurrence waits for the last one of the other job within a day")
    func awaited() throws {
        let nightly = try CronExpression("15 2 * * *")
        let two = Self.noon - 12 * 3600 + 2 * 3600 + 900
        #expect(OccurrencePlan.awaited(nightly, in: .utc, atOrBefore: Self.noon) == two)
        #expect(OccurrencePlan.awaited(nightly, in: .utc, atOrBefore: two) == two)
        #expect(OccurrencePlan.awaited(nightly, in: .utc, atOrBefore: two - 1) == two - 86_400)
        let yearly = try CronExpression("0 0 1 1 *")
        #expect(OccurrencePlan.awaited(yearly, in: .utc, atOrBefore: Self.noon) == nil)
    }
}

/// A scheduler that looks at made-up times, falls asleep and has its clock set, on days when a zone's clock changes.
@Suite("Occurrences against a plain count")
struct OccurrencePropertyTests {
    private func rules(_ random: inout Seeded, _ zone: Zone, _ catchUp: CatchUp) -> OccurrenceRules? {
        let texts = [
            "*/15 * * * *", "30 1,2,3 * * *", "0 * * * *", "15 2 * * *", "5,35 0-3 * * *", "@every 20m", "0 3 * * SUN",
            CronPropertyTests.make(&random).text,
        ]
        guard let expression = try? CronExpression(texts.randomElement(using: &random) ?? "") else { return nil }
        return OccurrenceRules(
            job: "p", expression: expression, zone: zone, catchUp: catchUp, startDeadlineSeconds: 86_400 * 30,
            jitterSeconds: Int64.random(in: 0...900, using: &random))
    }

    @Test("every nominal time comes once, whatever the clocks do", arguments: CronPropertyTests.moments)
    func once(_ moment: (String, String)) throws {
        let zone = try Zone.load(moment.0)
        let middle = try #require(ISOTime.seconds(moment.1))
        for seed in 0..<60 as Range<UInt64> {
            var random = Seeded(seed &* 104_729 &+ UInt64(bitPattern: middle))
            let catchUp: CatchUp = [.none, .latest, .all(3), .all(1_000)].randomElement(using: &random) ?? .none
            guard let rules = rules(&random, zone, catchUp) else { continue }
            let from = middle - 2 * 86_400
            var now = from
            var last = OccurrencePlan(rules, dealtWithUntil: nil, now: now).dealtWithUntil
            var seen: [PlannedOccurrence] = []
            var latestNow = now
            while now < middle + 2 * 86_400 {
                switch Int.random(in: 0..<20, using: &random) {
                case 0: now += Int64.random(in: 0...20 * 3600, using: &random)  // it slept
                case 1: now -= Int64.random(in: 0...7200, using: &random)  // its clock was set back
                default: now += Int64.random(in: 1...1800, using: &random)
                }
                let plan = OccurrencePlan(rules, dealtWithUntil: last, now: now)
                #expect(plan.dealtWithUntil >= last)
                #expect(plan.occurrences.allSatisfy { $0.nominalSeconds <= now && $0.nominalSeconds > last })
                last = plan.dealtWithUntil
                latestNow = max(latestNow, now)
                seen += plan.occurrences
            }
            var expected: [Int64] = []
            var at = from
            while let next = rules.expression.next(after: at, in: zone), next <= latestNow {
                expected.append(next)
                at = next
            }
            #expect(seen.map(\.nominalSeconds) == expected, "seed \(seed): \(rules.expression.text) in \(moment.0)")
            checkCoverage(seen, catchUp, seed)
        }
    }

    /// With `latest`, what runs covers all time; with every rule each occurrence's own window meets its neighbours.
    private func checkCoverage(_ seen: [PlannedOccurrence], _ catchUp: CatchUp, _ seed: UInt64) {
        guard catchUp == .latest else { return }
        let running = seen.filter { $0.reason == nil }
        for (one, next) in zip(running, running.dropFirst()) {
            #expect(one.window.toSeconds == next.window.fromSeconds, "seed \(seed): a gap or an overlap")
        }
        #expect(running.last?.nominalSeconds == seen.last?.nominalSeconds, "seed \(seed)")
    }

    @Test("two schedulers that look at different times agree on the nominal times", arguments: 0..<40 as Range<UInt64>)
    func two(_ seed: UInt64) throws {
        var random = Seeded(seed)
        let zone = try Zone.load(["America/New_York", "Australia/Lord_Howe", "UTC"][Int(seed) % 3])
        guard let rules = rules(&random, zone, .latest) else { return }
        let start: Int64 = 1_772_900_000
        let end = start + 3 * 86_400
        let found = (0..<2).map { _ in
            var now = start
            var last = start
            var nominals: [Int64] = []
            while now < end {
                now = min(end, now + Int64.random(in: 1...5_000, using: &random))
                let plan = OccurrencePlan(rules, dealtWithUntil: last, now: now)
                nominals += plan.occurrences.map(\.nominalSeconds)
                last = plan.dealtWithUntil
            }
            return nominals
        }
        #expect(found[0] == found[1])
    }
}
