import Foundation
import Schedule
import Testing

/// The recorded expressions beside the checkout: what cronsim, croniter and two independent models agree on.
@Suite("recorded cron vectors")
struct VectorTests {
    struct Vector: Decodable, Sendable {
        let expr: String
        let tz: String
        let from: String
        let next: [String]
        let error: Bool
    }

    /// Lines (from 1) that are known to differ, and why: cronsim has neither `?` nor `nW`, and the scheduler's contract
    /// asks for both.
    static let disagreements = [
        252: "0 0 ? * MON",
        3214: "0 0 15W * *",
        5080: "0 0 * * ?",
    ]

    static let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../../shared/cron/vectors.jsonl"
    ).standardizedFileURL

    static func vectors() throws -> [Vector] {
        let text = try String(contentsOf: file, encoding: .utf8)
        let decoder = JSONDecoder()
        return try text.utf8.split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(Vector.self, from: Data($0))
        }
    }

    @Test(
        "every vector fires when recorded, or is refused when recorded",
        .enabled(if: FileManager.default.fileExists(atPath: VectorTests.file.path)))
    func allVectors() throws {
        let vectors = try Self.vectors()
        #expect(vectors.count >= 5785)
        var zones: [String: Zone] = [:]
        var differing: [Int: String] = [:]
        for (index, vector) in vectors.enumerated() {
            let zone = try zones[vector.tz] ?? Zone.load(vector.tz)
            zones[vector.tz] = zone
            let answer: [String]?
            if let expression = try? CronExpression(vector.expr) {
                let from = try #require(ISOTime.seconds(vector.from))
                answer = expression.next(vector.next.count, after: from, in: zone).map {
                    ISOTime.text($0, in: zone)
                }
            } else {
                answer = nil
            }
            if vector.error != (answer == nil) || answer.map({ $0 != vector.next }) ?? false {
                differing[index + 1] = vector.expr
                if Self.disagreements[index + 1] == nil {
                    Issue.record(
                        """
                        line \(index + 1): \(vector.expr) in \(vector.tz) from \(vector.from) gives \
                        \(answer ?? ["an error"]), recorded is \(vector.next)
                        """)
                }
            }
        }
        #expect(differing == Self.disagreements)
    }
}
