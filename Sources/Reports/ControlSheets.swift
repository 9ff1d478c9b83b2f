import Reconciliation

/// Where the figures come from, so that another person can make them again.
enum ControlsSheet {
    static let columns = [
        Column("group", "Group", .text, 16), Column("name", "Name", .text, 44), Column("value", "Value", .mixed, 70),
        Column("note", "Note", .text, 40),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let statement = report.statement
        let run = report.run
        var rows: [[Cell]] = [
            [.text("Run"), .text("Run"), .id(run.id), .empty], [.text("Run"), .text("Job"), .text(run.job), .empty],
            [.text("Run"), .text("Trueup version"), .id(run.programVersion), .empty],
            [.text("Run"), .text("Job file (SHA-256)"), .id(run.jobFileHash), .empty],
            [.text("Run"), .text("Data as of"), .time(report.generatedSeconds), .text(report.zone.name)],
            [.text("Cut-off"), .text("Local"), .text(statement.cutOff.localText), .text(statement.cutOff.zone)],
            [
                .text("Cut-off"), .text("UTC"), .text(statement.cutOff.utcText),
                .text("Half-open: what happened at this instant belongs to the next statement."),
            ],
        ]
        if let from = report.periodFromSeconds {
            rows.append([.text("Cut-off"), .text("Period from"), .time(from), .text(report.zone.name)])
        }
        if let day = report.basis.history.day {
            rows.append([
                .text("Cut-off"), .text("History from (job file)"), .text(day.description),
                .text(report.wholeHistory ?? ""),
            ])
        }
        for source in run.runs.sorted(by: { $0.id < $1.id }) { rows += Self.rows(source, report.clock) }
        for account in report.accounts.sorted(by: { $0.name < $1.name }) {
            rows.append([
                .text("Account"), .text(account.name), .id(account.stripeID),
                .text(account.isLive ? "LIVE" : "TEST"),
            ])
        }
        for read in statement.reads {
            let pages = read.pages > 0 ? [Money.counted(read.pages, "page")] : []
            let outcome = read.isComplete ? "complete" : "NOT COMPLETE" + (read.reason.map { ": \($0)" } ?? "")
            let words = [read.counted].filter { !$0.isEmpty } + pages + [outcome]
            rows.append([.text("Read"), .text(read.name), .count(read.rows), .text(words.joined(separator: "; "))])
        }
        for query in run.queries.sorted(by: { ($0.name, $0.text) < ($1.name, $1.text) }) {
            rows.append([.text("Query"), .text(query.name), .text(query.text), .empty])
        }
        rows.append([
            .text("Files"), .text("Hashes of these files"), .text("manifest.json"),
            .text("Written last: SHA-256 of every file of the report."),
        ])
        rows.append([
            .text("Files"), .text("Previous report (SHA-256 of its manifest)"),
            run.previousReportHash.map { .id($0) } ?? .text("none: this is the first"), .empty,
        ])
        return Sheet("controls", "Controls", columns, rows) { $0 }
    }

    /// A run that the figures rest on, with the job file that it ran with.
    private static func rows(_ source: SourceRun, _ clock: ReportClock) -> [[Cell]] {
        let group = Cell.text("Run \(source.id)")
        // A run that reads everything reads from the epoch on.
        let from = source.fromSeconds <= 0 ? "the beginning" : clock.iso(source.fromSeconds) ?? "an unknown time"
        let to = clock.iso(source.toSeconds) ?? "an unknown time"
        return [
            [group, .text("Job and state"), .text("\(source.job), \(source.state)"), .empty],
            [
                group, .text("Read of Stripe, by created"), .text("\(from) to \(to)"),
                .text("half-open, \(Money.counted(source.requests, "request"))"),
            ],
            [group, .text("Job file (SHA-256)"), .id(source.jobFileHash), .text("Trueup \(source.programVersion)")],
        ]
    }
}

/// What was read on each side, and which class it landed in: one row for each side, kind and currency.
enum ControlTotalsSheet {
    static let columns = [
        Column("account", "Account", .text, 16), Column("object", "Object", .text, 22),
        Column("side", "Side", .text, 10), Column("currency", "Currency", .text, 10),
        Column("read_count", "Read", .count, 12), Column("read_amount", "Read amount", .money, 20),
        Column("matched_count", "Matched", .count, 12), Column("matched_amount", "Matched amount", .money, 20),
        Column("open_count", "In open items", .count, 14), Column("open_amount", "Open amount", .money, 18),
        Column("ignored_count", "Ignored", .count, 12), Column("ignored_amount", "Ignored amount", .money, 18),
        Column("rest_count", "In no class", .count, 12), Column("rest_amount", "Rest amount", .money, 18),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        var rows: [[Cell]] = []
        for control in report.statement.controls {
            for (name, side) in [("Stripe", control.stripe), ("local", control.local)] {
                // The statement was computed over the same sums, so they fit.
                let rest = try? side.unaccounted()
                let head: [Cell] = [
                    .text(control.account), .text(control.name), .text(name), .text(control.currency.uppercased()),
                ]
                let tallies = [side.read, side.matched, side.open, side.ignored, rest].flatMap { tally -> [Cell] in
                    guard let tally else { return [.empty, .empty] }
                    return [
                        .count(tally.count), .money(Money(minorUnits: tally.amount, currency: control.currency)),
                    ]
                }
                rows.append(head + tallies)
            }
        }
        return Sheet("control_totals", "Control totals", columns, rows) { $0 }
    }
}

enum DefinitionsSheet {
    static let columns = [
        Column("group", "Group", .text, 14), Column("term", "Term", .text, 40),
        Column("definition", "Definition", .text, 100),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        Sheet("definitions", "Definitions", columns, rows(report)) { row in
            [.text(row.0), .text(row.1), .text(row.2)]
        }
    }

    private static func rows(_ report: DiscrepancyReport) -> [(String, String, String)] {
        let statement = report.statement
        var rows = words + history(report) + formulas
        rows.append(
            (
                "Tolerance", "credits",
                "±\(Money.grouped(statement.toleranceCredits)) credits for each agency. "
                    + "What is inside it is listed as “within tolerance”, never hidden."
            ))
        for (currency, units) in statement.toleranceMinorUnits.sorted(by: { $0.key < $1.key }) {
            let amount = Money(minorUnits: units, currency: currency)
            rows.append(("Tolerance", currency.uppercased(), "±\(amount) for each agency's charges."))
        }
        for state in StatementState.allCases { rows.append(("State", state.rawValue, ReportVerdict.meaning(state))) }
        for kind in FindingKind.allCases { rows.append(("Kind", kind.rawValue, kind.definition)) }
        return rows
    }

    /// Since when what is cumulative counts.
    private static func history(_ report: DiscrepancyReport) -> [(String, String, String)] {
        let older = "or from an older row of the tables"
        let beginning = report.basis.history.day.map { day in
            (
                "Word", "from \(day)",
                "The day that the job file names (history_from). Stripe's lists have to be read from it on, \(older); "
                    + "what was paid before counts as far as a run has read it."
            )
        }
        let usual = (
            "Word", "from the beginning",
            "Stripe's lists have to be read from \(StripeHistory.firstDay) on, before any account there was, \(older); "
                + "what was not is NOT READ."
        )
        let part: StatementItem.Scope = report.statement.charges.isEmpty ? .credits : .charges
        return [
            beginning ?? usual,
            (
                "Formula", "charges",
                "Cumulative, \(report.beginning(part)) to the cut-off, whatever the period; so is the money paid for "
                    + "credits."
            ),
        ]
    }

    private static let words: [(String, String, String)] = [
        (
            "Formula", "closing computed",
            "opening + bought (Stripe) − consumed + adjustments, in credits. Bought: credits of invoices that Stripe "
                + "says are paid; consumed: reservations that were not released."
        ),
        (
            "Formula", "difference",
            "closing recorded − closing computed; for charges: recorded locally − charged by Stripe."
        ),
        ("Formula", "explained", "The sum of what the open items add to the local side, compared with Stripe."),
        ("Formula", "unexplained", "difference − explained. The aim is 0.00."),
        (
            "Word", "the last report",
            "The latest report of an earlier cut-off that the job made, that was sent, or that two people signed. One "
                + "that somebody made by hand is not compared with, unless it is signed."
        ),
        (
            "Word", "new, reopened, changed, unchanged",
            "Open now: not stated by the last report; the same, but closed once before; stated with other figures; "
                + "with the same ones."
        ),
        (
            "Word", "resolved",
            "No longer open since the last report: what it stated, and what was found and resolved in between. Each is "
                + "a row of the sheet Resolved."
        ),
    ]

    private static let formulas: [(String, String, String)] = [
        (
            "Formula", "money paid for credits",
            "At Stripe: what the invoices settled that it says are paid, each its total less credit notes before "
                + "payment and less what was never paid of it. That counts whether it came as money through Stripe, "
                + "from the customer's credit balance there, or elsewhere and was marked as paid: it is not the money "
                + "that Stripe took."
        ),
        (
            "Formula", "control totals",
            "What each run read of the objects created in its look-back, paid or not. Tie-out leads from them to the "
                + "sums of the statement: paid before the cut-off in the look-back + paid before it."
        ),
        (
            "Formula", "opening",
            "The closing of the last signed statement. Where today's figures give another opening, the line is "
                + "UNEXPLAINED unless “Changed since sign-off” accounts for it."
        ),
        (
            "Formula", "age",
            "Whole days of 24 hours from when the difference arose (paid at Stripe or written locally; first seen, "
                + "where neither is known) to the cut-off."
        ),
        (
            "Formula", "match rate",
            "What agrees ÷ what was read, over both sides, by count and by value of each currency, rounded down."
        ),
        ("Formula", "currencies", "Amounts of different currencies are never added."),
    ]
}
