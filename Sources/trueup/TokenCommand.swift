import ArgumentParser
import Foundation
import PostgreSQL
import Service
import Store

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Makes, lists and revokes the tokens of trueup serve.",
        subcommands: [TokenCreateCommand.self, TokenListCommand.self, TokenRevokeCommand.self])
}

struct TokenCreateCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Makes a token and prints it once: only its hash is kept.")

    @Argument(help: "What it is for, such as the caller's name.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("An agency whose orders it may see and place.", valueName: "id"))
    var agency: [Int64] = []

    @Flag(name: .long, help: "The orders of every agency.")
    var allAgencies = false

    @Flag(name: .long, help: "The status page.")
    var status = false

    @Option(name: .long, help: ArgumentHelp("How long it is valid; for ever, unless told.", valueName: "n"))
    var days: Int?

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        let trimmed = name.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty, name.count <= 200 else { throw ValidationError("A name has 1 to 200 characters.") }
        guard agency.isEmpty || !allAgencies else { throw ValidationError("--agency or --all-agencies, not both.") }
        guard !agency.isEmpty || allAgencies || status else {
            throw ValidationError("Say what it may do: --agency, --all-agencies or --status.")
        }
        guard agency.allSatisfy({ $0 > 0 }) else { throw ValidationError("--agency takes an agency's id.") }
        if let days, !(1...36_500).contains(days) { throw ValidationError("--days takes 1 to 36500.") }
    }

    func run() async throws {
        try await TokenTable.with(files, databaseOptions) { tokens in
            let token = BearerToken.random()
            let id = try await tokens.create(
                name: name, secretHash: token.hash, agencies: allAgencies ? nil : Set(agency).sorted(),
                maySeeStatus: status, days: days, createdBy: "\(NSUserName())@\(ProcessInfo.processInfo.hostName)")
            Terminal.print(token.with(id: id).expose())
            Terminal.say(
                "Keep it: it is not shown again. To take it away: " + next.onJobs("trueup token revoke \(id)"))
        }
    }
}

struct TokenListCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the tokens and what they may do.")

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        try await TokenTable.with(files, databaseOptions) { tokens in
            let all = try await tokens.all()
            if all.isEmpty {
                Terminal.say("There are no tokens: " + next.onJobs("trueup token create NAME --agency ID"))
            }
            for token in all { Terminal.print(Self.line(token)) }
        }
    }

    private static func line(_ token: APIToken) -> String {
        var rights: [String] = []
        switch token.agencies {
        case nil: rights.append("all agencies")
        case let agencies? where !agencies.isEmpty:
            rights.append("agencies " + agencies.map(String.init).joined(separator: ", "))
        default: break
        }
        if token.maySeeStatus { rights.append("status page") }
        let state: String =
            if let revoked = token.revokedAt {
                "revoked \(isoTime(revoked.seconds))"
            } else if let expires = token.expiresAt {
                "\(token.isValid ? "valid until" : "expired") \(isoTime(expires.seconds))"
            } else {
                "valid"
            }
        return "\(token.id)  \(printable(token.name))  \(rights.joined(separator: " and "))  \(state)  "
            + "made \(isoTime(token.createdAt.seconds)) by \(printable(token.createdBy))"
    }
}

struct TokenRevokeCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Takes a token away: the next request with it is refused.")

    @Argument(help: "The token's number, as trueup token list shows it.")
    var id: Int64

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        try await TokenTable.with(files, databaseOptions) { tokens in
            guard try await tokens.revoke(id) else {
                throw CommandError(
                    "There is no token \(id) that is not revoked already: " + next.onJobs("trueup token list"))
            }
            Terminal.say("Token \(id) is revoked.")
        }
    }
}

/// The tokens of the database that the settings name.
enum TokenTable {
    static func with(
        _ files: JobOptions, _ options: DatabaseOptions, _ body: @Sendable (APITokens) async throws -> Void
    ) async throws {
        let set = try files.load()
        let isLive = Accounts.hasLiveKey(set.settings.accounts.map(\.name), settings: set.settings)
        try await Database.with(options, settings: set.settings, hasLiveKey: isLive) { database in
            try await Pool.with(database.target, applicationName: "trueup token") {
                try await body(APITokens(pool: $0))
            }
        }
    }
}
