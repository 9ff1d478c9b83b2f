import PostgreSQL
import Testing

@Suite struct TimestampTests {
    @Test(
        "ISO 8601 both ways",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_795_400_100_000_000, "2026-11-23T02:15:00Z"),
        ])
    func written(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
        #expect(Timestamp(text) == Timestamp(microseconds: microseconds))
    }
}
