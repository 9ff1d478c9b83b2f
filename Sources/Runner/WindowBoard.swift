import PostgreSQL
import Reconciliation
import Store

/// Which windows of one account are waiting, being read, or done, and where more work can be had.
///
/// A run starts with one window. As soon as its first page shows how dense it is, and whenever fewer requests are on
/// their way than the pace asks for, the older half of the largest rest becomes a window of its own. So the number of
/// windows follows the data and the latency, and few pages are only partly filled.
actor WindowBoard {
    private struct Entry {
        var window: StoredWindow
        var isTaken = false
        /// Its older half is being given away.
        var isBeingCut = false
        /// Seconds that a full page covers, of late; that of the window it was cut from before its first page.
        var secondsPerPage: Double?
        var hasPages = false
        /// How often it was cut since its last page: behind a burst the estimate is wrong until the next page.
        var cuts = 0
    }

    /// A rest is worth cutting when this many pages are left of it after the one on its way.
    private static let pagesWorthCutting = 1.5
    /// So many are worth it although more than the usual share of pages was not full.
    private static let pagesWorthWasting = 8.0
    private static let cutsPerPageMax = 2
    private static let perPage = 100.0
    /// Each cut costs one page that is not full, half of one on average. So much of all pages may go that way.
    private static let wastedShare = 0.01

    private let windows: Windows
    private let pool: Pool
    private var pace: ReadingPace
    private var entries: [Int64: Entry] = [:]
    private var taken = 0
    /// What was not full of pages that ended a window, in pages.
    private var wasted = 0.0
    private var isStopped = false
    /// Counts what may change the answer of ``next()`` while it waits for the database.
    private var changes = 0
    private var dispatcher: CheckedContinuation<Void, Never>?

    init(windows: Windows, pool: Pool, stored: [StoredWindow], pace: ReadingPace) {
        self.windows = windows
        self.pool = pool
        self.pace = pace
        for window in stored where !window.isDone { entries[window.id] = Entry(window: window) }
    }

    /// The next window to read, as soon as another request should be on its way: one that waits, newest first, else
    /// the older half of the largest one under way. `nil` when everything is read or the reading was stopped.
    ///
    /// For one caller, which has each window read by a task of its own.
    func next() async throws -> StoredWindow? {
        while !isStopped && !entries.isEmpty {
            if taken < pace.requestsInFlight {
                let seen = changes
                if let window = takeWaiting() { return window }
                if let window = try await cutLargest() { return window }
                if changes != seen { continue }
            }
            await withCheckedContinuation { dispatcher = $0 }
        }
        return nil
    }

    /// A page of the window was committed.
    func advanced(_ window: StoredWindow, objects: Int, transferMicroseconds: Int64) {
        pace.note(transferMicroseconds: transferMicroseconds)
        guard var entry = entries[window.id] else { return }
        let before = entry.window.cursorSeconds ?? entry.window.window.toSeconds
        if objects > 0, let cursor = window.cursorSeconds {
            let covered = Double(max(1, before - cursor)) * Self.perPage / Double(objects)
            entry.secondsPerPage = entry.hasPages ? ((entry.secondsPerPage ?? covered) + covered) / 2 : covered
            entry.hasPages = true
            entry.cuts = 0
        }
        // The older half may have been given away while the page was on its way.
        let from = max(entry.window.window.fromSeconds, window.window.fromSeconds)
        entry.window = window
        entry.window.window = Window(fromSeconds: from, toSeconds: window.window.toSeconds)
        if window.isDone {
            entries[window.id] = nil
            taken -= 1
            wasted += 1 - Double(objects) / Self.perPage
        } else {
            entries[window.id] = entry
        }
        changed()
    }

    /// The window as the board knows it: its `from` may have risen. The database knows it earlier.
    func current(_ id: Int64) -> StoredWindow? { entries[id]?.window }

    /// No further window is given out.
    func stop() {
        isStopped = true
        changed()
    }

    private func takeWaiting() -> StoredWindow? {
        let waiting = entries.values.filter { !$0.isTaken && !$0.isBeingCut }
        guard let newest = waiting.max(by: { $0.window.window.toSeconds < $1.window.window.toSeconds }) else {
            return nil
        }
        entries[newest.window.id]?.isTaken = true
        taken += 1
        return newest.window
    }

    private func cutLargest() async throws -> StoredWindow? {
        let mayWaste = Double(pace.requestsInFlight) / 2 + 2 + Self.wastedShare * Double(pace.pages)
        guard let (id, cut, left) = largest() else { return nil }
        let isFrugal = wasted + 0.5 * Double(entries.count) < mayWaste
        guard isFrugal || (left >= Self.pagesWorthWasting && wasted < 2 * mayWaste) else { return nil }
        guard let entry = entries[id] else { return nil }
        entries[id]?.isBeingCut = true
        entries[id]?.cuts += 1
        defer { entries[id]?.isBeingCut = false }
        let older = try await pool.withConnection { try await self.windows.cut(entry.window, at: cut, on: $0) }
        guard let older else { return nil }
        if var entry = entries[id] {
            entry.window.window = Window(fromSeconds: cut, toSeconds: entry.window.window.toSeconds)
            entries[id] = entry
        }
        entries[older.id] = Entry(window: older, isTaken: true, secondsPerPage: entry.secondsPerPage)
        taken += 1
        changes += 1
        return older
    }

    /// The window with the most pages left after the page on its way, and where to cut it.
    private func largest() -> (id: Int64, cut: Int64, pagesLeft: Double)? {
        var found: (id: Int64, cut: Int64, pagesLeft: Double)?
        // What was never looked into is taken for as dense as its neighbour only to get going.
        let isStarting = pace.pages < 2 * pace.requestsInFlight
        for (id, entry) in entries where entry.isTaken && !entry.isBeingCut {
            guard isStarting || (entry.hasPages && entry.cuts < Self.cutsPerPageMax) else { continue }
            guard let seconds = entry.secondsPerPage else { continue }
            let window = entry.window.window
            let reached = Double(entry.window.cursorSeconds ?? window.toSeconds)
            let next = max(Double(window.fromSeconds), (reached - seconds).rounded(.down))
            let left = (next - Double(window.fromSeconds)) / seconds
            guard left > found?.pagesLeft ?? Self.pagesWorthCutting, let cut = window.cut(belowCursor: Int64(next))
            else { continue }
            found = (id, cut, left)
        }
        return found
    }

    private func changed() {
        changes += 1
        guard taken < pace.requestsInFlight || entries.isEmpty || isStopped else { return }
        dispatcher?.resume()
        dispatcher = nil
    }
}
