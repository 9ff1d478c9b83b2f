import Foundation
import Reports
import Schedule
import Testing

@Suite("Sample in the documentation")
struct DocumentedSampleTests {
    /// A statement of a few agencies, small enough to read as a whole.
    static func sample() throws -> DiscrepancyReport {
        var sample = SampleReport()
        sample.seed = 7
        sample.agencies = 12
        sample.items = 40
        sample.zone = try Zone.load("America/New_York")
        return try sample.make()
    }

    @Test("it is what the program makes; TRUEUP_REWRITE=1 writes it anew")
    func same() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.sample(), [.html, .text], matched: ReportWriterTests.matched(6))
        let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs").path
        for (made, kept) in [("report.html", "sample-report.html"), ("summary.txt", "sample-report.txt")] {
            let text = try scratch.text(made)
            if ProcessInfo.processInfo.environment["TRUEUP_REWRITE"] != nil {
                try text.write(toFile: docs + "/" + kept, atomically: true, encoding: .utf8)
            }
            #expect(try String(contentsOfFile: docs + "/" + kept, encoding: .utf8) == text, "docs/\(kept)")
        }
    }
}
