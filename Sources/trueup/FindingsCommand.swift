import ArgumentParser
import Foundation
import PostgreSQL
import Reconciliation
import Runner
import Store

struct FindingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "findings", abstract: "Shows what was found: every difference, carried from run to run.",
        subcommands: [
            FindingsListCommand.self, FindingsShowCommand.self, FindingsAssignCommand.self, FindingsAcceptCommand.self,
            FindingsReopenCommand.self,
        ],
        defaultSubcommand: FindingsListCommand.self)
}

struct FindingsShowCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one finding.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: String

    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    private var number: Int64? { Int64(id.hasPrefix("F-") ? String(id.dropFirst(2)) : id) }

    func validate() throws {
        guard number != nil else { throw ValidationError("“\(id)” is no finding id; it looks like F-12.") }
    }

    func run() async throws {
        try await Database.with(databaseOptions, settings: files.settingsIfThere()) { database in
            let (finding, notes, repairs) = try await Pool.with(
                database.target, applicationName: "trueup findings"
            ) { pool in
                let findings = Findings(pool: pool)
                return (
                    try await findings.finding(id: number ?? 0), try await findings.notes(of: number ?? 0),
                    try await findings.repairs(of: number ?? 0)
                )
            }
            guard let finding else {
                throw CommandError("There is no finding \(id). See: " + next.onJobs("trueup findings list"))
            }
            if json.json {
                return try JSONDocument.print(
                    FindingHistoryDocument(
                        finding: FindingDocument(finding), repairs: repairs.map { .init($0) },
                        notes: notes.map { .init($0) }))
            }
            for (name, value) in facts(finding, notes) {
                Terminal.print(name + String(repeating: " ", count: max(1, 14 - name.count)) + value)
            }
            for repair in repairs {
                let plan = repair.plan.map { ", plan \($0)" } ?? ""
                Terminal.print(
                    "repair        \(isoTime(repair.appliedAt.seconds)) \(repair.effect) by \(repair.requestedBy), run "
                        + "\(repair.runID)\(plan), on \(repair.stripeStatus) (\(repair.requestID))")
            }
            for note in notes {
                Terminal.print(
                    "note          \(isoTime(note.writtenAt.seconds)) \(printable(note.writtenBy)): "
                        + "\(printable(note.what))\(note.note.isEmpty ? "" : ": " + printable(note.note))")
            }
        }
    }

    private func facts(_ finding: Finding, _ notes: [FindingNote]) -> [(String, String)] {
        let closed = finding.closedHow.map { " (\($0.rawValue), \(isoTime(finding.closedAt?.seconds ?? 0)))" } ?? ""
        return [
            ("finding", "F-\(finding.id)"), ("kind", finding.identity.kind.rawValue),
            ("what", printable(finding.explanation)), ("state", finding.state.rawValue + closed),
            ("action", finding.action.rawValue), ("job", finding.identity.job), ("account", finding.identity.account),
            ("at Stripe", atStripe(finding)), ("local row", local(finding)),
            ("agency", finding.agencyID.map(String.init) ?? "–"),
            ("credits", finding.credits.map(Money.grouped) ?? "–"),
            ("first seen", isoTime(finding.firstSeenAt.seconds)),
            ("last seen", "\(isoTime(finding.lastSeenAt.seconds)) by run \(finding.lastRunID)"),
            ("runs seen", "\(finding.runsSeen)"), ("reopened", reopened(finding, notes)),
            ("owner", finding.owner.map(printable) ?? "nobody"),
        ]
    }

    /// By its difference, which was there again, and by people, who took an acceptance back.
    private func reopened(_ finding: Finding, _ notes: [FindingNote]) -> String {
        let people = notes.count { $0.what == FindingNote.reopened }
        return "\(counted(finding.timesReopened, "time")) after it was closed, \(counted(people, "time")) by people"
    }

    /// `invoice in_… (paid, $20.00)`.
    private func atStripe(_ finding: Finding) -> String {
        guard !finding.identity.stripeID.isEmpty else { return "nothing" }
        let facts = [finding.stripeStatus, finding.stripeAmount.map { finding.money($0) }].compactMap(\.self)
        return "\(finding.comparison.stripeNoun) \(printable(finding.identity.stripeID))"
            + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
    }

    /// `order 12 (open, $20.00)`.
    private func local(_ finding: Finding) -> String {
        guard !finding.identity.localID.isEmpty else { return "none" }
        let facts = [finding.localState, finding.localAmount.map { _ in finding.localMoney }].compactMap(\.self)
        return finding.localRow + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))")
    }
}
