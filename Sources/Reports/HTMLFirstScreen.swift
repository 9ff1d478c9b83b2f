import Reconciliation

/// What a person sees at once: the verdict, the scope, the statement in small, what moved, and what is worst.
struct HTMLFirstScreen {
    private let sheets: ReportSheets
    private let order: CurrencyOrder
    private var report: DiscrepancyReport { sheets.report }
    private var statement: Statement { sheets.report.statement }

    init(_ sheets: ReportSheets) {
        self.sheets = sheets
        order = CurrencyOrder(sheets.report.statement)
    }

    func html() -> String {
        // On paper the signatures stand on the first page, beside the statement; on a screen they come last.
        var cards = bridges()
        cards.insert(signOffs(), at: min(1, cards.count))
        cards += [changes(), people(), rates(), aging()]
        if let largest = largest() { cards.append(largest) }
        if report.trend.count > 1 { cards.append(trend()) }
        if !statement.controls.isEmpty { cards.append(controls()) }
        return header() + "<div class=\"cards\">\n" + cards.joined(separator: "\n") + "\n</div>\n" + contents()
    }

    private func header() -> String {
        let accounts = report.accountNames.map { HTML.data($0, 60) }.joined(separator: ", ")
        let cutOff = statement.cutOff
        let verdict = ReportVerdict.line(statement, isBesideState: true)
        let parts = (verdict.prefix(1).uppercased() + verdict.dropFirst()).split(separator: "·").map {
            "<span>\(HTML.text(String($0).trimmed))</span>"
        }
        var text = """
            <header class="\(statement.state.rawValue.lowercased())">
            <p class="title">\(HTML.data(report.title, 120)) <span class="mode">\(report.mode)</span></p>
            <p class="state">\(HTML.pill(statement.state)) \(HTML.text(ReportVerdict.meaning(report)))</p>
            <h1><span class="line">\(parts.joined(separator: " <i>·</i> "))</span></h1>

            """
        if !statement.gaps.isEmpty {
            // A long list of gaps must not push the figures off the screen.
            let shown = statement.gaps.prefix(8).map { "<li>\(HTML.data($0, 400))</li>" }.joined()
            let rest = statement.gaps.count - min(8, statement.gaps.count)
            text +=
                "<ul class=\"gaps\">\(shown)\(rest > 0 ? "<li>and \(Money.grouped(Int64(rest))) more</li>" : "")</ul>\n"
        }
        let unexplained = ReportVerdict.unexplained(statement)
        if !unexplained.isEmpty {
            text += "<ul class=\"gaps\">" + unexplained.map { "<li>\(HTML.data($0, 300))</li>" }.joined() + "</ul>\n"
        }
        if let signed = SignedChanges.signedStatement(report) {
            text += "<ul class=\"gaps\"><li>\(HTML.data(signed, 600))</li></ul>\n"
        }
        if let changed = SignedChanges.sentence(report) {
            text += "<p class=\"since\"><a href=\"#changed_since_sign_off\">\(HTML.text(changed))</a></p>\n"
        }
        text += "<dl class=\"facts\">"
        text += fact("Cut-off", "\(HTML.text(cutOff.localText)) <small>\(HTML.text(cutOff.zone))</small>")
        text += fact("Cut-off, UTC", HTML.text(cutOff.utcText))
        text += fact("Account", "\(accounts) <small>\(report.mode)</small>")
        if !statement.agencies.isEmpty {
            let note = report.basis.opensAt.map { "report \($0.id), signed" } ?? ""
            text += fact("Credits", "\(HTML.text(ReportPeriods.credits(report))) <small>\(HTML.text(note))</small>")
        }
        if !statement.charges.isEmpty {
            text += fact("Charges", "\(HTML.text(report.beginning(.charges))) <small>cumulative</small>")
        }
        for (job, count) in report.basis.unstated.sorted(by: { $0.key < $1.key }) {
            text += fact("Left out", "\(HTML.data(job, 60)) <small>\(Money.grouped(count)) open</small>")
        }
        let listed = ReportPeriods.onlyListed(report)
        if !listed.isEmpty { text += fact("Only listed, by created", "<small>\(HTML.data(listed, 400))</small>") }
        text += fact("Run", "\(HTML.data(report.run.id, 60)) <small>\(HTML.data(report.run.job, 80))</small>")
        return text + "</dl></header>\n"
    }

    private func fact(_ name: String, _ value: String) -> String { "<div><dt>\(name)</dt><dd>\(value)</dd></div>" }

    private func contents() -> String {
        let names = sheets.sheets.map { sheet -> String in
            let isEmpty = sheet.key == "statement" && statement.agencies.isEmpty
            guard sheet.key != "summary", !isEmpty else { return "" }
            // Where a number of rows is news by itself, the menu has it.
            let counted = ["open_items", "resolved", "changed_since_sign_off", "repairs"].contains(sheet.key)
            let count = counted ? " (\(Money.grouped(Int64(sheet.rowCount))))" : ""
            return "<a href=\"#\(sheet.key)\">\(HTML.text(sheet.title))\(count)</a>"
        }
        return "<nav aria-label=\"Sheets\">" + names.joined() + "<a href=\"#matched\">Matched</a></nav>\n"
    }

    private func card(_ title: String, _ body: String, _ classes: String = "", period: String? = nil) -> String {
        let words = period.map { " <small>\(HTML.text($0))</small>" } ?? ""
        return "<section class=\"card \(classes)\"><h2>\(HTML.text(title))\(words)</h2>\(body)</section>"
    }

    // MARK: The statement in small

    private func bridges() -> [String] {
        var cards: [String] = []
        if !statement.agencies.isEmpty {
            cards.append(
                card(
                    "Statement, credits", bridge("Statement (credits)"), "bridge tall",
                    period: "balances at the cut-off, \(ReportPeriods.since(report, .credits))"))
        }
        var charges = order.sorted(statement.chargeTotals, by: \.currency).map { totals -> String in
            let currency = totals.currency.uppercased()
            return card(
                "Charges, \(currency)", bridge("Charges (\(currency))"), "bridge",
                period: ReportPeriods.toCutOff(report, .charges))
        }
        // Beside a long statement a currency of a few rows would be a card of white: two stand under each other.
        while charges.count > 1 {
            cards.append("<div class=\"stack\">" + charges.prefix(2).joined(separator: "\n") + "</div>")
            charges.removeFirst(2)
        }
        return cards + charges
    }

    /// The same rows as the summary sheet, so that they cannot differ.
    private func bridge(_ section: String) -> String {
        let rows = SummarySheet.bridge(statement).filter { $0[0] == .text(section) }
        var text = "<table><tbody>"
        for (index, row) in rows.enumerated() {
            guard case .text(let name) = row[1] else { continue }
            let isEnd = index == 0 || index == rows.count - 1
            let isRest = name == "Unexplained"
            var note = ""
            if case .text(let words) = row[3] { note = "<small>\(HTML.text(words))</small>" }
            let isCause = !isEnd && !isRest
            let title = isCause ? "<a href=\"#open_items\">\(HTML.text(name))</a>" : HTML.text(name)
            // A rest is bad whichever way it goes.
            let sign = isCause ? "signed" : isRest ? "rest" : ""
            text +=
                "<tr class=\"\(isEnd ? "sum" : isRest ? "rest" : "cause")\"><th scope=\"row\">\(title)\(note)</th>"
                + figure(row[2], sign) + "</tr>"
        }
        return text + "</tbody></table>"
    }

    private func figure(_ cell: Cell, _ classes: String) -> String {
        let plus = classes == "signed"
        func tone(_ number: Int64) -> String { number < 0 || (classes == "rest" && number != 0) ? " neg" : "" }
        switch cell {
        case .credits(let number):
            let sign = plus && number > 0 ? "+" : ""
            return "<td class=\"n\(tone(number))\">\(sign)\(ReportVerdict.decimal(number))</td>"
        case .money(let money):
            let sign = plus && money.minorUnits > 0 ? "+" : ""
            return "<td class=\"n\(tone(money.minorUnits))\">\(sign)\(money.description)</td>"
        default: return "<td class=\"n\">not known</td>"
        }
    }

    // MARK: The other cards

    private func changes() -> String {
        let changes = statement.changes
        guard changes.hasPrevious else {
            return card(
                "Open items",
                "<p class=\"none\">This is the first report: "
                    + "\(Money.counted(Int64(statement.items.count), "item")).</p>")
        }
        let tiles = [
            ("new", changes.new.count), ("reopened", changes.reopened.count), ("resolved", report.resolved.count),
            ("items changed", changes.changed.count), ("unchanged", changes.unchanged.count),
        ]
        let body = tiles.map { "<div><b>\(Money.grouped(Int64($0.1)))</b><span>\($0.0)</span></div>" }.joined()
        return card(
            "Items since the last report", "<div class=\"tiles\">\(body)</div>", period: compared)
    }

    private var compared: String? {
        report.basis.comparedWith.map { last in
            "report \(last.id), cut-off \(report.clock.instant(last.cutOffSeconds) ?? "not known")"
        }
    }

    /// The same rows as the summary sheet.
    private func people() -> String {
        var text = "<table><tbody>"
        for row in SummarySheet.people(report) {
            guard case .text(let name) = row[1], case .count(let count) = row[2], case .text(let what) = row[3] else {
                continue
            }
            text +=
                "<tr><th scope=\"row\">\(HTML.data(name, 60))<small>\(HTML.text(what))</small></th>"
                + "<td class=\"n\">\(Money.grouped(count))</td></tr>"
        }
        return card("Who is on it", text + "</tbody></table>")
    }

    private func rates() -> String {
        let rate = statement.matchRate
        guard let runs = ReportPeriods.rated(report) else {
            return card("Match rate", "<p class=\"none\">\(HTML.text(ReportPeriods.unrated))</p>")
        }
        var body = HTMLChart.meter(
            "By count", rate.per10000, "\(Money.grouped(rate.matchedCount)) of \(Money.grouped(rate.readCount))")
        for value in order.sorted(rate.byValue, by: \.currency) {
            let matched = Money(minorUnits: value.matched, currency: value.currency)
            let read = Money(minorUnits: value.read, currency: value.currency)
            body += HTMLChart.meter(
                "By value, \(HTML.text(value.currency.uppercased()))", value.per10000, "\(matched) of \(read)")
        }
        return card("Match rate", body, period: "of the control totals, both sides, " + runs)
    }

    private func aging() -> String {
        card(
            "Age of open items, days", HTMLChart.aging(statement.aging), period: AgingSheet.information(statement))
    }

    private func largest() -> String? {
        let lines = statement.largestAgencies()
        var rows = lines.map { line -> HTMLChart.Bar in
            let amount = line.difference ?? 0
            return HTMLChart.Bar(
                name: line.activity.name, value: amount, text: "\(ReportVerdict.decimal(amount))", state: line.state)
        }
        var title = "Largest differences, credits"
        let totals = order.sorted(statement.chargeTotals, by: \.currency).first { $0.outOfBalance > 0 }
        if rows.isEmpty, let totals {
            title = "Largest differences, \(totals.currency.uppercased())"
            rows = statement.largestCharges(totals.currency).map { line in
                let amount = Money(minorUnits: line.difference ?? 0, currency: totals.currency)
                return HTMLChart.Bar(
                    name: line.activity.name, value: amount.minorUnits, text: amount.description, state: line.state)
            }
        }
        return rows.isEmpty ? nil : card(title, HTMLChart.bars(rows))
    }

    private func trend() -> String {
        let points = Array(report.trend.suffix(30))
        guard points.count > 2 else {
            let words = points.map {
                "\(report.clock.day($0.atSeconds) ?? "an unknown day"): \(Money.grouped($0.openItems)) open, "
                    + $0.state.rawValue
            }
            return card(
                "Open items over time",
                "<p class=\"none\">\(points.count) reports so far. \(HTML.text(words.joined(separator: "; ")))</p>")
        }
        return card(
            "Open items, last \(points.count) reports", HTMLChart.trend(points, report.clock),
            HTMLChart.isWide(points) ? "wide" : "")
    }

    private func controls() -> String {
        var body =
            "<table><thead><tr><th scope=\"col\">Read<th scope=\"col\" class=\"n\">Stripe"
            + "<th scope=\"col\" class=\"n\">Local</tr></thead><tbody>"
        for control in statement.controls {
            func amount(_ side: ControlSide) -> String {
                let money = Money(minorUnits: side.read.amount, currency: control.currency)
                return "<td class=\"n\">\(Money.grouped(side.read.count))<small>\(money)</small>"
            }
            body +=
                "<tr><th scope=\"row\">\(HTML.data(control.name, 60))<small>\(HTML.data(control.account, 60)), "
                + "\(HTML.text(control.currency.uppercased()))\(control.isCovered ? "" : ", all after the cut-off")"
                + "</small>\(amount(control.stripe))\(amount(control.local))"
        }
        return card(
            "Control totals",
            body + "</tbody></table><p class=\"none\"><a href=\"#tie_out\">Tie-out to the statement"
                + "</a></p>", "controls", period: "created in each run\u{2019}s look-back")
    }

    private func signOffs() -> String {
        let boxes = SignOff.Role.allCases.map { role -> String in
            let title = role == .preparer ? "Preparer" : "Reviewer"
            guard let signOff = report.signOffs.first(where: { $0.role == role }) else {
                return "<div class=\"box\"><h3>\(title)</h3><p class=\"at\">Not signed when this was made. Signatures "
                    + "stand in \(SignaturePage.fileName) beside this file.</p>"
                    + "<p class=\"line\">Name</p><p class=\"line\">Date</p></div>"
            }
            let at = report.clock.wall(signOff.atSeconds).map { "\($0) \(HTML.text(report.zone.name))" } ?? ""
            let note = signOff.note.map { "<p>\(HTML.data($0, 300))</p>" } ?? ""
            return "<div class=\"box signed\"><h3>\(title)</h3><p><b>\(HTML.data(signOff.name, 80))</b></p>"
                + "<p class=\"at\">signed \(at)</p>\(note)</div>"
        }
        return card(
            "Sign-off", "<div class=\"boxes\">\(boxes.joined())</div>",
            statement.charges.isEmpty ? "signs full" : "signs wide")
    }
}

extension String {
    /// Without blanks at both ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
