import Jobs
import Reconciliation
import Runner
import Store

/// What a run came to, for a person at 3 a.m.: the verdict first, then the counts, then what needs a person, then the
/// next command.
struct RunSummary {
    private let result: RunResult
    private let definition: JobDefinition
    /// The command that made the run, where there is one.
    private let same: SameCommand?

    /// Findings shown one by one; the rest is one command away.
    private static let shownMax = 10

    /// Where the plan was written, if there is one.
    private let planPath: String?

    init(_ result: RunResult, definition: JobDefinition, planPath: String? = nil, same: SameCommand? = nil) {
        self.planPath = planPath
        self.result = result
        self.definition = definition
        self.same = same
    }

    /// The verdict, what was read, and what is wrong with the run itself.
    var heading: [String] { [verdict, scope] + problems.map { "  ! " + Self.oneLine($0) } }

    private var problems: [String] {
        guard let same else { return result.outcome.problems }
        return result.outcome.advice.map { $0.text(same.told) }
    }

    /// - Parameter columns: of a terminal; `nil`: no line is broken. A table is as wide as it is.
    func lines(columns: Int? = nil) -> [String] {
        let rest = counts + (people + accepted).wrapped(columns)
        // Without a table or a list there is nothing to set it apart from.
        return heading.wrapped(columns) + rest + (rest.isEmpty ? [] : [""]) + [next].wrapped(columns)
    }

    /// Problems come from libraries too, with line breaks of their own.
    static func oneLine(_ text: String) -> String {
        printable(
            text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: " "))
    }

    private var open: [ReportedFinding] {
        result.findings.filter { $0.state == FindingState.open.rawValue || $0.state == "planned" }
    }

    /// `, and 6 for information`, behind what waits for somebody.
    private var information: String {
        InformationWords.behind(result.outcome.counts.values.map(\.information).reduce(0, +))
    }

    private var verdict: String {
        let outcome = result.outcome
        let (word, style): (String, Terminal.Style) =
            switch outcome.state {
            case .clean: ("CLEAN", .green)
            case .repaired: ("REPAIRED", .green)
            case .drift: (result.run.isPlan ? "PLAN" : isOnlyUnread ? "DAYS UNREAD" : "DIFFERENCES REMAIN", .yellow)
            case .incomplete: ("INCOMPLETE", .red)
            case .running, .interrupted, .failed: ("FAILED", .red)
            }
        return "\(Terminal.styled(word, style))  \(Terminal.styled(result.run.job, .bold))  \(sentence)"
    }

    /// What the run read is in order, and days before it were read by none.
    private var isOnlyUnread: Bool { !result.gaps.isEmpty && open.isEmpty }

    private var sentence: String {
        let outcome = result.outcome
        let unread = result.gaps.isEmpty ? [] : ["not all days before were read"]
        let repaired = outcome.counts.values.map(\.repaired).reduce(0, +)
        if outcome.state == .incomplete {
            return "not everything could be read: nothing was compared, nothing repaired"
        }
        if result.run.isPlan {
            let repairs = open.filter { $0.action == .apply }
            let review = "\(open.count - repairs.count) need review\(information)"
            let parts = ["\(repairs.count) to repair\(credits(repairs))", review] + unread + ["nothing was changed"]
            return parts.joined(separator: " · ")
        }
        var parts: [String] = []
        if repaired > 0 {
            let closed = result.findings.filter { $0.closedHow == .repaired }
            parts.append("\(grouped(repaired)) repaired\(credits(closed))")
        }
        if !open.isEmpty { parts.append("\(open.count) \(open.count == 1 ? "needs" : "need") a person") }
        if parts.isEmpty { parts.append("Stripe and the tables agree" + (unread.isEmpty ? "" : " in what was read")) }
        parts[parts.count - 1] += information
        return (parts + unread).joined(separator: " · ")
    }

    /// ` (+82,000 credits)` for the ones that grant.
    private func credits(_ findings: [ReportedFinding]) -> String {
        let granted = findings.filter { $0.kind == .missedPaid }.compactMap(\.credits).reduce(0, +)
        return granted == 0 ? "" : " (+\(Money.counted(granted, "credit")))"
    }

    private var scope: String {
        let run = result.run
        let read = result.outcome.state == .incomplete ? "read in part" : "read completely"
        let accounts = definition.kind.accounts.joined(separator: ", ")
        let rows = result.outcome.localRows > 0 ? "\(grouped(result.outcome.localRows)) local rows, " : ""
        return "  run \(run.id) · \(accounts) · \(period) · \(read): \(grouped(result.outcome.stripeObjects)) "
            + "\(objects), \(rows)\(spent)"
    }

    /// What the run was about, in words of its kind.
    private var period: String {
        let period = result.run.period
        let (from, to) = (isoTime(period.fromSeconds), isoTime(period.toSeconds))
        if case .replay = definition.kind { return "events of \(from) to \(to)" }
        return period.fromSeconds == 0 ? "created before \(to)" : "created \(from) to \(to)"
    }

    private var objects: String {
        if case .replay = definition.kind { return "events" }
        return "at Stripe"
    }

    /// What people accepted is counted, and left alone.
    var accepted: [String] {
        result.accepted == 0 ? [] : ["", "\(result.accepted) accepted, quiet"]
    }

    private var counts: [String] {
        let table = CountTable.of(result.outcome.counts, indent: "  ")
        return table.rows.isEmpty ? [] : [""] + table.lines
    }

    private var people: [String] {
        // One of each kind before the second of any: ten lines show what there is.
        var byKind: [FindingKind: [ReportedFinding]] = [:]
        for finding in open { byKind[finding.kind, default: []].append(finding) }
        var picked: [ReportedFinding] = []
        var depth = 0
        while picked.count < Self.shownMax, byKind.values.contains(where: { $0.count > depth }) {
            for kind in FindingKind.allCases where picked.count < Self.shownMax {
                if let list = byKind[kind], list.count > depth { picked.append(list[depth]) }
            }
            depth += 1
        }
        guard !picked.isEmpty else { return [] }
        let heading = result.run.isPlan ? "Would be done or needs review" : "Needs a person"
        let some = picked.count < open.count ? " (\(picked.count) of \(open.count))" : ""
        return ["", "\(heading)\(some):"] + picked.flatMap(Self.line)
    }

    private static func line(_ finding: ReportedFinding) -> [String] {
        var parts = [finding.id.map { "F-\($0)" } ?? finding.action.rawValue, finding.kind.rawValue]
        if !finding.stripeID.isEmpty { parts.append(printable(finding.stripeID)) }
        if !finding.localID.isEmpty { parts.append("\(finding.comparison.localNoun) \(finding.localID)") }
        return ["  " + parts.joined(separator: "  "), "      " + printable(finding.explanation)]
    }

    private var next: String {
        let job = result.run.job
        let nextCommand = same?.next ?? NextCommand()
        return switch result.outcome.state {
        case .clean where result.hasUnsent, .repaired where result.hasUnsent:
            "Messages could not leave. Next: " + nextCommand.onJobs("trueup outbox list")
        case .clean, .repaired: "Nothing is left to do."
        case .drift where isOnlyUnread: "Next: " + nextCommand.onJobs(result.gaps[0].command)
        case .drift where planPath != nil:
            "Next: read the plan, then: " + nextCommand.onJobs("trueup apply " + NextCommand.word(planPath ?? ""))
        case .drift: "Next: " + nextCommand.onJobs("trueup findings list --job \(job)")
        case .incomplete: "Next: mend what is said above, then: " + (same?.text ?? "trueup run \(job)")
        case .running, .interrupted, .failed: "Next: " + nextCommand.onJobs("trueup runs \(result.run.id)")
        }
    }

    /// `104 requests`, or `110 requests (6 more than the least possible)`.
    private var spent: String {
        let more = result.outcome.requests - result.outcome.requestsLeast
        let least = more > 0 ? " (\(grouped(more)) more than the least possible)" : ""
        return Money.counted(result.outcome.requests, "request") + least
    }

    private func grouped(_ number: Int64) -> String { Money.grouped(number) }
}

/// Counts by kind, as a run's summary and the history show them.
enum CountTable {
    /// What people accepted, and what is there for information, have columns of their own where there is any, so that
    /// the row adds up.
    static func of(_ counts: [FindingKind: KindCount], indent: String = "") -> TextTable {
        let hasAccepted = counts.values.contains { $0.accepted > 0 }
        let hasInformation = counts.values.contains { $0.information > 0 }
        var table = TextTable(
            headings: [indent + "finding", "found", "repaired"] + (hasAccepted ? ["accepted"] : []) + ["open"]
                + (hasInformation ? ["information"] : []),
            rightAligned: [1, 2, 3, 4, 5])
        for kind in FindingKind.allCases {
            guard let count = counts[kind] else { continue }
            let accepted = hasAccepted ? [Money.grouped(count.accepted)] : []
            table.rows.append(
                [indent + kind.rawValue, Money.grouped(count.found), Money.grouped(count.repaired)] + accepted
                    + [Money.grouped(count.open)] + (hasInformation ? [Money.grouped(count.information)] : []))
        }
        return table
    }
}

/// Text from outside, fit for a terminal: control characters and what turns the writing direction are shown as escapes.
func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        if scalar.isUnseen {
            result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}

extension Terminal {
    /// The summary is data where it is all that is printed, and talk beside a JSON document.
    static func printSummary(_ summary: RunSummary, isData: Bool) {
        let lines = summary.lines(columns: isData ? WrappedLine.terminalColumns : nil)
        let text = lines.joined(separator: "\n")
        if isData { Terminal.print(text) } else { Terminal.say(text) }
    }
}
