import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads the objects of one list whose `created` lies in the run's period into their staging table (pass a): all that
/// nobody else reads.
struct ObjectReader<Page: ListedPage>: Sendable {
    let list: RunList
    /// Requests a second that the rate limit leaves for the list.
    let allowedPerSecond: Double
    let windows: Windows
    let pool: Pool
    /// Where the pages write their payments.
    let payments: FirstPayments?
    /// Whether it waits until all windows of the list are read, whoever reads them.
    let waitsForOthers: Bool
    let progress: @Sendable (RunProgress) -> Void
    /// When local rows were made that name the list's objects: where these probably lie.
    let times: @Sendable () async throws -> RowTimes
    /// Asks for one page.
    let fetch: @Sendable (ListQuery) async throws(StripeError) -> Page

    private var account: String { list.account }
    /// A list that loses its cursor this often is not being deleted from, something else is wrong.
    private static var rewindsPerWindowMax: Int { 100 }

    /// Reads what is not read yet. Stops at the first error, after which the stored windows say what is missing.
    func read() async throws {
        let board = WindowBoard(
            list: list, windows: windows, pool: pool, pace: ReadingPace(allowedPerSecond: allowedPerSecond),
            waitsForOthers: waitsForOthers)
        try await withThrowingDiscardingTaskGroup { group in
            while let step = try await board.next() {
                group.addTask {
                    switch step {
                    case .read(let window):
                        do {
                            try await read(window, board: board)
                        } catch {
                            await board.stop()
                            throw error
                        }
                    case .lookUpDensity: try await lookUpDensity(for: board)
                    }
                }
            }
            // Everything is read: nobody needs to know any more where it lies.
            group.cancelAll()
        }
    }

    /// What the first page waits for on its way is time enough to look; a list that has ended by then needs no look.
    private static var lookAfter: Duration { .milliseconds(100) }

    private func lookUpDensity(for board: WindowBoard) async throws {
        do {
            try await Task.sleep(for: Self.lookAfter)
            await board.know(try await times())
        } catch {
            guard Task.isCancelled else {
                await board.stop()
                throw error
            }
        }
    }

    private func read(_ start: StoredWindow, board: WindowBoard) async throws {
        var window = start
        var ids = PageIDs()
        var idsBefore = PageIDs()
        var rewinds = 0
        while !window.isDone {
            try Task.checkCancellation()
            let page: Page
            do {
                page = try await fetch(query(for: window))
            } catch {
                rewinds += 1
                let isDeleted = error.isDeletedCursor && window.cursorID != nil
                guard isDeleted, rewinds <= Self.rewindsPerWindowMax else { throw error }
                let position = window
                let isOurs = try await pool.withConnection { try await windows.rewind(position, on: $0) != nil }
                guard isOurs else { return await board.lost(window) }
                window.cursorID = nil
                ids.removeAll()
                continue
            }
            swap(&ids, &idsBefore)
            guard Self.isNew(page, &ids, after: idsBefore) else {
                throw ReadingError.pageRepeats(account: account, window: window.window, requestID: page.requestID)
            }
            let position = window
            // What has arrived is kept, also by who is being stopped.
            let next = try await Task { try await commit(page, of: position, board: board) }.value
            guard let next else { return await board.lost(window) }
            window = next
        }
    }

    /// Whether no object of the page is there twice, or was in the page before.
    private static func isNew(_ page: Page, _ ids: inout PageIDs, after before: PageIDs) -> Bool {
        var isNew = true
        ids.removeAll()
        page.forEachID { id in
            isNew = isNew && !before.contains(id) && ids.insert(id)
        }
        return isNew
    }

    private func query(for window: StoredWindow) -> ListQuery {
        var to = window.window.toSeconds
        // After a rewind the rest of the window is listed by `created`, with the cursor's own second.
        if window.cursorID == nil, let second = window.cursorSeconds { to = second + 1 }
        return ListQuery(
            createdFrom: window.window.fromSeconds, createdTo: to, startingAfter: window.cursorID, limit: 100)
    }

    /// - Returns: the window with its cursor moved; `nil` when somebody else has it.
    private func commit(_ page: Page, of start: StoredWindow, board: WindowBoard) async throws -> StoredWindow? {
        var window = start
        while true {
            let part = page.part(
                fromSeconds: window.window.fromSeconds, account: account, payments: payments?.ofPage)
            var next = window
            next.cursorID = part.lastID ?? window.cursorID
            next.cursorSeconds = part.lastSeconds ?? window.cursorSeconds
            next.isDone = !page.hasMore || part.count < page.count
            let step = Windows.Progress(
                cursorID: next.cursorID, cursorSeconds: next.cursorSeconds, isDone: next.isDone, objects: part.count)
            if try await commit(part, step, to: window) {
                await board.advanced(next, objects: part.count, transferMicroseconds: page.transferMicroseconds)
                progress(.page(list, objects: part.count))
                return await board.current(window.id) ?? next
            }
            // The older half was given away while the page was on its way. The database knows it first: the board hears
            // of it after the transaction.
            let position = window
            guard let now = try await pool.withConnection({ try await windows.look(at: position, on: $0) }) else {
                return nil
            }
            if now.window.fromSeconds > window.window.fromSeconds {
                window.window = now.window
            } else if part.payments != nil {
                payments?.giveUp()
            } else {
                throw ReadingError.lostWindow(account: account, window: window.window)
            }
        }
    }

    private func commit(_ part: StagedPart, _ step: Windows.Progress, to window: StoredWindow) async throws -> Bool {
        do {
            return try await pool.withConnection {
                try await windows.commit(
                    part.rows, payments: part.payments?.rows ?? BinaryRows(), step, to: window, on: $0)
            }
        } catch let error as PostgresError where part.payments != nil && error.isKnownPayment {
            return false
        }
    }
}

/// What is wrong with a list beyond what one answer shows.
enum ReadingError: Error, CustomStringConvertible {
    case pageRepeats(account: String, window: Window, requestID: String)
    case lostWindow(account: String, window: Window)
    case endlessReversals(account: String, what: String)
    /// A fresh read shows an object that the list of its time has not shown.
    case leftOut(RunList, id: String, createdSeconds: Int64, listed: Window, requestID: String)

    var description: String {
        switch self {
        case .pageRepeats(let account, let window, let request):
            "\(account): the list of objects created in \(window) gives the same object twice (request \(request)); "
                + "nothing of it can be called complete. Run again; if it stays, ask Stripe with this request."
        case .endlessReversals(let account, let what):
            "\(account): the list of \(what) does not end. Run again; if it stays, ask Stripe."
        case .leftOut(let list, let id, let created, let listed, let request):
            "\(list.account): the list of \(list.object.plural) created in \(listed) was read to its end without "
                + "\(id), which was created at \(created) and is there when it is asked for (request \(request)): what "
                + "else was left out nobody knows, so nothing of the list can be called complete. Run again; if it "
                + "stays, ask Stripe with this request."
        case .lostWindow(let account, let window):
            "\(account): another process works on window \(window) of this run. Wait for it to end, then run again."
        }
    }
}
