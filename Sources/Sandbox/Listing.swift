/// Objects in the order of their creation.
struct Track<Row> {
    var count: Int
    var createdSeconds: (Int) -> Int64
    /// `nil` where nothing can be seen, or where a filter leaves it out.
    var row: (Int) -> Row?

    /// The positions created in `[fromSeconds, toSeconds)`.
    func range(_ fromSeconds: Int64, _ toSeconds: Int64) -> Range<Int> {
        let low = partitionPoint(count) { createdSeconds($0) >= fromSeconds }
        let high = partitionPoint(count) { createdSeconds($0) >= toSeconds }
        return low..<max(low, high)
    }
}

/// A place in a list: the object that a cursor names.
struct ListCursor {
    var track: Int
    var position: Int
    var createdSeconds: Int64
}

/// One page of a list.
struct ListPage<Row> {
    var rows: [Row]
    var hasMore: Bool
    /// How many there are on all pages, where the request wants to know it.
    var total: Int?
}

/// Several tracks as one list, newest first. Equal creation times are ordered by track and position, so that every
/// object has one place and no page repeats or leaves out one (https://docs.stripe.com/api/pagination).
struct Listing<Row> {
    var tracks: [Track<Row>]
    /// Half-open, in Unix seconds.
    var fromSeconds: Int64
    var toSeconds: Int64

    /// How many objects there are on all pages.
    var count: Int {
        tracks.reduce(0) { sum, track in
            sum + track.range(fromSeconds, toSeconds).count { track.row($0) != nil }
        }
    }

    /// The page of at most `limit` objects that come after the cursor, which is older than it.
    func page(after cursor: ListCursor?, limit: Int) -> ListPage<Row> {
        var ranges = tracks.enumerated().map { number, track -> Range<Int> in
            let range = track.range(fromSeconds, toSeconds)
            guard let cursor else { return range }
            let end = before(cursor, track, number)
            return range.lowerBound..<max(range.lowerBound, min(range.upperBound, end))
        }
        var rows: [Row] = []
        while rows.count <= limit, let number = newest(ranges) {
            let position = ranges[number].upperBound - 1
            ranges[number] = ranges[number].lowerBound..<position
            if let row = tracks[number].row(position) { rows.append(row) }
        }
        return ListPage(rows: Array(rows.prefix(limit)), hasMore: rows.count > limit)
    }

    /// The page of at most `limit` objects that come before the cursor, still newest first.
    func page(before cursor: ListCursor, limit: Int) -> ListPage<Row> {
        var ranges = tracks.enumerated().map { number, track -> Range<Int> in
            let range = track.range(fromSeconds, toSeconds)
            let end = before(cursor, track, number)
            let start = number == cursor.track ? end + 1 : end
            return min(range.upperBound, max(range.lowerBound, start))..<range.upperBound
        }
        var rows: [Row] = []
        while rows.count <= limit, let number = oldest(ranges) {
            let position = ranges[number].lowerBound
            ranges[number] = position + 1..<ranges[number].upperBound
            if let row = tracks[number].row(position) { rows.append(row) }
        }
        return ListPage(rows: rows.prefix(limit).reversed(), hasMore: rows.count > limit)
    }

    /// The first position of a track that is not older than the cursor.
    private func before(_ cursor: ListCursor, _ track: Track<Row>, _ number: Int) -> Int {
        if number == cursor.track { return cursor.position }
        return partitionPoint(track.count) {
            let seconds = track.createdSeconds($0)
            return number < cursor.track ? seconds > cursor.createdSeconds : seconds >= cursor.createdSeconds
        }
    }

    private func newest(_ ranges: [Range<Int>]) -> Int? {
        var best: (number: Int, seconds: Int64)?
        for (number, range) in ranges.enumerated() where !range.isEmpty {
            let seconds = tracks[number].createdSeconds(range.upperBound - 1)
            if best == nil || seconds >= best?.seconds ?? .min { best = (number, seconds) }
        }
        return best?.number
    }

    private func oldest(_ ranges: [Range<Int>]) -> Int? {
        var best: (number: Int, seconds: Int64)?
        for (number, range) in ranges.enumerated() where !range.isEmpty {
            let seconds = tracks[number].createdSeconds(range.lowerBound)
            if best == nil || seconds < best?.seconds ?? .max { best = (number, seconds) }
        }
        return best?.number
    }
}
