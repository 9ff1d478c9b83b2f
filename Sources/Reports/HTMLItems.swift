import Reconciliation

/// The open items, one group for each kind with its count and effect. A row of the page brings together what the sheet
/// has in twenty-six columns, so that it can be read.
struct HTMLItems {
    private let sheets: ReportSheets
    private let stream: ByteStream
    private let clock: ReportClock
    private let links: LinkMaker
    private let cutOffSeconds: Int64
    private let order: CurrencyOrder
    private static let block = 250

    init(_ sheets: ReportSheets, _ stream: ByteStream) {
        self.sheets = sheets
        self.stream = stream
        clock = sheets.report.clock
        links = LinkMaker(sheets.report.accounts)
        cutOffSeconds = sheets.report.statement.cutOff.seconds
        order = CurrencyOrder(sheets.report.statement)
    }

    func write() throws(ReportError) {
        let items = sheets.items
        let zone = HTML.text(clock.zone.name)
        let within = order.currencies.count > 1 ? " and currency" : ""
        try stream.write(
            """
            <section id="open_items"><h2>Open items \
            <span class="count">\(Money.grouped(Int64(items.count)))</span></h2>
            <p class="note">Largest first in each kind\(within). Times are \(zone). Effect: what an item adds to the \
            local balance, compared with Stripe.</p>

            """)
        if items.isEmpty { try stream.write("<p class=\"none\">None.</p>\n") }
        var start = 0
        while start < items.count {
            var end = start
            while end < items.count, items[end].item.kind == items[start].item.kind { end += 1 }
            try group(items[start..<end], isOpen: items.count <= HTMLTables.foldOver)
            start = end
        }
        try stream.write("</section>\n")
    }

    private func group(_ items: ArraySlice<ReportItem>, isOpen: Bool) throws(ReportError) {
        guard let kind = items.first?.item.kind else { return }
        let effect = sheets.report.statement.causes.filter { $0.kind == kind }
        var figures = ["\(Money.grouped(Int64(items.count))) \(items.count == 1 ? "item" : "items")"]
        for cause in effect {
            if cause.scope == .credits { figures.append("\(Money.grouped(cause.creditsEffect)) credits") }
            // Where both parts have such items, their money is told apart.
            let part = effect.count == 1 ? "" : cause.scope == .credits ? "credits " : "charges "
            figures += order.sorted(cause.amounts).filter { $0.minorUnits != 0 }.map { part + $0.description }
        }
        if items.first?.item.isInformation == true { figures.append("for information") }
        try stream.write(
            """
            <details class="kind"\(isOpen ? " open" : "")><summary><b>\(HTML.text(kind.title))</b> \
            <span class="figures">\(figures.map(HTML.text).joined(separator: " · "))</span></summary>
            <p class="note">\(HTML.text(kind.definition))</p>

            """)
        var start = items.startIndex
        while start < items.endIndex {
            let end = min(start + Self.block, items.endIndex)
            let isFirst = start == items.startIndex
            if !isFirst {
                let range = HTMLTables.range((start - items.startIndex)..<(end - items.startIndex), of: items.count)
                try stream.write("<details><summary>items \(range)</summary>\n")
            }
            try table(items[start..<end])
            if !isFirst { try stream.write("</details>\n") }
            start = end
        }
        try stream.write("</details>\n")
    }

    private func table(_ items: ArraySlice<ReportItem>) throws(ReportError) {
        try stream.write(
            """
            <div class="scroll"><table class="items"><thead><tr><th scope="col">Item<th scope="col">Agency\
            <th scope="col">Stripe<th scope="col">Local<th scope="col" class="n">Stripe amount\
            <th scope="col" class="n">Local amount<th scope="col" class="n">Difference\
            <th scope="col" class="n">Effect, credits<th scope="col" class="n">Age, days<th scope="col">State\
            </tr></thead><tbody>

            """)
        for item in items { try row(item) }
        try stream.write("</tbody></table></div>\n")
    }

    private func row(_ item: ReportItem) throws(ReportError) {
        let core = item.item
        var text = "<tr><td><span class=\"id\">\(HTML.data(core.id, 80))</span>"
        if item.explanation != core.kind.definition { text += " <span>\(HTML.data(item.explanation))</span>" }
        if let repair = item.proposedRepair { text += "<small>Proposed: \(HTML.data(repair))</small>" }
        if let note = item.note { text += "<small>Note: \(HTML.data(note))</small>" }
        text += "<td>" + (item.agency.map { HTML.data($0, 160) } ?? "no agency")
        if let id = core.agencyID { text += "<small>\(id)</small>" }
        text += "<td>" + stripe(item)
        text += "<td>" + (item.localRow.map { "<span class=\"id\">\(HTML.data($0, 80))</span>" } ?? "")
        if let status = item.localStatus { text += "<small>\(HTML.data(status, 60))</small>" }
        text += money(item.stripeAmount) + money(item.localAmount) + money(item.difference)
        text += credits(core.creditsEffect) + age(item)
        text += "<td>\(item.state.rawValue)"
        if let owner = item.owner { text += "<small>\(HTML.data(owner, 80))</small>" }
        try stream.write(text + "\n")
    }

    private func stripe(_ item: ReportItem) -> String {
        var text = ""
        for id in [item.stripeInvoice, item.paymentIntent] {
            switch links.cell(id, item.account) {
            case .link(let id, let url): text += HTMLTables.link(id, url) + " "
            case .id(let id): text += "<span class=\"id\">\(HTML.data(id, 80))</span> "
            default: break
            }
        }
        var words = item.stripeStatus.map { HTML.data($0, 60) } ?? ""
        if let paid = item.paidAtSeconds, let at = clock.wall(paid) { words += ", paid \(at)" }
        return words.isEmpty ? text : text + "<small>\(words)</small>"
    }

    private func money(_ money: Money?) -> String {
        guard let money else { return "<td>" }
        let tone = money.minorUnits < 0 ? " neg" : money.minorUnits == 0 ? " zero" : ""
        return "<td class=\"n\(tone)\">\(money.description)"
    }

    private func credits(_ credits: Int64) -> String {
        "<td class=\"n\(credits < 0 ? " neg" : credits == 0 ? " zero" : "")\">\(Money.grouped(credits))"
    }

    private func age(_ item: ReportItem) -> String {
        let days = Aging.days(sinceSeconds: item.item.sinceSeconds, cutOffSeconds: cutOffSeconds)
        let runs = item.runsSeen == 1 ? "1 run" : "\(Money.grouped(item.runsSeen)) runs"
        let seen = clock.day(item.firstSeenSeconds).map { "seen \($0), \(runs)" } ?? runs
        return "<td class=\"n\">\(Money.grouped(days))<small>\(seen)</small>"
    }
}
