import Schedule

/// Instants as texts in the zone of a report.
package struct ReportClock: Sendable, Hashable {
    package let zone: Zone

    package init(_ zone: Zone) { self.zone = zone }

    /// The years 1 to 9999: what ISO 8601 writes with four digits. Anything outside comes from damaged data.
    private static let range: ClosedRange<Int64> = -62_135_510_400...253_402_214_400

    /// `2026-03-08T03:00:00-04:00`; `nil` outside the years 1 to 9999.
    package func iso(_ seconds: Int64) -> String? {
        Self.range.contains(seconds) ? ISOTime.text(seconds, in: zone) : nil
    }

    /// `2026-03-08 03:00`, the wall clock, for columns whose heading names the zone.
    package func wall(_ seconds: Int64) -> String? {
        guard let text = iso(seconds) else { return nil }
        return text.prefix(10) + " " + text.dropFirst(11).prefix(5)
    }

    /// The same with its seconds where there are some, for cut-offs, which are half-open to the second.
    package func instant(_ seconds: Int64) -> String? {
        guard let text = iso(seconds), !text.dropFirst(17).hasPrefix("00") else { return wall(seconds) }
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8)
    }

    /// `2026-03-08`.
    package func day(_ seconds: Int64) -> String? { iso(seconds).map { String($0.prefix(10)) } }

    /// Local seconds: the Unix seconds at which a clock in UTC shows the same wall time. For spreadsheets, whose dates
    /// know no zone.
    package func localSeconds(_ seconds: Int64) -> Int64? {
        Self.range.contains(seconds) ? zone.localSeconds(at: seconds) : nil
    }
}
