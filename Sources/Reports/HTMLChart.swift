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

    /// So many columns fit into a card of a third of the page.
    private static let narrowMax = 7

    static func isWide(_ points: [TrendPoint]) -> Bool { points.count > narrowMax }

    /// Open items of each report, over the whole width; one that could not read everything is hollow. What the colours
    /// mean stands in words under it.
    static func trend(_ points: [TrendPoint], _ clock: ReportClock) -> String {
        let largest = UInt64(points.map { max(0, $0.openItems) }.max() ?? 0)
        let isWide = isWide(points)
        let width = isWide ? 720 : 336
        let step = width / max(points.count, 1)
        let bar = min(44, step - 4)
        // A date takes about so much; without room for all stand those of the first, middle and last column.
        let areAllDated = step >= 66
        let dated = Set([0, points.count / 2, points.count - 1])
        var columns = ""
        for (index, point) in points.enumerated() {
            let height = length(UInt64(max(0, point.openItems)), of: largest, scale: 82)
            let day = clock.day(point.atSeconds) ?? ""
            let x = index * step + (step - bar) / 2
            let title = "\(day): \(Money.grouped(point.openItems)) open, \(point.state.rawValue)"
            columns += """
                <rect class="\(point.state.rawValue.lowercased())" x="\(x)" y="\(104 - height)" width="\(bar)" \
                height="\(height)" rx="2"><title>\(title)</title></rect>
                """
            let isLast = index == points.count - 1
            if step >= 40 || isLast {
                // The last one may be wider than its column, and ends with it.
                let (end, at) = step < 40 ? (" end", x + bar) : ("", x + bar / 2)
                columns +=
                    "<text class=\"value\(end)\" x=\"\(at)\" y=\"\(98 - height)\">"
                    + "\(Money.grouped(point.openItems))</text>"
            }
            guard areAllDated || dated.contains(index) else { continue }
            let (anchor, at) =
                areAllDated
                ? ("", x + bar / 2)
                : index == 0 ? (" class=\"start\"", x) : isLast ? (" class=\"end\"", x + bar) : ("", x + bar / 2)
            columns += "<text\(anchor) x=\"\(at)\" y=\"121\">\(day)</text>"
        }
        let first = points.first.flatMap { clock.day($0.atSeconds) } ?? ""
        let last = points.last.flatMap { clock.day($0.atSeconds) } ?? ""
        return """
            <svg class="chart trend" viewBox="0 0 \(width) 126" role="img" aria-label="Open items of \
            the last \(points.count) reports, from \(points.first?.openItems ?? 0) on \(first) to \
            \(points.last?.openItems ?? 0) on \(last)">\
            <line x1="0" x2="\(width)" y1="104.5" y2="104.5"/>\(columns)</svg>\(key(points))
            """
    }

    /// What the colours of a trend mean, and of how many reports.
    private static func key(_ points: [TrendPoint]) -> String {
        let states = StatementState.allCases.compactMap { state -> String? in
            let count = points.count { $0.state == state }
            guard count > 0 else { return nil }
            return "<span><i class=\"\(state.rawValue.lowercased())\"></i>\(count) \(state.rawValue)"
                + "\(state == .incomplete ? " (hollow)" : "")</span>"
        }
        return "<p class=\"key\">\(states.joined())</p>"
    }
}
