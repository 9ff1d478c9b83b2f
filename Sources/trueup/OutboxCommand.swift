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

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let states: [OutboxState] = all ? OutboxState.allCases : OutboxState.allCases.filter { $0 != .sent }
        let messages = try await withOutbox(files.settingsIfThere(), databaseOptions) { outbox, _ in
            try await outbox.list(states)
        }
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
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        log.start()
        let settings = try files.load().settings
        guard settings.delivery.email != nil || settings.delivery.slack != nil else {
            throw CommandError("settings.yaml has neither delivery.email nor delivery.slack: nothing can be sent.")
        }
        let isWhole = try await withOutbox(settings, databaseOptions) { _, pool in
            let http = HTTPClient()
            let isWhole = try await OutboxSenders.deliver(settings, pool: pool, http: http)
            await http.close()
            return isWhole
        }
        if !isWhole { throw ExitCode(2) }
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
        let isDone = try await withOutbox(files.settingsIfThere(), databaseOptions) { outbox, _ in
            try await outbox.decide(wasSent ? .wasSent : .sendAgain, message: id)
        }
        guard isDone else {
            throw CommandError("Message \(id) is not one to be settled. See: " + next.onJobs("trueup outbox list"))
        }
        Terminal.say("Message \(id) \(wasSent ? "counts as sent" : "will be sent again").")
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
