import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads all invoices of one account whose `created` lies in the run's period into the staging table (pass a).
struct InvoiceReader: Sendable {
    let client: StripeClient
    let account: String
    let runID: Int64
    let pool: Pool
    let workers: Int
    let progress: @Sendable (RunProgress) -> Void

    private var windows: Windows { Windows(runID: runID) }
    /// A list that loses its cursor this often is not being deleted from, something else is wrong.
    private static let rewindsPerWindowMax = 100

    /// Reads what is not read yet. Stops at the first error, after which the stored windows say what is missing.
    func read() async throws {
        let stored = try await pool.withConnection { try await windows.all(on: $0) }
        let board = WindowBoard(windows: windows, pool: pool, stored: stored.filter { $0.account == account })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<workers {
                group.addTask {
                    do {
                        while let window = try await board.next() {
                            try Task.checkCancellation()
                            try await read(window, board: board)
                        }
                    } catch {
                        await board.stop()
                        throw error
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func read(_ start: StoredWindow, board: WindowBoard) async throws {
        var window = start
        var lastPage: Set<String> = []
        var rewinds = 0
        while !window.isDone {
            try Task.checkCancellation()
            let page: Page<Invoice>
            do {
                page = try await client.invoices(query(for: window))
            } catch {
                rewinds += 1
                let isDeleted = error.isDeletedCursor && window.cursorID != nil
                guard isDeleted, rewinds <= Self.rewindsPerWindowMax else { throw error }
                let position = window
                _ = try await pool.withConnection { try await windows.rewind(position, on: $0) }
                window.cursorID = nil
                lastPage = []
                continue
            }
            let ids = Set(page.objects.map(\.id))
            guard ids.count == page.objects.count, lastPage.isDisjoint(with: ids) else {
                throw ReadingError.pageRepeats(account: account, window: window.window, requestID: page.requestID)
            }
            guard !page.objects.isEmpty || !page.hasMore else {
                throw ReadingError.endlessList(account: account, window: window.window, requestID: page.requestID)
            }
            lastPage = ids
            window = try await commit(page, of: window, board: board)
        }
    }

    private func query(for window: StoredWindow) -> ListQuery {
        var to = window.window.toSeconds
        // After a rewind the rest of the window is listed by `created`, with the cursor's own second.
        if window.cursorID == nil, let second = window.cursorSeconds { to = second + 1 }
        return ListQuery(
            createdFrom: window.window.fromSeconds, createdTo: to, startingAfter: window.cursorID, limit: 100)
    }

    private func commit(_ page: Page<Invoice>, of start: StoredWindow, board: WindowBoard) async throws -> StoredWindow
    {
        var window = start
        while true {
            let kept = page.objects.filter { $0.createdSeconds >= window.window.fromSeconds }
            var rows = BinaryRows()
            for invoice in kept {
                StagedInvoices.append(
                    InvoiceFacts(invoice), account: account, requestID: page.requestID, isFresh: false, to: &rows)
            }
            var next = window
            next.cursorID = kept.last?.id ?? window.cursorID
            next.cursorSeconds = kept.last?.createdSeconds ?? window.cursorSeconds
            next.isDone = !page.hasMore || kept.count < page.objects.count
            let step = Windows.Progress(
                cursorID: next.cursorID, cursorSeconds: next.cursorSeconds, isDone: next.isDone, objects: kept.count)
            let (encoded, position) = (rows, window)
            if try await pool.withConnection({ try await windows.commit(encoded, step, to: position, on: $0) }) {
                await board.advanced(next, objects: kept.count)
                progress(.page(account: account, objects: kept.count))
                return await board.current(window.id) ?? next
            }
            // The older half was given away while the page was on its way. The database knows it first: the worker
            // that took it tells the board only after its transaction.
            let stored = try await pool.withConnection { try await windows.window(id: position.id, on: $0) }
            guard let now = stored, !now.isDone, now.window.fromSeconds > window.window.fromSeconds else {
                throw ReadingError.lostWindow(account: account, window: window.window)
            }
            window.window = now.window
        }
    }
}

/// What is wrong with a list beyond what one answer shows.
enum ReadingError: Error, CustomStringConvertible {
    case pageRepeats(account: String, window: Window, requestID: String)
    case endlessList(account: String, window: Window, requestID: String)
    case lostWindow(account: String, window: Window)

    var description: String {
        switch self {
        case .pageRepeats(let account, let window, let request):
            "\(account): the list of objects created in \(window) gives the same object twice (request \(request)); "
                + "nothing of it can be called complete. Run again; if it stays, ask Stripe with this request."
        case .endlessList(let account, let window, let request):
            "\(account): the list of objects created in \(window) says that there is more and gives nothing (request "
                + "\(request)). Run again; if it stays, ask Stripe with this request."
        case .lostWindow(let account, let window):
            "\(account): another process works on window \(window) of this run. Wait for it to end, then run again."
        }
    }
}

extension InvoiceFacts {
    /// The compared part of a Stripe invoice.
    init(_ invoice: Invoice) {
        self.init(
            id: invoice.id, status: Reconciliation.InvoiceStatus(invoice.status.text),
            createdSeconds: invoice.createdSeconds, currency: invoice.currency.lowercased(), total: invoice.total,
            prePaymentCredit: invoice.prePaymentCreditNotesAmount,
            postPaymentCredit: invoice.postPaymentCreditNotesAmount, customer: invoice.customer,
            dueSeconds: invoice.dueDateSeconds,
            // Where Stripe does not say, a draft is taken for one that Stripe finalizes: it is then never stale.
            autoAdvance: invoice.autoAdvance ?? true, isSubscription: invoice.subscription != nil,
            orderID: invoice.metadata.orderID, agencyID: invoice.metadata.agencyID, paidAtSeconds: invoice.paidSeconds,
            voidedAtSeconds: invoice.voidedSeconds)
    }
}
