import Foundation
import Runner
import Testing

@Suite("The document of a run")
struct RunDocumentTests {
    @Test("it is one JSON value with every finding in its order, as if encoded at once, in however many pieces")
    func whole() async throws {
        try await Night.with(try NightSetup.credits(seed: 11)) { night in
            let result = try await night.run()
            #expect(result.findings.count > 14)
            for isOneLine in [false, true] {
                for atOnce in [1, 7, result.findings.count, 10_000] {
                    var pieces: [String] = []
                    try RunDocument(result).write(isOneLine: isOneLine, findingsAtOnce: atOnce) { pieces.append($0) }
                    try Self.check(pieces.joined(), result, isOneLine: isOneLine)
                    #expect(pieces.count == 2 + (result.findings.count + atOnce - 1) / atOnce)
                }
            }
        }
    }

    @Test("that of a job which ended with an error has the members of a run's, and null where a run has a word")
    func failed() throws {
        let failed = RunDocument(failed: "nightly", isPlan: true, problem: "no “key”", exitCode: 75)
        var texts: [String] = []
        for isOneLine in [false, true] {
            var text = ""
            try failed.write(isOneLine: isOneLine) { text += $0 }
            texts.append(text)
            let parsed = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            #expect(parsed["exit_code"] as? Int == 75 && parsed["job"] as? String == "nightly")
            #expect(parsed["plan"] as? Bool == true && parsed["state"] as? String == "failed")
            #expect(parsed["problems"] as? [String] == ["no “key”"] && parsed["run"] is NSNull)
        }
        #expect(
            texts[1] == """
                {"counts":{},"exit_code":75,"findings":[],"format":"trueup.run/1","job":"nightly","objects":null,\
                "period":null,"plan":true,"problems":["no “key”"],"requests":null,"requests_least":null,"run":null,\
                "state":"failed"}

                """)
    }

    private static func check(_ text: String, _ result: RunResult, isOneLine: Bool) throws {
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(parsed["format"] as? String == "trueup.run/1" && parsed["run"] as? Int64 == result.run.id)
        let items = try #require(parsed["findings"] as? [[String: Any]])
        #expect(items.map { $0["id"] as? Int64 } == result.findings.map(\.id))
        #expect(items.map { $0["explanation"] as? String } == result.findings.map(\.explanation))
        #expect(items.allSatisfy { $0.count == 14 })
        let options: JSONSerialization.WritingOptions = isOneLine ? [] : [.prettyPrinted]
        let again = try JSONSerialization.data(
            withJSONObject: parsed, options: options.union([.sortedKeys, .withoutEscapingSlashes]))
        #expect(text == String(decoding: again, as: UTF8.self) + "\n")
    }
}
