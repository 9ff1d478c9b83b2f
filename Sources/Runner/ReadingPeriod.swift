import Reconciliation
import Schedule

/// Which seconds of `created` an occurrence of a `reconcile` job lists.
///
/// Each occurrence has those between the nominal time before it and its own, less the settle delay at both ends,
/// whenever it really starts: so consecutive ones meet, without gap and without overlap, also where a clock is set
/// forward or back in between. The job's look-back goes further back and is listed again, because what is older still
/// changes.
package struct ReadingPeriod: Sendable, Hashable {
    /// What no occurrence before this one had.
    package let own: Window
    /// All that is listed.
    package let listed: Window

    /// Further back than this nobody reads by himself what earlier occurrences failed to read, in seconds: Stripe's
    /// events reach no further, and a backfill is asked for (``ReadingGap``).
    package static let madeUpForSeconds: Int64 = 31 * 86_400

    /// Where to begin so that nothing is left out between what complete runs have read and what is read now.
    /// - Parameters:
    ///   - seconds: where it would begin otherwise, Unix seconds.
    ///   - upToSeconds: where the last complete run ended longer before that, the time between stays unread.
    static func from(
        _ seconds: Int64, readUpTo: Int64?, makingUpFor upToSeconds: Int64 = madeUpForSeconds
    ) -> Int64 {
        guard let readUpTo, readUpTo < seconds, seconds - readUpTo <= upToSeconds else { return seconds }
        return readUpTo
    }

    /// - Parameters:
    ///   - occurrence: from the nominal time before it, or the first of those that it catches up with, to its own.
    ///   - nowSeconds: the clock. Nothing younger than the settle delay is listed, whatever the nominal time is.
    ///   - readUpTo: how far complete runs of the job have read: where an earlier occurrence failed, this one reads
    ///     what it did not.
    package init(
        occurrence: OccurrenceWindow, settleSeconds: Int64, lookBackSeconds: Int64, nowSeconds: Int64, readUpTo: Int64?
    ) {
        let to = min(occurrence.toSeconds, nowSeconds) - settleSeconds
        let from = Self.from(min(occurrence.fromSeconds - settleSeconds, to), readUpTo: readUpTo)
        own = Window(fromSeconds: from, toSeconds: to)
        listed = Window(fromSeconds: min(from, to - lookBackSeconds), toSeconds: to)
    }
}
