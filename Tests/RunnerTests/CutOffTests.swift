import Jobs
import Runner
import Schedule
import Testing

@Suite("Cut-offs")
struct CutOffTests {
    /// The cut-off's time of day in New York, a moment, and the last cut-off at or before it.
    @Test(
        "the last one is found across both changes of the clock, to the second",
        arguments: [
            (0, 0, "2026-03-08T04:59:59Z", "2026-03-07T05:00:00Z"),
            (0, 0, "2026-03-08T05:00:00Z", "2026-03-08T05:00:00Z"),
            // A day of 23 hours.
            (0, 0, "2026-03-09T03:59:59Z", "2026-03-08T05:00:00Z"),
            (0, 0, "2026-03-09T04:00:00Z", "2026-03-09T04:00:00Z"),
            // A day of 25 hours.
            (0, 0, "2026-11-02T04:59:59Z", "2026-11-01T04:00:00Z"),
            (0, 0, "2026-11-02T05:00:00Z", "2026-11-02T05:00:00Z"),
            // The clock skips 02:30: the first instant after the gap.
            (2, 30, "2026-03-08T06:59:59Z", "2026-03-07T07:30:00Z"),
            (2, 30, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"),
            // The clock shows 01:30 twice: the first time.
            (1, 30, "2026-11-01T05:29:59Z", "2026-10-31T05:30:00Z"),
            (1, 30, "2026-11-01T06:30:00Z", "2026-11-01T05:30:00Z"),
        ])
    func last(_ hour: Int, _ minute: Int, _ moment: String, _ expected: String) throws {
        let zone = try Zone.load("America/New_York")
        let cutOff = CutOff(hour: hour, minute: minute, timeZone: zone.name)
        let seconds = try #require(ISOTime.seconds(moment))
        #expect(ISOTime.text(cutOff.last(before: seconds, in: zone), in: .utc).prefix(19) == expected.dropLast())
    }
}
