import Jobs
import Reconciliation
import Schedule

/// What a report is about.
public enum ReportPeriod: Sendable, Hashable {
    /// Up to the job's last cut-off; of a scheduled one, the last at or before the time of its occurrence.
    case lastCutOff
    /// Up to the end of what a run read.
    case run(Int64)
    /// Up to an instant, Unix seconds.
    case asOf(Int64)
    /// From one instant up to another, Unix seconds.
    case between(Int64, Int64)
}

extension CutOff {
    /// The last such moment at or before `seconds`. Where the clock skips it, the first instant after the gap; where
    /// the clock shows it twice, the first time.
    public func last(before seconds: Int64, in zone: Zone) -> Int64 {
        var date = zone.date(at: seconds)
        // Today's moment, yesterday's, or, around a skipped day, the one before.
        for _ in 0..<3 {
            let local = Int64(date.daysSinceEpoch) * 86_400 + Int64(hour) * 3_600 + Int64(minute) * 60
            let instant = zone.instants(ofLocal: local).first
            if instant <= seconds { return instant }
            date = date.adding(days: -1)
        }
        return zone.startOfDay(date)
    }
}

extension StatementCutOff {
    /// A cut-off with both its texts.
    init(seconds: Int64, in zone: Zone) {
        let local = ISOTime.text(seconds, in: zone)
        let utc = ISOTime.text(seconds, in: .utc)
        // Seconds where there are some: the cut-off is half-open to the second.
        func clock(_ text: String) -> String {
            text.prefix(10) + " " + text.dropFirst(11).prefix(text.dropFirst(17).hasPrefix("00") ? 5 : 8)
        }
        self.init(
            seconds: seconds, zone: zone.name, localText: clock(local) + " " + local.dropFirst(19),
            utcText: clock(utc) + " UTC")
    }
}
