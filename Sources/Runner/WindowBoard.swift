import PostgreSQL
import Reconciliation
import Store

/// Which windows of one list this process reads, and where more work can be had.
///
/// A run starts with one window. As soon as its first page shows how dense it is, and whenever fewer requests are on
/// their way than the pace asks for, the older half of the largest rest becomes a window of its own. So the number of
/// windows follows the data and the latency, and few pages are only partly filled.
///
/// Where local rows name the objects, their times say where the objects probably lie (``ListDensity``), and windows are
/// cut by them, as long as that proves right. Else what a window's last pages covered is taken for the rest of it.
///
/// Other processes may read windows of the same list. What nobody reads is taken over, and when nothing of one's own is
/// worth cutting, the largest rest of theirs is cut. The database is asked for such windows when there is no other work
/// and at most once in a while, so that a process that reads alone asks no more than at the start and at the end.
actor WindowBoard {
    private struct Entry {
        var window: StoredWindow
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

    /// How long after it had nothing to give the database is asked again: by who waits for the end, and by others.
    private static let askAgain = (waiting: Duration.milliseconds(200), reading: Duration.seconds(1))

    private let list: RunList
    private let windows: Windows
    private let pool: Pool
    private let waitsForOthers: Bool
    private var pace: ReadingPace
    private var entries: [Int64: Entry] = [:]
    private var taken = 0
    /// What was not full of pages that ended a window, in pages.
    private var wasted = 0.0
    private var isStopped = false
    /// Before this the database has no window for us, as it said last.
    private var askAgainAt = ContinuousClock.now
    /// Counts what may change the answer of ``next()`` while it waits for the database.
    private var changes = 0
    private var dispatcher: CheckedContinuation<Void, Never>?
    private var density: ListDensity?
    private var isDensityAsked = false
    /// What was read until it was known where the objects lie; `nil` from then on.
    private var readBefore: [(fromSeconds: Int64, toSeconds: Int64, objects: Int)]? = []

    /// - Parameter waitsForOthers: whether ``next()`` comes to its end only when all windows of the list are read,
    ///   whoever reads them.
    init(list: RunList, windows: Windows, pool: Pool, pace: ReadingPace, waitsForOthers: Bool) {
        self.list = list
        self.windows = windows
        self.pool = pool
        self.pace = pace
        self.waitsForOthers = waitsForOthers
    }

    /// What is to be done next.
    enum Step: Sendable {
        case read(StoredWindow)
        /// To look up where the list's objects lie, once, beside the reading.
        case lookUpDensity
    }

    /// Where the objects lie; no marks where nobody knows.
    func know(_ times: RowTimes) {
        let pages = readBefore ?? []
        readBefore = nil
        guard !times.marks.isEmpty else { return }
        var density = ListDensity(times)
        for page in pages {
            density.note(fromSeconds: page.fromSeconds, toSeconds: page.toSeconds, objects: page.objects)
        }
        self.density = density
        changed()
    }

    private func note(fromSeconds: Int64, toSeconds: Int64, objects: Int) {
        density?.note(fromSeconds: fromSeconds, toSeconds: toSeconds, objects: objects)
        readBefore?.append((fromSeconds, toSeconds, objects))
    }

    /// The next window to read, as soon as another request should be on its way: one that nobody reads, newest first,
    /// else the older half of the largest one under way. `nil` when everything is read, or there is nothing for who
    /// does not wait for others, or the reading was stopped.
    ///
    /// For one caller, which has each window read by a task of its own.
    func next() async throws -> Step? {
        while !isStopped {
            if !isDensityAsked, !entries.isEmpty {
                isDensityAsked = true
                return .lookUpDensity
            }
            if entries.isEmpty {
                let answer = try await ask()
                switch answer {
                case .window(let window): return .read(window)
                case .nothing: return nil
                case .others:
                    guard waitsForOthers else { return nil }
                    try await Task.sleep(for: Self.askAgain.waiting)
                    continue
                }
            }
            if taken < pace.requestsInFlight {
                let seen = changes
                if let window = try await cutLargest() { return .read(window) }
                if askAgainAt <= .now, case .window(let window) = try await ask() { return .read(window) }
                if changes != seen { continue }
            }
            await withCheckedContinuation { dispatcher = $0 }
        }
        return nil
    }

    private enum Answer {
        case window(StoredWindow)
        /// Others read what is left, and it is not worth cutting.
        case others
        case nothing
    }

    /// Asks the database for a window that nobody reads, or the larger part of what somebody else does.
    private func ask() async throws -> Answer {
        let answer = try await pool.withConnection { connection -> Answer in
            if let window = try await self.windows.take(self.list, on: connection) { return .window(window) }
            let unread = try await self.windows.unread(self.list, on: connection)
            let others = await self.others(unread)
            if let (window, cut) = Self.largest(of: others),
                let older = try await self.windows.cut(window, at: cut, on: connection)
            {
                return .window(older)
            }
            if unread.isEmpty { return .nothing }
            // What is left over after its reader's lease and still cannot be taken is locked by one who is frozen.
            if !others.isEmpty { try await self.windows.endFrozen(on: connection) }
            return .others
        }
        if case .window(let window) = answer {
            entries[window.id] = Entry(window: window)
            taken += 1
            changes += 1
        } else {
            askAgainAt = .now + Self.askAgain.reading
        }
        return answer
    }

    private func others(_ unread: [StoredWindow]) -> [StoredWindow] { unread.filter { entries[$0.id] == nil } }

    /// Of windows that others read, the one with the most pages left after the one on its way, and where to cut it.
    private static func largest(of others: [StoredWindow]) -> (window: StoredWindow, cut: Int64)? {
        var found: (window: StoredWindow, cut: Int64, pagesLeft: Double)?
        for stored in others {
            guard let cursor = stored.cursorSeconds, stored.pages > 0 else { continue }
            let seconds = Double(max(1, stored.window.toSeconds - cursor)) / Double(stored.pages)
            guard let (cut, left) = rest(of: stored, secondsPerPage: seconds), left > found?.pagesLeft ?? 0 else {
                continue
            }
            found = (stored, cut, left)
        }
        return found.map { ($0.window, $0.cut) }
    }

    /// Where to cut what is left of a window after the page on its way, if it is worth it.
    private static func rest(
        of stored: StoredWindow, secondsPerPage seconds: Double
    ) -> (cut: Int64, pagesLeft: Double)? {
        let window = stored.window
        let reached = Double(stored.cursorSeconds ?? window.toSeconds)
        let next = max(Double(window.fromSeconds), (reached - seconds).rounded(.down))
        let left = (next - Double(window.fromSeconds)) / seconds
        guard left > pagesWorthCutting, let cut = window.cut(belowCursor: Int64(next)) else { return nil }
        return (cut, left)
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
        let reached = window.isDone ? window.window.fromSeconds : window.cursorSeconds ?? before
        note(fromSeconds: reached, toSeconds: before, objects: objects)
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

    /// Somebody else reads the window now.
    func lost(_ window: StoredWindow) {
        guard entries.removeValue(forKey: window.id) != nil else { return }
        taken -= 1
        changed()
    }

    /// No further window is given out.
    func stop() {
        isStopped = true
        changed()
    }

    private func cutLargest() async throws -> StoredWindow? {
        let mayWaste = Double(pace.requestsInFlight) / 2 + 2 + Self.wastedShare * Double(pace.pages)
        // Before the first page nobody knows how many requests are to be on their way.
        let isKnown = pace.pages > 0 && density?.isTrusted ?? false
        guard let (id, cut, left) = largest(isKnown: isKnown) else { return nil }
        let isFrugal = wasted + 0.5 * Double(entries.count) < mayWaste
        guard isKnown || isFrugal || (left >= Self.pagesWorthWasting && wasted < 2 * mayWaste) else { return nil }
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
        entries[older.id] = Entry(window: older, secondsPerPage: entry.secondsPerPage)
        taken += 1
        changes += 1
        return older
    }

    /// The window with the most pages left after the page on its way, and where to cut it.
    private func largest(isKnown: Bool) -> (id: Int64, cut: Int64, pagesLeft: Double)? {
        var found: (id: Int64, cut: Int64, pagesLeft: Double)?
        let share = isKnown ? shareOfEach : 0
        // What was never looked into is taken for as dense as its neighbour only to get going.
        let isStarting = pace.pages < 2 * pace.requestsInFlight
        for (id, entry) in entries where !entry.isBeingCut {
            let rest = isKnown ? restByDensity(of: entry, share) : Self.restByPages(of: entry, isStarting: isStarting)
            guard let rest, rest.pagesLeft > found?.pagesLeft ?? 0 else { continue }
            found = (id, rest.cut, rest.pagesLeft)
        }
        return found
    }

    /// How many pages each window would have if as many as there are to be requests on their way ended at once. Each
    /// window ends with a page that is not full: halves of halves would be more windows, which end one after the other
    /// and are followed by others.
    private var shareOfEach: Double {
        guard let density else { return 0 }
        let pages = entries.values.reduce(0) { sum, entry in
            sum + 1 + max(0, density.pagesLeft(entry.window.window, belowCursor: Self.reached(entry)))
        }
        // Without the page that is on its way.
        return pages / Double(pace.requestsInFlight) - 1
    }

    private static func reached(_ entry: Entry) -> Int64 { entry.window.cursorSeconds ?? entry.window.window.toSeconds }

    /// From where local rows say that the objects lie.
    private func restByDensity(of entry: Entry, _ share: Double) -> (cut: Int64, pagesLeft: Double)? {
        guard
            let (cut, left) = density?.cut(entry.window.window, belowCursor: Self.reached(entry), share: share)
        else { return nil }
        return (cut, left)
    }

    /// From what its last pages covered.
    private static func restByPages(of entry: Entry, isStarting: Bool) -> (cut: Int64, pagesLeft: Double)? {
        guard isStarting || (entry.hasPages && entry.cuts < cutsPerPageMax) else { return nil }
        guard let seconds = entry.secondsPerPage else { return nil }
        return rest(of: entry.window, secondsPerPage: seconds)
    }

    private func changed() {
        changes += 1
        guard taken < pace.requestsInFlight || entries.isEmpty || isStopped || !isDensityAsked else { return }
        dispatcher?.resume()
        dispatcher = nil
    }
}
