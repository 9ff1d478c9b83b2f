import Schedule
import Testing

@Suite("cron expressions")
struct CronExpressionTests {
    @Test(
        "extensions fire on the days they name",
        arguments: [
            ("0 0 15W * *", "2026-08-01T00:00:00Z", "2026-08-14"),  // the 15th is a Saturday
            ("0 0 15W * *", "2026-11-01T00:00:00Z", "2026-11-16"),  // a Sunday
            ("0 0 1W * *", "2026-07-31T12:00:00Z", "2026-08-03"),  // a Saturday; never in July
            ("0 0 31W * *", "2026-01-01T12:00:00Z", "2026-01-30"),  // a Saturday
            ("0 0 31W * *", "2026-02-01T00:00:00Z", "2026-03-31"),  // February has no 31st
            ("0 0 ? * MON", "2026-01-01T00:00:00Z", "2026-01-05"),
            ("0 0 13 * ?", "2026-01-01T00:00:00Z", "2026-01-13"),
            ("0 0 L 2 *", "2027-01-01T00:00:00Z", "2027-02-28"),
            ("0 0 * * FRIL", "2026-01-01T00:00:00Z", "2026-01-30"),
            ("0 0 * * MON#5", "2026-01-01T00:00:00Z", "2026-03-30"),
            ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29"),
        ])
    func extensions(_ row: (String, String, String)) throws {
        let from = try #require(ISOTime.seconds(row.1))
        let next = try #require(try CronExpression(row.0).next(after: from, in: .utc))
        #expect(ISOTime.text(next, in: .utc) == row.2 + "T00:00:00+00:00")
    }

    @Test(
        "@every is due at multiples of its interval",
        arguments: [("@every 15m", 900), ("@every 1h30m", 5400), ("@every 90s", 90), ("@EVERY 1d", 86_400)])
    func every(_ row: (String, Int64)) throws {
        let expression = try CronExpression(row.0)
        let from: Int64 = 1_700_000_123
        let next = try #require(expression.next(after: from, in: .utc))
        #expect(next > from && next - from <= row.1 && next % row.1 == 0)
        #expect(expression.previous(before: next, in: .utc) == next - row.1)
    }

    @Test(
        "what is wrong is said with its field and what is allowed there",
        arguments: [
            ("", "the expression is empty; expected 5: minute, hour"),
            ("* * * *", "the expression has 4 fields; expected 5"),
            ("60 * * * *", "minute: \"60\": expected 0 to 59"),
            ("* * * FOO *", "month: \"FOO\": expected numbers from 1 to 12 or names from JAN to DEC"),
            ("* * * * TEU", "did you mean \"TUE\"?"),
            ("0 0 * * FRI-SUN", "the range runs backwards; to wrap around, write 5-6,0"),
            ("0 22-2 * * *", "to wrap around, write 22-23,0-2"),
            ("* * * * 7-1", "the range runs backwards; 7 is Sunday, as 0 is: write 0-1"),
            ("* * * * 7-6", "7 is Sunday, as 0 is: write 0-6"),
            ("* * * * 7-SUN", "7 is Sunday, as 0 is: write 0"),
            ("0 0 30 2 *", "day of month: no year has such a day"),
            ("0 0 31W 2 *", "day of month: no year has such a day"),
            ("*/0 * * * *", "minute: \"*/0\": expected a step of 1 or more after /"),
            ("0 0 * * MON#6", "day of week: \"MON#6\": expected a number from 1 to 5 after #"),
            ("@dayly", "did you mean \"@daily\"?"),
            ("@evry 5m", "unknown nickname \"@evry\""),
            ("@evry 5m", "did you mean \"@every\"?"),
            ("@daily 5m", "nothing may follow @daily"),
            ("@reboot", "@reboot is no time"),
            ("@every 15", "\"15\" is not an interval"),
            ("@every 400d", "is not an interval; expected numbers with units from 1s to 366d"),
            ("TZ=UTC 0 0 * * *", "name the zone under time_zone"),
        ])
    func errors(_ row: (String, String)) {
        do {
            _ = try CronExpression(row.0)
            Issue.record("\(row.0) was accepted")
        } catch {
            #expect(error.description.contains(row.1), "\(error)")
        }
    }

    @Test("of days that run backwards, what is to be written instead is accepted")
    func backwards() throws {
        for low in 1...7 {
            for high in 0..<low {
                do {
                    _ = try CronExpression("0 0 * * \(low)-\(high)")
                    Issue.record("\(low)-\(high) was accepted")
                } catch {
                    let told = try #require(error.description.firstRange(of: "write "))
                    let better = error.description[told.upperBound...].prefix { "0123456789-,".contains($0) }
                    _ = try CronExpression("0 0 * * \(better)")
                }
            }
        }
    }

    @Test("the offset of an error points at the part that is wrong")
    func offsets() {
        #expect { try CronExpression("0  0 1,32 * *") } throws: { ($0 as? CronError)?.offset == 7 }
        #expect { try CronExpression("@every nope") } throws: { ($0 as? CronError)?.offset == 7 }
    }

    @Test(
        "a schedule in words",
        arguments: [
            ("15 2 * * *", "at 02:15 every day"),
            ("15 2,14 * * *", "at 02:15 and 14:15 every day"),
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"),
            ("*/45 * * * *", "at minutes 0 and 45 of every hour"),
            ("5 * * * *", "at minute 5 of every hour"),
            ("*/10 9-17 * * 1-5", "every 10 minutes from 09:00 to 17:59, Monday to Friday"),
            ("0 9 * * MON-FRI", "at 09:00 Monday to Friday"),
            ("0 9 * * 1", "at 09:00 every Monday"),
            ("0 0 1 * *", "at 00:00 on day 1 of the month"),
            ("0 0 L * *", "at 00:00 on the last day of the month"),
            ("0 0 LW * *", "at 00:00 on the last weekday of the month"),
            ("0 0 15W * ?", "at 00:00 on the weekday nearest to day 15 of the month"),
            ("0 0 * * FRI#2", "at 00:00 on the 2nd Friday"),
            ("0 0 * * 5L", "at 00:00 on the last Friday"),
            ("0 0 13 * FRI", "at 00:00 on day 13 of the month and every Friday"),
            ("0 0 29 2 *", "at 00:00 on day 29 in February"),
            ("30 4 * 6-8 *", "at 04:30 every day from June to August"),
            ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
            ("0 */2 * * *", "at minute 0 of every 2nd hour"),
            ("@hourly", "at minute 0 of every hour"),
            ("@yearly", "at 00:00 on day 1 in January"),
            ("@every 15m", "every 15 minutes"),
            ("@every 1h", "every hour"),
            ("@every 1h30m", "every 1 hour 30 minutes"),
            ("*/10 * * * * *", "every 10 seconds"),
            ("30 15 2 * * *", "at 02:15:30 every day"),
            ("0 0 */2 * *", "at 00:00 on every 2nd day from day 1 of the month"),
            ("0 0 */2 * MON", "at 00:00 on every 2nd day from day 1 of the month, if that is a Monday"),
            ("0 0 */10 * MON,SAT", "at 00:00 on days 1, 11, 21 and 31 of the month, if that is a Monday or a Saturday"),
            ("0 0 1 * */2", "at 00:00 on day 1 of the month, if that is a Tuesday, a Thursday, a Saturday or a Sunday"),
            ("0 0 */2 * FRI#2", "at 00:00 on every 2nd day from day 1 of the month, if that is the 2nd Friday"),
        ])
    func words(_ row: (String, String)) throws {
        #expect(try CronExpression(row.0).describe() == row.1)
    }

    @Test("the zone is named when asked for")
    func zoneInWords() throws {
        let words = try CronExpression("15 2 * * *").describe(timeZone: "America/New_York")
        #expect(words == "at 02:15 every day (America/New_York)")
    }

    @Test("a night's window covers 23 or 25 hours when the clocks change, and windows meet")
    func windows() throws {
        let zone = try Zone.load("America/New_York")
        let nightly = try CronExpression("15 2 * * *")
        var instant = try #require(ISOTime.seconds("2026-01-01T00:00:00Z"))
        var lengths: [Int64: Int] = [:]
        var end: Int64?
        for _ in 0..<365 {
            instant = try #require(nightly.next(after: instant, in: zone))
            let window = try #require(nightly.window(ofOccurrenceAt: instant, in: zone))
            if let end { #expect(window.fromSeconds == end) }
            end = window.toSeconds
            lengths[window.toSeconds - window.fromSeconds, default: 0] += 1
        }
        // On 8 March 02:15 does not exist: 03:00 stands for it, 23 h 45 min after the one before.
        #expect(lengths == [86_400: 362, 85_500: 1, 83_700: 1, 90_000: 1])
    }

    @Test("far ends of time are answered, not trapped")
    func extremes() throws {
        let zone = try Zone.load("America/New_York")
        for text in ["* * * * *", "15 2 * * *", "@every 7m", "0 0 29 2 *"] {
            let expression = try CronExpression(text)
            for instant in [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max] {
                if let next = expression.next(after: instant, in: zone) { #expect(next > instant) }
                if let previous = expression.previous(before: instant, in: zone) { #expect(previous < instant) }
            }
        }
    }
}
