import Reconciliation

/// Another report that this one goes on from.
public struct ReportReference: Sendable, Hashable {
    /// Its number.
    public var id: Int64
    /// Unix seconds.
    public var cutOffSeconds: Int64

    public init(id: Int64, cutOffSeconds: Int64) {
        self.id = id
        self.cutOffSeconds = cutOffSeconds
    }
}

/// Another report of the same cut-off, which people have signed.
public struct SignedStatement: Sendable, Hashable {
    /// Its number.
    public var id: Int64
    public var state: StatementState
    public var verdict: String
    /// Two people signed it, and not the preparer alone.
    public var isReviewed: Bool
    /// It states the same figures.
    public var isSame: Bool

    public init(id: Int64, state: StatementState, verdict: String, isReviewed: Bool, isSame: Bool) {
        self.id = id
        self.state = state
        self.verdict = verdict
        self.isReviewed = isReviewed
        self.isSame = isSame
    }
}

/// What the figures are compared with, and what the report leaves out.
public struct ReportBasis: Sendable, Hashable {
    /// The report that “new”, “resolved” and the other words about items compare with; `nil` for the first.
    public var comparedWith: ReportReference?
    /// The signed report at whose cut-off the period opens; `nil` where none does.
    public var opensAt: ReportReference?
    /// Open items of jobs that the report leaves out, by job.
    public var unstated: [String: Int64]
    /// Since which time of `created` jobs have read whose items are listed and move neither credits nor charges, Unix
    /// seconds: what is older was not compared. `nil`: nothing was read before the cut-off.
    public var readSince: [String: Int64?]
    /// Accounts of which no job of the report has read anything up to the cut-off.
    public var unreadAccounts: Set<String>
    /// From when on Stripe counts.
    public var history: StatedHistory
    /// The statement of the same cut-off that was signed when this one was made; `nil` where none was.
    public var signedStatement: SignedStatement?

    public init(
        comparedWith: ReportReference? = nil, opensAt: ReportReference? = nil, unstated: [String: Int64] = [:],
        readSince: [String: Int64?] = [:], unreadAccounts: Set<String> = [], history: StatedHistory = StatedHistory()
    ) {
        self.history = history
        self.unreadAccounts = unreadAccounts
        self.readSince = readSince
        self.comparedWith = comparedWith
        self.opensAt = opensAt
        self.unstated = unstated
    }
}

/// Which time every figure is about, in words: the same rows in every format.
package struct ReportPeriods: Sendable, Hashable {
    package let figure: String
    package let period: String
    package let note: String

    private init(_ figure: String, _ period: String, _ note: String = "") {
        self.figure = figure
        self.period = period
        self.note = note
    }

    /// In the order in which a reader meets the figures.
    package static func rows(_ report: DiscrepancyReport) -> [ReportPeriods] {
        let statement = report.statement
        var rows: [ReportPeriods] = []
        if !statement.agencies.isEmpty {
            rows.append(ReportPeriods("Opening", opening(report), openingNote(report)))
            rows.append(
                ReportPeriods(
                    "Bought, consumed, adjustments", "\(credits(report)) to the cut-off",
                    "by the time of payment, reservation and adjustment"))
            rows.append(
                ReportPeriods(
                    "Closing, difference, unexplained", "at the cut-off",
                    "opening + period: everything \(since(report, .credits))"))
            rows.append(
                ReportPeriods("Money paid for credits", toCutOff(report, .credits), "ties to the sheet Tie-out"))
        }
        if !statement.charges.isEmpty {
            rows.append(
                ReportPeriods(
                    "Charges", toCutOff(report, .charges),
                    "cumulative, whatever the period; ties to the sheet Tie-out"))
        }
        if let history = report.wholeHistory {
            rows.append(
                ReportPeriods(
                    "Stripe's history", history, "what was paid before counts as far as a run has read it"))
        }
        rows.append(
            ReportPeriods(
                "Open items", "arisen before the cut-off", "as they stand at \(wall(report, report.generatedSeconds))"))
        rows.append(ReportPeriods("New, resolved, changed items; Repairs", since(report)))
        for source in report.run.runs.sorted(by: { $0.id < $1.id })
        where statement.controls.contains(where: { $0.runID == source.id }) {
            rows.append(
                ReportPeriods(
                    isCovered(source, report)
                        ? "Control totals and match rate, run \(source.id)" : "Control totals, run \(source.id)",
                    "created \(wall(report, source.fromSeconds)) to \(wall(report, source.toSeconds))",
                    isCovered(source, report)
                        ? "what \(source.job) read; Tie-out leads from it to the statement"
                        : "what \(source.job) read, all of it after the cut-off: no match rate rests on it"))
        }
        for (job, since) in readSince(report) {
            rows.append(
                ReportPeriods(
                    "Only listed: \(job)", since, "moves no balance; what is older is read with trueup backfill \(job)")
            )
        }
        for (job, count) in report.basis.unstated.sorted(by: { $0.key < $1.key }) {
            let items = "\(Money.grouped(count)) open \(count == 1 ? "item" : "items")"
            rows.append(ReportPeriods("Left out: \(job)", items, "the report does not name the job in `after`"))
        }
        return rows
    }

    private static let noOpening = "none: the period starts "

    /// Whether a report says of its opening that it has none: everything counts.
    package static func isWithoutOpening(_ opening: String) -> Bool { opening.hasPrefix(noOpening) }

    /// What counts from the beginning, in short: `from the beginning to the cut-off`.
    package static func toCutOff(_ report: DiscrepancyReport, _ part: StatementItem.Scope) -> String {
        "\(report.beginning(part)) to the cut-off"
    }

    /// `since the beginning`, or `from 2026-03-01`.
    package static func since(_ report: DiscrepancyReport, _ part: StatementItem.Scope) -> String {
        report.basis.history.day == nil ? "since the beginning" : report.beginning(part)
    }

    /// One line for a terminal or a mail.
    package static func line(_ report: DiscrepancyReport) -> String {
        var words: [String] = []
        if !report.statement.agencies.isEmpty { words.append("credits \(credits(report)) to the cut-off") }
        if !report.statement.charges.isEmpty { words.append("charges \(toCutOff(report, .charges))") }
        let left = report.basis.unstated.sorted { $0.key < $1.key }.map {
            "\($0.key) (\(Money.grouped($0.value)) open)"
        }
        if !left.isEmpty { words.append("left out: \(left.joined(separator: ", "))") }
        let listed = onlyListed(report)
        if !listed.isEmpty { words.append("only listed: \(listed)") }
        return words.isEmpty ? "up to the cut-off" : words.joined(separator: "; ")
    }

    /// Of the jobs whose items are only listed, what they have read.
    package static func readSince(_ report: DiscrepancyReport) -> [(job: String, words: String)] {
        report.basis.readSince.sorted { $0.key < $1.key }.map { job, since in
            (job, since.map { "what was created since \(wall(report, $0))" } ?? "nothing was read before the cut-off")
        }
    }

    /// The same in a few words: `notices since 2026-10-25, payments not read`; empty where there are none.
    package static func onlyListed(_ report: DiscrepancyReport) -> String {
        report.basis.readSince.sorted { $0.key < $1.key }.map { job, since in
            since.flatMap { report.clock.day($0) }.map { "\(job) since \($0)" } ?? "\(job) not read"
        }.joined(separator: ", ")
    }

    /// The time in which credits are counted, without its end.
    package static func credits(_ report: DiscrepancyReport) -> String {
        report.periodFromSeconds.map { "from \(wall(report, $0))" } ?? report.beginning(.credits)
    }

    private static func opening(_ report: DiscrepancyReport) -> String {
        if let from = report.periodFromSeconds { return "at \(wall(report, from))" }
        return noOpening + (report.basis.history.day == nil ? "at the beginning" : report.wholeBeginning(.credits))
    }

    private static func openingNote(_ report: DiscrepancyReport) -> String {
        if let signed = report.basis.opensAt { return "the cut-off of report \(signed.id), the last one signed" }
        return report.periodFromSeconds == nil ? "no report was signed before" : "as asked for; not a signed cut-off"
    }

    private static func since(_ report: DiscrepancyReport) -> String {
        guard let last = report.basis.comparedWith else {
            return "\(since(report, .credits)): no report was there before"
        }
        return "since report \(last.id), cut-off \(wall(report, last.cutOffSeconds))"
    }

    private static func isCovered(_ source: SourceRun, _ report: DiscrepancyReport) -> Bool {
        report.statement.controls.contains { $0.runID == source.id && $0.isCovered }
    }

    /// Whose the match rate is: the runs that read something of the time that the statement is about, and what they
    /// read; `nil` where there is none.
    package static func rated(_ report: DiscrepancyReport) -> String? {
        let runs = report.run.runs.filter { isCovered($0, report) }.sorted { $0.id < $1.id }
        guard !runs.isEmpty else { return nil }
        let names = runs.map { "\($0.id) (\($0.job))" }.joined(separator: ", ")
        let days = Set(runs.map { "\(day(report, $0.fromSeconds)) to \(day(report, $0.toSeconds))" }).sorted()
        return "of \(runs.count == 1 ? "run" : "runs") \(names), created \(days.joined(separator: "; "))"
    }

    /// Why there is no match rate, in place of one.
    package static let unrated = "not known: no run that it rests on read a time before the cut-off"

    private static func day(_ report: DiscrepancyReport, _ seconds: Int64) -> String {
        report.clock.day(seconds).map { "\($0)" } ?? "an unknown day"
    }

    private static func wall(_ report: DiscrepancyReport, _ seconds: Int64) -> String {
        report.clock.instant(seconds) ?? "an unknown time"
    }
}
