import Reconciliation

/// The first screen as a table of names and values.
enum SummarySheet {
    static let columns = [
        Column("section", "Section", .text, 22), Column("item", "Item", .text, 44),
        Column("value", "Value", .mixed, 38),
        Column("note", "Note", .text, 74),
    ]

    static func sheet(_ report: DiscrepancyReport, verdict: String) -> Sheet {
        let statement = report.statement
        var rows: [[Cell]] = [
            [.text("Verdict"), .text("Verdict"), .text(verdict), .empty],
            [
                .text("Verdict"), .text("State"), .text(statement.state.rawValue),
                .text(ReportVerdict.meaning(report)),
            ],
        ]
        for gap in statement.gaps { rows.append([.text("Verdict"), .text("Gap"), .text(gap), .empty]) }
        for line in ReportVerdict.unexplained(statement) {
            rows.append([.text("Verdict"), .text("Unexplained"), .text(line), .empty])
        }
        if let signed = SignedChanges.signedStatement(report) {
            rows.append([.text("Verdict"), .text("Signed for this cut-off"), .text(signed), .empty])
        }
        if let changed = SignedChanges.sentence(report) {
            rows.append([.text("Verdict"), .text("Changed since sign-off"), .text(changed), .empty])
        }
        rows += [
            [.text("Scope"), .text("Cut-off"), .text(statement.cutOff.localText), .text(statement.cutOff.zone)],
            [.text("Scope"), .text("Cut-off (UTC)"), .text(statement.cutOff.utcText), .empty],
            [
                .text("Scope"), .text("Account"),
                .text(report.accountNames.joined(separator: ", ")), .text(report.mode),
            ],
            [.text("Scope"), .text("Report"), .id(report.id), .empty],
        ]
        rows += ReportPeriods.rows(report).map {
            [.text("Period"), .text($0.figure), .text($0.period), $0.note.isEmpty ? .empty : .text($0.note)]
        }
        rows +=
            bridge(statement) + changes(report) + people(report) + rates(report) + aging(statement)
            + largest(statement)
        rows += controls(statement) + signOffs(report)
        return Sheet("summary", "Summary", columns, rows) { $0 }
    }

    /// The credits computed from what was paid at Stripe, one line per cause, the local balance; then the same for
    /// charges.
    static func bridge(_ statement: Statement) -> [[Cell]] {
        var rows: [[Cell]] = []
        let order = CurrencyOrder(statement)
        let causes = statement.causes.filter { $0.scope == .credits }
        if !statement.agencies.isEmpty {
            let name = "Statement (credits)"
            let isUnread = statement.unread.contains(.credits)
            rows.append([
                .text(name), .text("Credits computed"), .credits(isUnread ? nil : statement.totals.computed),
                isUnread ? notRead : .empty,
            ])
            for cause in causes where !isUnread {
                rows.append([.text(name), .text(cause.kind.title), .credits(cause.creditsEffect), note(cause, order)])
            }
            rows.append([
                .text(name), .text("Unexplained"), .credits(statement.totals.unexplained), rest(statement, order),
            ])
            rows.append([.text(name), .text("Local balance"), .credits(statement.totals.recorded), .empty])
        }
        for totals in order.sorted(statement.chargeTotals, by: \.currency) {
            func money(_ units: Int64?) -> Cell {
                .money(units.map { Money(minorUnits: $0, currency: totals.currency) })
            }
            let name = "Charges (\(totals.currency.uppercased()))"
            let isUnread = statement.unread.contains(.charges)
            rows.append([
                .text(name), .text("Charged by Stripe"), money(isUnread ? nil : totals.charged.amount),
                isUnread ? notRead : .empty,
            ])
            for cause in statement.causes where cause.scope == .charges && !isUnread {
                guard let amount = cause.amounts.first(where: { $0.currency == totals.currency }) else { continue }
                let count = cause.counts[totals.currency] ?? cause.count
                rows.append([.text(name), .text(cause.kind.title), .money(amount), .text(items(count))])
            }
            rows.append([.text(name), .text("Unexplained"), money(totals.unexplained), .empty])
            rows.append([.text(name), .text("Recorded locally"), money(totals.recorded?.amount), .empty])
        }
        return rows
    }

    private static let notRead = Cell.text("not read up to the cut-off")

    /// The money that no item accounts for: with the causes' it is the headline's.
    private static func rest(_ statement: Statement, _ order: CurrencyOrder) -> Cell {
        statement.unexplainedMoney.isEmpty
            ? .empty : .text(order.sorted(statement.unexplainedMoney).map(\.description).joined(separator: ", "))
    }

    private static func note(_ cause: StatementCause, _ order: CurrencyOrder) -> Cell {
        let amounts = order.sorted(cause.amounts).filter { $0.minorUnits != 0 }.map(\.description)
        return .text(([items(cause.count)] + amounts).joined(separator: ", "))
    }

    private static func items(_ count: Int64) -> String { "\(Money.grouped(count)) \(count == 1 ? "item" : "items")" }

    private static func changes(_ report: DiscrepancyReport) -> [[Cell]] {
        let statement = report.statement
        let changes = statement.changes
        let name = "Since the last report"
        guard changes.hasPrevious else {
            return [[.text(name), .text("Open items"), .count(Int64(statement.items.count)), .text("first report")]]
        }
        let lists = [
            ("New", changes.new.count, ""), ("Reopened", changes.reopened.count, ""),
            ("Resolved", report.resolved.count, "\(changes.resolved.count) of them open in the last report"),
            ("Changed", changes.changed.count, ""), ("Unchanged", changes.unchanged.count, ""),
            ("In an older bucket", changes.movedBucket.count, ""),
        ]
        return lists.map { [.text(name), .text($0.0), .count(Int64($0.1)), $0.2.isEmpty ? .empty : .text($0.2)] }
    }

    /// Who is on the open items, the most items first; then those that nobody looks after yet. An accepted item, one
    /// whose repair is planned, and one that only informs wait for nobody.
    static func people(_ report: DiscrepancyReport) -> [[Cell]] {
        let name = "Who is on it"
        var owners: [String: Int64] = [:]
        var (nobody, planned, accepted): (Int64, Int64, Int64) = (0, 0, 0)
        for item in report.items where !item.item.isInformation {
            if item.state == .accepted {
                accepted += 1
            } else if let owner = item.owner {
                owners[owner, default: 0] += 1
            } else if item.state == .repairPlanned {
                planned += 1
            } else {
                nobody += 1
            }
        }
        var rows: [[Cell]] = owners.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(peopleMax).map {
            [.text(name), .text($0.key), .count($0.value), .text("investigating")]
        }
        if owners.count > peopleMax {
            rows.append([.text(name), .text("others"), .count(Int64(owners.count - peopleMax)), .text("people")])
        }
        rows.append([.text(name), .text("Nobody yet"), .count(nobody), .text("trueup findings assign")])
        rows.append([.text(name), .text("Repair planned"), .count(planned), .text("by a run or a plan")])
        rows.append([.text(name), .text("Accepted"), .count(accepted), .text("with a note")])
        return rows
    }

    private static let peopleMax = 8

    private static func rates(_ report: DiscrepancyReport) -> [[Cell]] {
        let rate = report.statement.matchRate
        guard let runs = ReportPeriods.rated(report) else {
            return [[.text("Match rate"), .text("By count"), .empty, .text(ReportPeriods.unrated)], matched(report)]
        }
        let count = "\(Money.grouped(rate.matchedCount)) of \(Money.grouped(rate.readCount)), " + runs
        var rows: [[Cell]] = [
            [.text("Match rate"), .text("By count"), rate.per10000.map { .share($0) } ?? .empty, .text(count)]
        ]
        for value in CurrencyOrder(report.statement).sorted(rate.byValue, by: \.currency) {
            let matched = Money(minorUnits: value.matched, currency: value.currency)
            let read = Money(minorUnits: value.read, currency: value.currency)
            rows.append([
                .text("Match rate"), .text("By value, \(value.currency.uppercased())"),
                value.per10000.map { .share($0) } ?? .empty, .text("\(matched) of \(read)"),
            ])
        }
        return rows + [matched(report)]
    }

    /// What the sheet of that name has, which is not what the rate counts.
    private static func matched(_ report: DiscrepancyReport) -> [Cell] {
        [.text("Match rate"), .text("Sheet Matched"), .empty, .text(MatchedColumns.caption(report))]
    }

    private static func aging(_ statement: Statement) -> [[Cell]] {
        AgingBucket.allCases.map { bucket in
            [.text("Aging"), .text("\(bucket.label) days"), .count(statement.aging.count(bucket)), .text("items")]
        }
            + statement.informationAging.cells.map {
                [
                    .text("Aging"), .text("\($0.bucket.label) days, \($0.kind.rawValue)"), .count($0.count),
                    .text("items, for information"),
                ]
            }
    }

    private static func largest(_ statement: Statement) -> [[Cell]] {
        let order = CurrencyOrder(statement)
        var rows: [[Cell]] = statement.largestAgencies().map { line in
            [
                .text("Largest differences"), .text(line.activity.name), .credits(line.difference),
                .text(
                    "agency \(line.activity.agencyID.map(String.init) ?? "–"), "
                        + StatementSheet.status(line, order)),
            ]
        }
        for totals in order.sorted(statement.chargeTotals, by: \.currency) {
            for line in statement.largestCharges(totals.currency) {
                let difference = line.difference.map { Money(minorUnits: $0, currency: totals.currency) }
                rows.append([
                    .text("Largest charges"), .text(line.activity.name), .money(difference),
                    .text("agency \(line.activity.agencyID.map(String.init) ?? "–"), \(line.state.rawValue)"),
                ])
            }
        }
        return rows
    }

    private static func controls(_ statement: Statement) -> [[Cell]] {
        statement.controls.flatMap { control in
            [("Stripe", control.stripe), ("local", control.local)].map { name, side in
                [
                    .text("Control totals"),
                    .text("\(control.name), \(control.account), \(name) (\(control.currency.uppercased()))"),
                    .money(Money(minorUnits: side.read.amount, currency: control.currency)),
                    .text(
                        "\(Money.grouped(side.read.count)) \(name == "local" ? "made in the look-back" : "read")"
                            + (control.isCovered ? "" : ", all after the cut-off")),
                ]
            }
        }
    }

    private static func signOffs(_ report: DiscrepancyReport) -> [[Cell]] {
        SignOff.Role.allCases.map { role in
            let title = role == .preparer ? "Preparer" : "Reviewer"
            guard let signOff = report.signOffs.first(where: { $0.role == role }) else {
                return [
                    .text("Sign-off"), .text(title), .empty,
                    .text("not signed when this was made; see \(SignaturePage.fileName)"),
                ]
            }
            let at = report.clock.wall(signOff.atSeconds).map { "\($0) \(report.zone.name)" }
            let words = [signOff.name, signOff.note].compactMap { $0 }.joined(separator: ": ")
            return [.text("Sign-off"), .text(title), .text(at), .text(words)]
        }
    }
}
