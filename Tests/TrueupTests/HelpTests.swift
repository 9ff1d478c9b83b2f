import Foundation
import Testing

@Suite("Help and the command line")
struct HelpTests {
    let program = Program()

    @Test(
        "help is as it was read last",
        arguments: [
            [], ["run"], ["apply"], ["revert"], ["runs"], ["findings"], ["check"], ["jobs"], ["jobs", "pause"],
            ["schedule"], ["work"], ["cron", "next"], ["cron", "print"], ["db"], ["db", "psql"], ["sandbox"], ["demo"],
            ["findings", "list"], ["backfill"], ["serve"], ["token", "create"],
        ])
    func help(_ command: [String]) async throws {
        let result = try await program.run(command + ["--help"])
        #expect(result.status == 0)
        #expect(result.talk.isEmpty)
        try Golden.expect(result.output, "help" + command.map { "-" + $0 }.joined())
    }

    @Test(
        "a wrong command line is code 64 and says what is wrong",
        arguments: [
            (["bogus"], "bogus"), (["run"], "job"), (["run", "x", "--bogus"], "--bogus"),
            (["findings", "show", "x"], "F-12"), (["findings", "list", "--kind", "missed_pay"], "missed_paid"),
            (["findings", "list", "--state", "ajar"], "open, information, accepted or closed"),
            (["findings", "list", "--sort", "size"], "amount"),
            (["findings", "list", "--min-amount", "lots"], "cents"),
            (["runs", "--limit", "0"], "--limit"),
            (["cron", "next"], "--stdin"), (["sandbox", "--port", "99999"], "--port"),
            (["check", "--online", "--schema"], "not both"),
            (["backfill", "--status", "--json", "--plan"], "--status takes a job, and --json"),
        ])
    func usage(_ arguments: [String], _ word: String) async throws {
        let result = try await program.run(arguments)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.talk.contains(word))
    }

    @Test("cron next answers on stdout and talks on stderr")
    func cron() async throws {
        let result = try await program.run(
            "cron", "next", "15 2 * * *", "--time-zone", "America/New_York", "--from", "2026-03-07T00:00:00Z",
            "--count",
            "2")
        #expect(result.status == 0)
        #expect(result.output == "2026-03-07T02:15:00-05:00\n2026-03-08T03:00:00-04:00\n")
        #expect(result.talk.contains("02:15"))
    }

    @Test(
        "an expression that means nothing is an error that says why",
        arguments: [
            (["61 2 * * *"], "0 to 59"), (["0 0 30 2 *"], "never fires"), (["* *"], "5"),
            (["0 0 * * *", "--time-zone", "Mars/X"], "Mars/X"), (["0 0 * * *", "--from", "yesterday"], "yesterday"),
        ])
    func badCron(_ arguments: [String], _ word: String) async throws {
        let result = try await program.run(["cron", "next"] + arguments)
        #expect(result.status == 64)
        #expect(result.talk.contains(word))
        #expect(result.output.isEmpty)
    }

    @Test("cron next --stdin answers each bad line in words, and goes on")
    func badLines() async throws {
        let good = #"{"expr": "15 2 * * *", "tz": "UTC", "from": "2026-03-07T00:00:00Z"}"#
        let lines = [
            ("{", "the line is not JSON"), ("[1]", "the line is no JSON object"),
            (#"{"tz": "UTC", "from": "2026-03-07T00:00:00Z"}"#, #"the key "expr" is missing"#),
            (#"{"expr": 5, "tz": "UTC", "from": "2026-03-07T00:00:00Z"}"#, #"the value of "expr" is no text"#),
            (#"{"expr": null, "tz": "UTC", "from": "2026-03-07T00:00:00Z"}"#, #"the value of "expr" is no text"#),
            (#"{"expr": "61 * * * *", "tz": "UTC", "from": "2026-03-07T00:00:00Z"}"#, "expected 0 to 59"),
        ]
        let result = try await program.run(
            ["cron", "next", "--stdin", "--count", "1"], input: (lines.map(\.0) + [good]).joined(separator: "\n") + "\n"
        )
        #expect(result.status == 0)
        let answers = try result.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(answers.count == lines.count + 1)
        for ((line, words), answer) in zip(lines, answers) {
            let error = try #require(answer["error"] as? String)
            #expect(error.contains(words) && !error.contains("Error("), "\(line): \(error)")
        }
        #expect(answers.last?["next"] as? [String] == ["2026-03-07T02:15:00+00:00"])
    }

    @Test("check --schema prints the JSON Schema of the files")
    func schema() async throws {
        let result = try await program.run("check", "--schema")
        #expect(result.status == 0)
        #expect(result.output.contains("\"$schema\""))
        #expect(result.output.contains("look_back"))
    }
}
