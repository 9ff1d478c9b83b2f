import ArgumentParser
import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store

struct OutboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox", abstract: "Messages on their way: what waits, what failed, what nobody knows.",
        subcommands: [OutboxListCommand.self, OutboxSendCommand.self, OutboxSettleCommand.self],
        defaultSubcommand: OutboxListCommand.self)
}

struct OutboxListCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists messages that are not sent, the oldest first.")

    @Flag(name: .long, help: "Also those that were sent.")
    var all = false

    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let states: [OutboxState] = all ? OutboxState.allCases : OutboxState.allCases.filter { $0 != .sent }
        let (messages, lost) = try await withOutbox(files.settingsIfThere(), databaseOptions) { outbox, _ in
            let lost = try await outbox.expireIfAllowed()
            return (try await outbox.list(states), lost)
        }
        for message in lost { Terminal.say(message.lostWords, .warning) }
        if json.json { return try JSONDocument.print(OutboxDocument(messages, lost: lost)) }
        guard !messages.isEmpty else {
            Terminal.say(all ? "There are no messages." : "Every message was sent.")
            return
        }
        var table = TextTable(
            headings: ["id", "channel", "to", "subject", "state", "attempts", "last error"], rightAligned: [0, 5])
        for message in messages {
            table.rows.append([
                "\(message.id)", message.channel, printable(message.recipient), printable(message.subject),
                message.state.rawValue, "\(message.attempts)", printable(message.lastError ?? ""),
            ])
        }
        Terminal.print(table.lines.joined(separator: "\n"))
        if messages.contains(where: { $0.state == .unknown }) {
            Terminal.say(
                "Of an unknown one nobody knows whether it arrived: ask its recipient, then "
                    + next.onJobs("trueup outbox settle ID --was-sent") + ", or with --send-again instead")
        }
    }
}

struct OutboxSendCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Sends what is due now.")

    @OptionGroup var log: LogOptions
    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        log.start()
        let settings = try files.load().settings
        let senders = OutboxSenders(settings)
        guard !senders.ways.isEmpty else {
            throw CommandError("settings.yaml has neither delivery.email nor delivery.slack: nothing can be sent.")
        }
        let (sent, isStopped) = try await Signals.cancelling {
            do {
                let sent = try await withOutbox(settings, databaseOptions) { _, pool in
                    try await senders.send(pool: pool)
                }
                return (sent, Task.isCancelled)
            } catch {
                // Whatever a stopped statement says, the cause is the stop.
                if Task.isCancelled { throw CancellationError() }
                throw error
            }
        }
        if json.json { try JSONDocument.print(OutboxSendDocument(sent)) }
        if isStopped { throw CancellationError() }
        if !sent.isWhole { throw ExitCode(2) }
    }
}

struct OutboxSettleCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "settle", abstract: "Says what became of a message whose answer was lost, or tries one again.")

    @Argument(help: "The number of the message.")
    var id: Int64

    @Flag(name: .long, help: "It arrived.")
    var wasSent = false

    @Flag(name: .long, help: "It did not arrive: send it again.")
    var sendAgain = false

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard wasSent != sendAgain else { throw ValidationError("Say either --was-sent or --send-again.") }
    }

    func run() async throws {
        let (id, wasSent) = (id, wasSent)
        let (isDone, message, lost) = try await withOutbox(files.settingsIfThere(), databaseOptions) { outbox, _ in
            let lost = try await outbox.expire()
            let isDone = try await outbox.decide(wasSent ? .wasSent : .sendAgain, message: id)
            return (isDone, try await outbox.message(id: id), lost)
        }
        for other in lost where other.id != id { Terminal.say(other.lostWords, .warning) }
        guard isDone else {
            let why =
                if message?.state == .sending, let until = message?.leaseUntil {
                    "is on its way: the process that sends it has until \(isoTime(until.seconds)) to say how that "
                        + "went; after that it can be settled"
                } else {
                    "is not one to be settled"
                }
            throw CommandError("Message \(id) \(why). See: " + next.onJobs("trueup outbox list"))
        }
        Terminal.say("Message \(id) \(wasSent ? "counts as sent" : "will be sent again").")
    }
}

extension Outbox {
    /// As ``expire(report:)``, for a list, which a role that only reads may ask for as well: it sees how each message
    /// stands, and leaves it to others to write that down.
    fileprivate func expireIfAllowed() async throws -> [OutboxMessage] {
        do {
            return try await expire()
        } catch let error as PostgresError where ["42501", "25006"].contains(error.sqlState) {
            return []
        }
    }
}

/// Opens the outbox for a command.
private func withOutbox<T: Sendable>(
    _ settings: Settings?, _ options: DatabaseOptions, _ body: @Sendable (Outbox, Pool) async throws -> T
) async throws -> T {
    try await Database.with(options, settings: settings) { database in
        try await Pool.with(database.target, size: 2, applicationName: "trueup outbox") {
            try await body(Outbox(pool: $0), $0)
        }
    }
}
