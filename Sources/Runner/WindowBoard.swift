import PostgreSQL
import Reconciliation
import Store

/// Which windows of one account are waiting, being read, or done, and how an idle worker finds work.
///
/// A run starts with one window. As soon as its first page shows how dense it is, idle workers take the older half of
/// the largest rest, so that the number of windows follows the data and few pages are only partly filled.
actor WindowBoard {
    private struct Entry {
        var window: StoredWindow
        var isTaken = false
        /// Objects read so far and the seconds they covered: what is left is guessed from it.
        var objects = 0
        var readSeconds: Int64 = 0

        /// Pages that are still to come, if the rest is as dense as what was read. 0 before the first page.
        func pagesLeft(perPage: Int) -> Double {
            guard readSeconds > 0 || objects > 0, let cursor = window.cursorSeconds else { return 0 }
            let density = Double(objects) / Double(max(1, readSeconds))
            return density * Double(cursor - window.window.fromSeconds) / Double(perPage)
        }
    }

    /// A half is worth taking when this many pages are left in the whole: each cut costs up to one page that is not
    /// full.
    private static let pagesWorthCutting = 6.0
    private static let perPage = 100

    private let windows: Windows
    private let pool: Pool
    private var entries: [Int64: Entry] = [:]
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var isStopped = false

    init(windows: Windows, pool: Pool, stored: [StoredWindow]) {
        self.windows = windows
        self.pool = pool
        for window in stored where !window.isDone { entries[window.id] = Entry(window: window) }
    }

    /// The next window to read: one that waits, else the older half of the largest one under way. Waits while others
    /// may still become large enough, and returns `nil` when everything is read or the reading was stopped.
    func next() async throws -> StoredWindow? {
        while !isStopped && !entries.isEmpty {
            if let id = entries.first(where: { !$0.value.isTaken })?.key {
                entries[id]?.isTaken = true
                return entries[id]?.window
            }
            if let cut = try await cutLargest() { return cut }
            if isStopped || entries.isEmpty { return nil }
            if entries.contains(where: { !$0.value.isTaken }) { continue }
            await withCheckedContinuation { waiting.append($0) }
        }
        return nil
    }

    /// A page of the window was committed.
    func advanced(_ window: StoredWindow, objects: Int) {
        guard var entry = entries[window.id] else { return }
        let reached = entry.window.cursorSeconds ?? entry.window.window.toSeconds
        entry.objects += objects
        entry.readSeconds += max(0, reached - (window.cursorSeconds ?? reached))
        let from = entry.window.window.fromSeconds
        entry.window = window
        // Another worker may have taken the older half while the page was on its way.
        entry.window.window = Window(
            fromSeconds: max(from, window.window.fromSeconds), toSeconds: window.window.toSeconds)
        entries[window.id] = window.isDone ? nil : entry
        wake()
    }

    /// The window as it stands now: its `from` may have risen.
    func current(_ id: Int64) -> StoredWindow? { entries[id]?.window }

    /// No worker gets another window.
    func stop() {
        isStopped = true
        wake()
    }

    private func cutLargest() async throws -> StoredWindow? {
        let candidates = entries.values
            .filter { $0.pagesLeft(perPage: Self.perPage) >= Self.pagesWorthCutting }
            .sorted { $0.pagesLeft(perPage: Self.perPage) > $1.pagesLeft(perPage: Self.perPage) }
        for candidate in candidates {
            let window = candidate.window
            guard let cursor = window.cursorSeconds, let cut = window.window.cut(belowCursor: cursor) else { continue }
            let older = try await pool.withConnection { connection in
                try await self.windows.cut(window, at: cut, on: connection)
            }
            guard let older else { continue }
            if var entry = entries[window.id] {
                entry.window.window = Window(
                    fromSeconds: max(cut, entry.window.window.fromSeconds), toSeconds: window.window.toSeconds)
                entries[window.id] = entry
            }
            entries[older.id] = Entry(window: older, isTaken: true)
            return older
        }
        return nil
    }

    private func wake() {
        let all = waiting
        waiting = []
        for continuation in all { continuation.resume() }
    }
}
