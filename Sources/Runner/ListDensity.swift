import Reconciliation
import Store

/// Where the objects of a list probably lie, from the times of the local rows that name them. It decides where windows
/// are cut, nothing else: where it is wrong, more pages than necessary are not full.
package struct ListDensity: Sendable {
    /// Times of rows in order, every so-manieth one.
    private let marks: [Int64]
    /// Objects between one mark and the next.
    private var objectsPerMark: Double
    private var markedObjects: Double
    private var markedMarks: Double
    /// How far the last pages were from what was expected of them, as a share of a page.
    private var error = 0.0

    private static let errorMax = 0.5
    private static let marksMin = 20
    private static let perPage = 100.0
    /// So many objects fewer than full pages are asked of the newer part, because one more would take a page of its
    /// own: some, and a share of all that it is to have. Of a part of many pages nobody knows how full its last page
    /// will be.
    private static let margin = (objects: 4.0, share: 0.003, most: 50.0)

    /// What the rows say counts as much as this many objects that were seen.
    private static let priorObjects = 500.0

    /// An object for each row, until pages say how many there are.
    package init(_ times: RowTimes) {
        marks = times.marks
        objectsPerMark = times.rowsPerMark
        markedObjects = Self.priorObjects
        markedMarks = Self.priorObjects / times.rowsPerMark
    }

    /// Whether what it expected was there so far.
    package var isTrusted: Bool { marks.count >= Self.marksMin && error <= Self.errorMax }

    /// Pages showed all objects from the older second to the newer one, but for the newer second itself.
    package mutating func note(fromSeconds: Int64, toSeconds: Int64, objects: Int) {
        let between = place(of: toSeconds) - place(of: fromSeconds)
        let expected = between * objectsPerMark
        error = 0.8 * error + 0.2 * min(2, abs(expected - Double(objects)) / max(Self.perPage, Double(objects)))
        markedObjects += Double(objects)
        markedMarks += between
        objectsPerMark = markedObjects / markedMarks
    }

    /// How many objects there probably are in the seconds `[from, to)`.
    package func objects(fromSeconds: Int64, toSeconds: Int64) -> Double {
        max(0, place(of: toSeconds) - place(of: fromSeconds)) * objectsPerMark
    }

    /// Where to cut what is left of a window below its cursor, so that the newer part has full pages.
    /// - Parameter share: how many pages the newer part is to have after the one on its way; never more than half of
    ///   what is left, so that it takes no longer than the older one.
    /// - Returns: `nil` where less than 1.5 pages are left after the one on its way.
    package func cut(
        _ window: Window, belowCursor cursorSeconds: Int64, share: Double = .infinity
    ) -> (seconds: Int64, pagesLeft: Double)? {
        let left = pagesLeft(window, belowCursor: cursorSeconds)
        guard left > 1.5 else { return nil }
        let pages = (1 + min(max(1, share), left / 2)).rounded()
        let margin = min(Self.margin.most, Self.margin.objects + Self.margin.share * pages * Self.perPage)
        let newer = (pages * Self.perPage - margin) / objectsPerMark
        let cut = instant(of: place(of: cursorSeconds) - newer)
        guard cut > window.fromSeconds, cut < min(cursorSeconds, window.toSeconds) else { return nil }
        return (cut, left)
    }

    /// How many pages a window probably has below its cursor, after the one on its way.
    package func pagesLeft(_ window: Window, belowCursor cursorSeconds: Int64) -> Double {
        objects(fromSeconds: window.fromSeconds, toSeconds: cursorSeconds) / Self.perPage - 1
    }

    /// How many marks lie up to the second; in between by its share of the time.
    private func place(of seconds: Int64) -> Double {
        let next = marks.firstIndexWhere { $0 >= seconds }
        guard next < marks.count else { return Double(marks.count) }
        guard next > 0 else { return marks[0] == seconds ? 1 : 0 }
        let span = marks[next] - marks[next - 1]
        return Double(next + 1) - Double(marks[next] - seconds) / Double(span)
    }

    /// The second before which so many marks lie.
    private func instant(of place: Double) -> Int64 {
        guard place > 0, let first = marks.first else { return .min }
        guard place >= 1 else { return first }
        let index = min(Int(place), marks.count) - 1
        guard index + 1 < marks.count else { return marks[index] }
        let share = place - Double(index + 1)
        return marks[index] + Int64((Double(marks[index + 1] - marks[index]) * share).rounded())
    }
}

extension Array<Int64> {
    /// The first index whose element satisfies the condition, which no later one then fails.
    fileprivate func firstIndexWhere(_ condition: (Int64) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = low + (high - low) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
