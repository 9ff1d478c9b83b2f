import ArgumentParser
import Foundation
import Schedule

struct CronCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cron", abstract: "Cron expressions, and files for cron, systemd and Kubernetes.",
        subcommands: [CronNextCommand.self, CronPrintCommand.self])
}

struct CronNextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next", abstract: "Says when an expression fires.",
        discussion: """
            With --stdin, reads JSON lines {"expr": …, "tz": …, "from": …} and answers each with {"next": […]} or \
            {"error": …}.
            """)

    @Argument(help: "The expression, in quotes.")
    var expression: String?

    @Option(name: .long, help: ArgumentHelp("An IANA zone.", valueName: "zone"))
    var timeZone = "UTC"

    @Option(name: .long, help: ArgumentHelp("ISO 8601 with an offset (default: now).", valueName: "time"))
    var from: String?

    @Option(name: .long, help: "How many.")
    var count = 5

    @Flag(name: .long, help: "Read JSON lines from stdin.")
    var stdin = false

    func validate() throws {
        guard stdin != (expression != nil) else { throw ValidationError("Give an expression, or --stdin.") }
        guard (1...10_000).contains(count) else { throw ValidationError("--count takes 1 to 10000.") }
    }

    func run() throws {
        if stdin { return try answerLines() }
        let (zone, cron, start) = try asked()
        Terminal.say(cron.describe(timeZone: timeZone))
        let times = cron.next(count, after: start, in: zone)
        if times.isEmpty { Terminal.say("It never fires.") }
        for time in times { Terminal.print(ISOTime.text(time, in: zone)) }
    }

    /// What stands on the command line; what is wrong there is an error of the command line.
    private func asked() throws -> (zone: Zone, cron: CronExpression, start: Int64) {
        do {
            return (
                try Zone.load(timeZone), try CronExpression(expression ?? ""),
                try from.map(instant) ?? Int64(Date().timeIntervalSince1970)
            )
        } catch {
            throw CommandError("\(error)", code: 64)
        }
    }

    private func instant(_ text: String) throws -> Int64 {
        guard let seconds = ISOTime.seconds(text) else {
            throw CommandError("“\(text)” is no instant; it looks like 2026-03-08T02:30:00-05:00 or ends with Z.")
        }
        return seconds
    }

    private struct Question: Decodable {
        let expr: String
        let tz: String
        let from: String
    }

    private func answerLines() throws {
        var zones: [String: Zone] = [:]
        while let line = readLine() {
            if line.allSatisfy(\.isWhitespace) { continue }
            Terminal.print(answer(line, &zones))
        }
    }

    private func answer(_ line: String, _ zones: inout [String: Zone]) -> String {
        do {
            let question = try JSONDecoder().decode(Question.self, from: Data(line.utf8))
            let zone = try zones[question.tz] ?? Zone.load(question.tz)
            zones[question.tz] = zone
            let times = try CronExpression(question.expr).next(
                count, after: try instant(question.from), in: zone)
            return try json(["next": times.map { ISOTime.text($0, in: zone) }])
        } catch {
            let text = (try? json(["error": Self.words(error)])) ?? "{\"error\":\"unprintable\"}"
            return text
        }
    }

    /// What is wrong with a line, for people.
    private static func words(_ error: any Error) -> String {
        let form = #"{"expr": "15 2 * * *", "tz": "America/New_York", "from": "2026-03-07T00:00:00Z"}"#
        switch error {
        case DecodingError.keyNotFound(let key, _):
            return "the key \"\(key.stringValue)\" is missing; expected \(form)"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            guard let key = context.codingPath.first else { return "the line is no JSON object; expected \(form)" }
            return "the value of \"\(key.stringValue)\" is no text; expected \(form)"
        case is DecodingError: return "the line is not JSON; expected \(form)"
        default: return "\(error)"
        }
    }

    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
