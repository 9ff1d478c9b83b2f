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
}

struct FindingsAssignCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(commandName: "assign", abstract: "Gives a finding to a person.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @Option(name: .long, help: "Who looks after it.")
    var to: String

    @OptionGroup var note: NoteOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard !to.allSatisfy(\.isWhitespace) else { throw ValidationError("--to names a person.") }
    }

    func run() async throws {
        let (id, to, text) = (id.number, to, note.note ?? "")
        let next = next
        try await change(files, databaseOptions) { findings in
            guard try await findings.assign(id, to: to, by: RunOrigin.here(.manual).requestedBy, note: text) else {
                throw try await notSo(id, "open", findings, next)
            }
            Terminal.say("F-\(id) belongs to \(printable(to)).")
        }
    }
}

struct FindingsAcceptCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Accepts a finding: it stays quiet until its facts change.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @Option(name: .long, help: "Why; kept with the finding, for whoever reads the report.")
    var note: String

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard !note.allSatisfy(\.isWhitespace) else {
            throw ValidationError("Say why with --note: whoever reads the report will ask.")
        }
    }

    func run() async throws {
        let (id, text) = (id.number, note)
        let next = next
        try await change(files, databaseOptions) { findings in
            guard try await findings.accept(id, by: RunOrigin.here(.manual).requestedBy, note: text) else {
                throw try await notSo(id, "open", findings, next)
            }
            Terminal.say("F-\(id) is accepted and stays quiet until its facts change.")
        }
    }
}

struct FindingsReopenCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "reopen", abstract: "Takes an acceptance back: the finding is open again.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: FindingID

    @OptionGroup var note: NoteOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (id, text) = (id.number, note.note ?? "")
        let next = next
        try await change(files, databaseOptions) { findings in
            let opened = try await findings.reopen(id, by: RunOrigin.here(.manual).requestedBy, note: text)
            guard !opened.isEmpty else { throw try await notSo(id, "accepted", findings, next) }
            let others = opened.filter { $0 != id }.map { "F-\($0)" }.joined(separator: ", ")
            let same = others.isEmpty ? "" : ", and with it \(others), the same difference in other jobs' lists"
            Terminal.say("F-\(id) is open again\(same).")
        }
    }
}

/// Why a finding is not one to be changed so: there is none of that number, or it is in another state.
private func notSo(
    _ id: Int64, _ state: String, _ findings: Findings, _ next: NextCommand
) async throws -> CommandError {
    guard let finding = try await findings.finding(id: id) else {
        return CommandError("There is no finding F-\(id). See: " + next.onJobs("trueup findings list"))
    }
    return CommandError(
        "F-\(id) is \(finding.state.rawValue), not \(state). See: " + next.onJobs("trueup findings show F-\(id)"))
}

/// Opens the findings for a change.
private func change(
    _ files: JobOptions, _ options: DatabaseOptions, _ body: @Sendable (Findings) async throws -> Void
) async throws {
    try await Database.with(options, settings: files.settingsIfThere()) { database in
        try await Pool.with(database.target, applicationName: "trueup findings") {
            try await body(Findings(pool: $0))
        }
    }
}
