import Reconciliation

/// Charts as inline SVG without script and without a colour of their own: the style sheet colours them. Coordinates are
/// whole numbers, so that the same data gives the same bytes.
enum HTMLChart {
    struct Bar {
        let name: String
        let value: Int64
        let text: String
        let state: StatementState
    }

    /// `value` of `largest` on a scale of so many units; anything that is not nothing shows.
    static func length(_ value: UInt64, of largest: UInt64, scale: UInt64) -> Int64 {
        guard largest > 0, value > 0 else { return 0 }
        // The product needs up to 74 bits; the quotient is at most the scale.
        let share = min(value, largest).multipliedFullWidth(by: scale)
        return max(2, Int64(largest.dividingFullWidth(share).quotient))
    }

    static func meter(_ name: String, _ per10000: Int64?, _ note: String) -> String {
        let width = per10000.map { $0 * 300 / 10_000 } ?? 0
        return """
            <div class="meter"><p><span>\(name)</span><b>\(ReportVerdict.percent(per10000))</b></p>
            <svg viewBox="0 0 300 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="300" \
            height="6" rx="3"/><rect class="fill" width="\(width)" height="6" rx="3"/></svg>
            <small>\(HTML.text(note))</small></div>
            """
    }

    static func aging(_ table: AgingTable) -> String {
        let counts = AgingBucket.allCases.map { ($0, table.count($0)) }
        let largest = UInt64(counts.map(\.1).max() ?? 0)
        var bars = ""
        for (index, (bucket, count)) in counts.enumerated() {
            let height = length(UInt64(count), of: largest, scale: 84)
            let x = index * 56
            bars += """
                <rect class="age\(index)" x="\(x + 6)" y="\(104 - height)" width="40" height="\(height)" rx="2"/>\
                <text class="value" x="\(x + 26)" y="\(98 - height)">\(Money.grouped(count))</text>\
                <text x="\(x + 26)" y="120">\(bucket.label)</text>
                """
        }
        let words = counts.map { "\($0.0.label) days: \($0.1)" }.joined(separator: ", ")
        return """
            <svg class="chart" viewBox="0 0 336 126" role="img" aria-label="Open items by age. \(words)">\
            <line x1="0" x2="336" y1="104.5" y2="104.5"/>\(bars)</svg>
            """
    }

    static func bars(_ bars: [Bar]) -> String {
        let largest = bars.map(\.value.magnitude).max() ?? 0
        return bars.map { bar in
            let width = length(bar.value.magnitude, of: largest, scale: 300)
            return """
                <div class="meter"><p><span>\(HTML.data(bar.name, 60))</span><b>\(HTML.text(bar.text))</b></p>
                <svg viewBox="0 0 300 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="300" \
                height="6" rx="3"/><rect class="fill \(bar.state.rawValue.lowercased())" width="\(width)" height="6" \
                rx="3"/></svg><small>\(bar.state.rawValue)</small></div>
                """
        }.joined(separator: "\n")
    }

    /// Open items of each run; a run that could not read everything is hollow, and says so in its title.
    static func trend(_ points: [TrendPoint], _ clock: ReportClock) -> String {
        let largest = UInt64(points.map { max(0, $0.openItems) }.max() ?? 0)
        // A few runs are a few columns and not a wall.
        let step = min(48, 720 / max(points.count, 1))
        var columns = ""
        for (index, point) in points.enumerated() {
            let height = length(UInt64(max(0, point.openItems)), of: largest, scale: 82)
            let day = clock.day(point.atSeconds) ?? ""
            let x = index * step + 2
            let title = "\(day): \(Money.grouped(point.openItems)) open, \(point.state.rawValue)"
            columns += """
                <rect class="\(point.state.rawValue.lowercased())" x="\(x)" y="\(104 - height)" width="\(step - 4)" \
                height="\(height)" rx="2"><title>\(title)</title></rect>
                """
            if step >= 40, index < points.count - 1 {
                columns +=
                    "<text class=\"value\" x=\"\(x + (step - 4) / 2)\" y=\"\(98 - height)\">"
                    + "\(Money.grouped(point.openItems))</text>"
            } else if index == points.count - 1 {
                columns +=
                    "<text class=\"value end\" x=\"\(x + step - 4)\" y=\"\(98 - height)\">"
                    + "\(Money.grouped(point.openItems))</text>"
            }
        }
        let first = points.first.flatMap { clock.day($0.atSeconds) } ?? ""
        let last = points.last.flatMap { clock.day($0.atSeconds) } ?? ""
        let incomplete = points.count { $0.state == .incomplete }
        let legend = incomplete == 0 ? "" : "\(incomplete) of these reports INCOMPLETE (hollow)"
        // Dates stand under the columns that they are of; under a few columns is room for one text.
        let width = points.count * step
        let isShort = width < 220
        let dates =
            isShort
            ? "<text class=\"start\" x=\"2\" y=\"121\">\(first) to \(last)</text>"
            : "<text class=\"start\" x=\"2\" y=\"121\">\(first)</text>"
                + "<text class=\"end\" x=\"\(width - 2)\" y=\"121\">\(last)</text>"
        let words =
            width > 560
            ? "<text class=\"middle\" x=\"\(width / 2)\" y=\"121\">\(legend)</text>"
            : "<text class=\"start\" x=\"\(max(width, 220) + 16)\" y=\"60\">\(legend)</text>"
        return """
            <svg class="chart trend" viewBox="0 0 720 126" role="img" aria-label="Open items of the last \
            \(points.count) reports, from \(points.first?.openItems ?? 0) on \(first) to \
            \(points.last?.openItems ?? 0) on \(last)">\
            <line x1="0" x2="\(isShort ? 220 : width)" y1="104.5" y2="104.5"/>\(columns)\(dates)\(words)</svg>
            """
    }
}
