import Foundation
import Testing

/// Outputs kept beside the tests. `UPDATE_GOLDEN=1` writes them anew; the difference is then read in version control.
enum Golden {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    static func expect(_ text: String, _ name: String, location: SourceLocation = #_sourceLocation) throws {
        let file = folder.appendingPathComponent(name + ".txt")
        let actual = normalized(text)
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(actual.utf8).write(to: file)
            return
        }
        let expected = try? String(contentsOf: file, encoding: .utf8)
        #expect(
            actual == expected ?? "", "Golden/\(name).txt differs; UPDATE_GOLDEN=1 writes it anew",
            sourceLocation: location)
    }

    /// The same findings in an order that does not depend on ids, which carry the time: blocks of a line and what is
    /// indented below it, sorted where several follow each other.
    static func sorted(_ text: String) -> String {
        var result: [String] = []
        var blocks: [String] = []
        func flush() {
            result += blocks.sorted()
            blocks = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("      "), !blocks.isEmpty {
                blocks[blocks.count - 1] += "\n" + normalized(String(line))
            } else if line.hasPrefix("F-") || ["  + ", "  - ", "  ~ ", "  ? "].contains(String(line.prefix(4))) {
                blocks.append(normalized(String(line)))
            } else {
                flush()
                result.append(String(line))
            }
        }
        flush()
        return result.joined(separator: "\n")
    }

    /// What differs from run to run: instants, ids that carry one, how long it took, who and where.
    static func normalized(_ text: String) -> String {
        let rules = [
            (#"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"#, "TIME"), (#"in_1[A-Za-z0-9]+"#, "in_ID"),
            (#"cus_[A-Za-z0-9]+"#, "cus_ID"), (#"req_[A-Za-z0-9]+"#, "req_ID"), (#"([Oo])rder(s?) \d+"#, "$1rder$2 N"),
            (#"Orders N, \d+"#, "Orders N, N"),
            (#"plan [0-9a-f]{12}"#, "plan ID"),
            (#"\d+(\.\d)? s\b"#, "DURATION"), (#"[0-9,]+ requests"#, "N requests"),
            (#" \([0-9,]+ more than the least possible\)"#, ""),
            (#"[0-9,]+ at Stripe, [0-9,]+ local"#, "N at Stripe, N local"),
            (#"\d+ objects?( more)? in \d+ pages?"#, "N objects in N pages"),
            (#"127\.0\.0\.1:\d+"#, "127.0.0.1:PORT"), (#"/tmp/trueup-[A-Za-z0-9-]+"#, "TMP"),
            (#"F-\d+"#, "F-N"), (#"\d+ days old"#, "N days old"), (#" +"#, " "),
        ]
        return rules.reduce(text) { text, rule in
            text.replacingOccurrences(of: rule.0, with: rule.1, options: .regularExpression)
        }
    }
}
