import Reconciliation
import Runner
import Schedule
import Testing

@Suite("What an occurrence lists")
struct ReadingPeriodTests {
    private static let settle: Int64 = 300
    private static let hour: Int64 = 3_600

    private static func periods(
        _ expression: String, from: String, to: String, lookBackSeconds: Int64
    ) throws -> [ReadingPeriod] {
        let zone = try Zone.load("America/New_York")
        let cron = try CronExpression(expression)
        var nominal = zone.startOfDay(try #require(CivilDate(from)))
        let end = zone.startOfDay(try #require(CivilDate(to)))
        var periods: [ReadingPeriod] = []
        while let next = cron.next(after: nominal, in: zone), next < end {
            let window = try #require(cron.window(ofOccurrenceAt: next, in: zone))
            periods.append(
                ReadingPeriod(
                    occurrence: window, settleSeconds: settle, lookBackSeconds: lookBackSeconds,
                    // It starts some time later, another each night.
                    nowSeconds: next + next % 5_000, readUpTo: periods.last?.listed.toSeconds))
            nominal = next
        }
        return periods
    }

    @Test(
        "consecutive ones neither overlap nor leave a gap, over both changes of the clock",
        arguments: ["15 2 * * *", "30 1 * * *", "0 */2 * * *", "*/15 * * * *", "0 2 * * 0"],
        [("2026-10-25", "2026-11-10"), ("2027-03-07", "2027-03-22")])
    func tile(_ expression: String, _ days: (String, String)) throws {
        let periods = try Self.periods(expression, from: days.0, to: days.1, lookBackSeconds: 60)
        #expect(periods.count >= 2)
        for (before, after) in zip(periods, periods.dropFirst()) {
            #expect(before.own.toSeconds == after.own.fromSeconds)
            #expect(after.listed == after.own)
        }
    }

    @Test("a look-back that is longer than the interval is listed again, and the end stays the nominal time's")
    func lookBack() throws {
        let periods = try Self.periods(
            "15 2 * * *", from: "2026-10-25", to: "2026-11-10", lookBackSeconds: 35 * 86_400)
        for (before, after) in zip(periods, periods.dropFirst()) {
            #expect(after.own.fromSeconds == before.own.toSeconds)
            #expect(after.listed.toSeconds == after.own.toSeconds)
            #expect(after.listed.seconds == 35 * 86_400)
        }
    }

    @Test("whoever is late does not read further; whoever is early, by its own clock, does not read what is too young")
    func clocks() {
        let occurrence = OccurrenceWindow(fromSeconds: 1_000_000, toSeconds: 1_086_400)
        func period(_ now: Int64, readUpTo: Int64? = nil) -> ReadingPeriod {
            ReadingPeriod(
                occurrence: occurrence, settleSeconds: 300, lookBackSeconds: 60, nowSeconds: now, readUpTo: readUpTo)
        }
        #expect(period(1_090_000).listed == Window(fromSeconds: 999_700, toSeconds: 1_086_100))
        #expect(period(1_086_390).listed == Window(fromSeconds: 999_700, toSeconds: 1_086_090))
        // The next one reads what that one could not.
        let next = ReadingPeriod(
            occurrence: OccurrenceWindow(fromSeconds: 1_086_400, toSeconds: 1_172_800), settleSeconds: 300,
            lookBackSeconds: 60, nowSeconds: 1_172_900, readUpTo: 1_086_090)
        #expect(next.own == Window(fromSeconds: 1_086_090, toSeconds: 1_172_500))
    }

    @Test("what failed occurrences did not read is read by the next one, not further back than a month")
    func madeUpFor() {
        let occurrence = OccurrenceWindow(fromSeconds: 10_000_000, toSeconds: 10_086_400)
        func from(_ readUpTo: Int64?) -> Int64 {
            ReadingPeriod(
                occurrence: occurrence, settleSeconds: 300, lookBackSeconds: 60, nowSeconds: 10_090_000,
                readUpTo: readUpTo
            ).listed.fromSeconds
        }
        #expect(from(nil) == 9_999_700)
        #expect(from(10_050_000) == 9_999_700)
        #expect(from(9_000_000) == 9_000_000)
        #expect(from(9_999_700 - 40 * 86_400) == 9_999_700)
    }
}
