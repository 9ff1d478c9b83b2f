import ArgumentParser
import Foundation
import PostgreSQL
import Store

/// A finding's id as people write it: `F-12` or `12`.
struct FindingID: ExpressibleByArgument {
    let number: Int64

    init?(argument: String) {
        guard let number = Int64(argument.hasPrefix("F-") ? String(argument.dropFirst(2)) : argument), number > 0 else {
            return nil
        }
        self.number = number
    }
}

struct NoteOptions: ParsableArguments {
    @Option(name: .long, help: "Why; kept with the finding.")
    var note: String?

    func required() throws -> String {
        guard let note, !note.allSatisfy(\.isWhitespace) else {
            throw ValidationError("Say why with --note: whoever reads the report will ask.")
        }
        return note
    }
}

struct FindingsAssignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "assign", abstract: "Gives a finding to a person.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @Option(name: .long, help: "Who looks after it.")
    var to: String

    @OptionGroup var note: NoteOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (id, to, text) = (id.number, to, note.note ?? "")
        let next = NextCommand(databaseOptions)
        try await change(databaseOptions) { findings in
            guard try await findings.assign(id, to: to, by: RunOrigin.here(.manual).requestedBy, note: text) else {
                throw CommandError("There is no finding F-\(id). See: " + next.onDatabase("trueup findings list"))
            }
            Terminal.say("F-\(id) belongs to \(printable(to)).")
        }
    }
}

struct FindingsAcceptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Accepts a finding: it stays quiet until its facts change.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @OptionGroup var note: NoteOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws { _ = try note.required() }

    func run() async throws {
        let (id, text) = (id.number, try note.required())
        let next = NextCommand(databaseOptions)
        try await change(databaseOptions) { findings in
            guard try await findings.accept(id, by: RunOrigin.here(.manual).requestedBy, note: text) else {
                throw CommandError("F-\(id) is not open. See: " + next.onDatabase("trueup findings show F-\(id)"))
            }
            Terminal.say("F-\(id) is accepted and stays quiet until its facts change.")
        }
    }
}

struct FindingsReopenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reopen", abstract: "Takes an acceptance back: the finding is open again.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @OptionGroup var note: NoteOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (id, text) = (id.number, note.note ?? "")
        let next = NextCommand(databaseOptions)
        try await change(databaseOptions) { findings in
            guard try await findings.reopen(id, by: RunOrigin.here(.manual).requestedBy, note: text) else {
                throw CommandError("F-\(id) is not accepted. See: " + next.onDatabase("trueup findings show F-\(id)"))
            }
            Terminal.say("F-\(id) is open again.")
        }
    }
}

/// Opens the findings for a change.
private func change(
    _ options: DatabaseOptions, _ body: @Sendable (Findings) async throws -> Void
) async throws {
    try await Database.with(options, settings: nil) { database in
        try await Pool.with(database.target, applicationName: "trueup findings") {
            try await body(Findings(pool: $0))
        }
    }
}
