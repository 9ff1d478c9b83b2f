import Foundation
import Testing

@Suite("Lines on a terminal", .timeLimit(.minutes(5)))
struct TerminalTests {
    @Test(
        "what a run says is broken between words where the terminal ends, and is whole in a pipe", arguments: [60, 0])
    func run(_ columns: Int) async throws {
        try await Scene.with { scene in
            let words = ["run", Scene.job, "--plan"]
            let piped = try await scene.program.run(words)
            let program = scene.program(["NO_COLOR": "1"])
            let shown = try await program.run(words, columns: columns)
            #expect(piped.status == 2 && shown.status == 2, "\(shown.everything)")
            let width = columns == 0 ? 80 : columns
            let long = piped.output.split(separator: "\n").filter { $0.count > width }
            #expect(long.count > 5)
            for line in shown.output.split(separator: "\n") where line.count > width {
                // Cells of a table, or one word.
                let words = line.drop { $0 == " " }
                #expect(words.contains("   ") || !words.contains(" "), "\(line)")
            }
            #expect(Self.words(piped.output) == Self.words(shown.output))
        }
    }

    @Test(
        "a table that is wider goes on in further lines, with every cell, and is whole in a pipe",
        arguments: [80, 60, 0])
    func tables(_ columns: Int) async throws {
        try await Scene.with { scene in
            let range = ["--from", "2015-01-01", "--to", "2035-01-01"]
            for words in [["run", Scene.job, "--plan"], ["run", Scene.job], ["backfill", Scene.job] + range] {
                #expect(try await scene.program.run(words).status == 2)
            }
            let width = columns == 0 ? 80 : columns
            for words in [["findings", "list"], ["runs"], ["backfill", "--status"]] {
                let piped = try await scene.program.run(words)
                let shown = try await scene.program.run(words, columns: columns)
                #expect(piped.status == 0 && shown.status == 0, "\(shown.everything)")
                #expect(piped.output.split(separator: "\n").contains { $0.count > width }, "\(words)")
                let long = shown.output.split(whereSeparator: \.isNewline).filter { $0.count > width }
                #expect(long.isEmpty, "\(words): \(long)")
                let cells = Set(shown.output.split(whereSeparator: \.isWhitespace))
                let lost = Set(piped.output.split(whereSeparator: \.isWhitespace)).subtracting(cells)
                // Of when a finding was first seen there is the day.
                let isTime = { (word: Substring) in word == "UTC" || word.contains(":") }
                #expect(lost.allSatisfy { words[0] == "findings" && isTime($0) }, "\(words): \(lost)")
            }
        }
    }

    /// Without what differs from run to run.
    private static func words(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map { $0.contains(where: \.isNumber) ? "#" : String($0) }
    }
}
