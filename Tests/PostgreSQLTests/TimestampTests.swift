import PostgreSQL
import Testing

@Suite struct TimestampTests {
    @Test(
        "ISO 8601 both ways",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_795_400_100_000_000, "2026-11-23T02:15:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"), (1_709_164_800_000_001, "2024-02-29T00:00:00.000001Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"), (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00Z"), (.max, "infinity"), (.min, "-infinity"),
        ])
    func written(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
        #expect(Timestamp(text) == Timestamp(microseconds: microseconds))
    }

    @Test(
        "other forms of the same instant are read",
        arguments: [
            "2026-11-22T21:15:00-05:00", "2026-11-23 02:15:00+00", "2026-11-23T02:15:00.0Z",
            "2026-11-23t07:45:00.000000+0530",
        ])
    func otherForms(_ text: String) {
        #expect(Timestamp(text) == Timestamp(seconds: 1_795_400_100))
    }

    @Test(
        "what is no timestamp is not read",
        arguments: [
            "", "2026-11-23", "2026-11-23T02:15:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-11-23T24:00:00Z", "2026-11-23T02:60:00Z", "2026-11-23T02:15:00.Z", "2026-11-23T02:15:00.1234567Z",
            "2026-11-23T02:15:00Zx", "2026-11-23T02:15:00+25:00", "２026-11-23T02:15:00Z", "2026-00-10T00:00:00Z",
        ])
    func malformed(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("seconds are rounded down, on both sides of 1970")
    func seconds() {
        #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
        #expect(Timestamp(microseconds: -1).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
        #expect(Timestamp(seconds: .max) == .infinity)
        #expect(Timestamp(seconds: 1) < Timestamp(seconds: 2))
        #expect(Timestamp.now() > Timestamp(seconds: 1_700_000_000))
    }

    @Test("every week from 1582 to 2599 is written and read back, in step with the calendar")
    func everyWeek() {
        var previous = ""
        for day in stride(from: Int64(-141_427), to: 230_000, by: 7) {
            let timestamp = Timestamp(seconds: day * 86_400)
            let text = timestamp.description
            if Timestamp(text) != timestamp || text <= previous { Issue.record("day \(day) is written \(text)") }
            previous = text
        }
    }
}
