import ArgumentParser
import Foundation
import PostgreSQL
import Reconciliation
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

struct FindingsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists findings that are not closed, oldest first.")

    @Option(name: .long, help: "Only this job.")
    var job: String?

    @Option(name: .long, help: "Only this kind, such as missed_paid.")
    var kind: String?

    @Option(name: .long, help: "Only this state: open, accepted or closed.")
    var state: String?

    @Option(name: .customLong("run"), help: "Only what this run saw, closed or not.")
    var runNumber: Int64?

    @Option(name: .long, help: "How many.")
    var limit = 1_000

    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        if let kind, FindingKind(rawValue: kind) == nil {
            throw ValidationError(
                "There is no kind “\(kind)”. Kinds: \(FindingKind.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if let state, FindingState(rawValue: state) == nil {
            throw ValidationError("--state takes open, accepted or closed.")
        }
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit takes 1 to 1000000.") }
    }

    func run() async throws {
        try await Database.with(databaseOptions, settings: nil) { database in
            let pool = Pool(database.target, size: 1, applicationName: "trueup findings")
            let findings = try await Findings(pool: pool).list(
                job: job, state: state.flatMap(FindingState.init), kind: kind.flatMap(FindingKind.init),
                runID: runNumber,
                limit: limit)
            await pool.close()
            var table = TextTable(
                headings: [
                    "id", "kind", "action", "state", "invoice", "order", "stripe", "local", "first seen", "runs",
                ],
                rightAligned: [5, 6, 7, 9])
            for finding in findings { table.rows.append(row(finding)) }
            for line in table.lines { Terminal.print(line) }
            if findings.isEmpty { Terminal.say("No findings.") }
            if findings.count == limit { Terminal.say("There may be more: raise --limit.") }
        }
    }

    private func row(_ finding: Finding) -> [String] {
        func money(_ amount: Int64?) -> String {
            amount.map { Money(minorUnits: $0, currency: finding.currency ?? "").description } ?? "–"
        }
        return [
            "F-\(finding.id)", finding.identity.kind.rawValue, finding.action.rawValue,
            finding.closedHow.map { "closed: \($0.rawValue)" } ?? finding.state.rawValue,
            orDash(finding.identity.stripeID), orDash(finding.identity.localID), money(finding.stripeAmount),
            money(finding.localAmount), isoTime(finding.firstSeenAt.seconds), String(finding.runsSeen),
        ]
    }
}

struct FindingsShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one finding.")

    @Argument(help: ArgumentHelp("Its id, as the list shows it.", valueName: "F-id"))
    var id: String

    @OptionGroup var databaseOptions: DatabaseOptions

    private var number: Int64? { Int64(id.hasPrefix("F-") ? String(id.dropFirst(2)) : id) }

    func validate() throws {
        guard number != nil else { throw ValidationError("“\(id)” is no finding id; it looks like F-12.") }
    }

    func run() async throws {
        try await Database.with(databaseOptions, settings: nil) { database in
            let pool = Pool(database.target, size: 1, applicationName: "trueup findings")
            let findings = Findings(pool: pool)
            let finding = try await findings.finding(id: number ?? 0)
            let notes = try await findings.notes(of: number ?? 0)
            let repairs = try await findings.repairs(of: number ?? 0)
            await pool.close()
            guard let finding else { throw CommandError("There is no finding \(id). See: trueup findings list") }
            for (name, value) in facts(finding) {
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

    private func facts(_ finding: Finding) -> [(String, String)] {
        func money(_ amount: Int64?) -> String {
            amount.map { Money(minorUnits: $0, currency: finding.currency ?? "").description } ?? "–"
        }
        let closed = finding.closedHow.map { " (\($0.rawValue), \(isoTime(finding.closedAt?.seconds ?? 0)))" } ?? ""
        return [
            ("finding", "F-\(finding.id)"), ("kind", finding.identity.kind.rawValue),
            ("what", printable(finding.explanation)), ("state", finding.state.rawValue + closed),
            ("action", finding.action.rawValue), ("job", finding.identity.job), ("account", finding.identity.account),
            (
                "invoice",
                "\(orDash(finding.identity.stripeID)) (\(finding.stripeStatus ?? "–"), \(money(finding.stripeAmount)))"
            ),
            (
                "order",
                "\(orDash(finding.identity.localID)) (\(finding.localState ?? "–"), \(money(finding.localAmount)))"
            ),
            ("agency", finding.agencyID.map(String.init) ?? "–"),
            ("credits", finding.credits.map(Money.grouped) ?? "–"),
            ("first seen", isoTime(finding.firstSeenAt.seconds)),
            ("last seen", "\(isoTime(finding.lastSeenAt.seconds)) by run \(finding.lastRunID)"),
            ("runs seen", "\(finding.runsSeen)"), ("reopened", "\(finding.timesReopened) times"),
            ("owner", finding.owner ?? "nobody"),
        ]
    }
}

/// Text from outside, or a dash where there is none.
private func orDash(_ text: String) -> String { text.isEmpty ? "–" : printable(text) }
