import Foundation
import Testing

/// `scripts/test` with a stand-in for `swift`, which prints what it is told to.
@Suite("The script that runs the tests", .timeLimit(.minutes(2)))
struct ScriptTests {
    private static let passed = "✔ Test run with 3 tests in 1 suite passed after 0.1 seconds."
    /// In two parts: it must not stand in what these tests themselves print.
    private static let secret = "sk_test_" + "CAN" + "ARY" + "1234"

    private func run(printing lines: [String], on channel: Int = 1, status: Int = 0) throws -> (Int32, String) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("script-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let swift = folder.appendingPathComponent("swift")
        let words = lines.map { "'\($0)'" }.joined(separator: " ")
        try Data("#!/bin/sh\nprintf '%s\\n' \(words) >&\(channel)\nexit \(status)\n".utf8).write(to: swift)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: swift.path)
        let process = Process()
        process.executableURL = SourceFile.root.appendingPathComponent("scripts/test")
        process.arguments = ["debug", "TidyTests"]
        process.environment = ["PATH": folder.path + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TMPDIR": folder.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    @Test("tests that pass and print no secret pass")
    func passes() throws {
        let (status, output) = try run(printing: ["◇ Test run started.", Self.passed])
        #expect(status == 0, "\(output)")
        #expect(output.hasSuffix("3 passed, 0 failed\n"), "\(output)")
    }

    @Test("tests with an issue that is known pass, and are counted")
    func known() throws {
        let line = "━ Test run with 2 tests in 1 suite passed after 0.1 seconds with 1 known issue."
        let (status, output) = try run(printing: [line])
        #expect(status == 0 && output.hasSuffix("2 passed, 0 failed\n"), "\(output)")
    }

    @Test("a secret that is printed fails them, on either channel, also where every test passes", arguments: [1, 2])
    func secret(channel: Int) throws {
        let (status, output) = try run(printing: ["the key is \(Self.secret)", Self.passed], on: channel)
        #expect(status == 1)
        let lines = output.split(separator: "\n")
        #expect(lines.contains("a secret is in the output of TidyTests:"))
        #expect(lines.last == "FAILED: TidyTests")
    }

    @Test("the arguments of test cases may name the word, as they are listed before they run")
    func arguments() throws {
        let listed = "◇ Test case passing 1 argument text to x() started: \(Self.secret)"
        #expect(try run(printing: [listed, Self.passed]).0 == 0)
        #expect(try run(printing: [listed, Self.secret, Self.passed]).0 == 1)
    }

    @Test("tests that fail, or none at all, are a failure")
    func fails() throws {
        for (lines, status) in [([Self.passed, "✘ Test x() failed"], 1), (["nothing"], 0)] {
            let (code, output) = try run(printing: lines, status: status)
            #expect(code == 1)
            #expect(output.split(separator: "\n").last == "FAILED: TidyTests", "\(output)")
        }
    }
}
