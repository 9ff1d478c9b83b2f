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
    let progress: @Sendable (RunProgress) -> Void

    private var windows: Windows { Windows(runID: runID) }
    /// A list that loses its cursor this often is not being deleted from, something else is wrong.
    private static let rewindsPerWindowMax = 100

    /// Reads what is not read yet. Stops at the first error, after which the stored windows say what is missing.
    func read() async throws {
        let stored = try await pool.withConnection { try await windows.all(on: $0) }
        let rate = client.account.rate
        let board = WindowBoard(
            windows: windows, pool: pool, stored: stored.filter { $0.account == account },
            pace: ReadingPace(allowedPerSecond: min(rate.perSecond, rate.perEndpoint) * rate.share))
        try await withThrowingDiscardingTaskGroup { group in
            while let window = try await board.next() {
                group.addTask {
                    do {
                        try await read(window, board: board)
                    } catch {
                        await board.stop()
                        throw error
                    }
                }
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
            let page: RawInvoicePage
            do {
                page = try await client.invoicePage(query(for: window))
            } catch {
                rewinds += 1
                let isDeleted = error.isDeletedCursor && window.cursorID != nil
                guard isDeleted, rewinds <= Self.rewindsPerWindowMax else { throw error }
                let position = window
                _ = try await pool.withConnection { try await windows.rewind(position, on: $0) }
                window.cursorID = nil
                ids.removeAll()
                continue
            }
            swap(&ids, &idsBefore)
            guard Self.isNew(page, &ids, after: idsBefore) else {
                throw ReadingError.pageRepeats(account: account, window: window.window, requestID: page.requestID)
            }
            guard page.count > 0 || !page.hasMore else {
                throw ReadingError.endlessList(account: account, window: window.window, requestID: page.requestID)
            }
            window = try await commit(page, of: window, board: board)
        }
    }

    /// Whether no object of the page is there twice, or was in the page before.
    private static func isNew(_ page: RawInvoicePage, _ ids: inout PageIDs, after before: PageIDs) -> Bool {
        var isNew = true
        ids.removeAll()
        page.forEach { invoice in
            isNew = isNew && !before.contains(invoice.id) && ids.insert(invoice.id)
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

    private func commit(_ page: RawInvoicePage, of start: StoredWindow, board: WindowBoard) async throws -> StoredWindow
    {
        var window = start
        while true {
            let part = StagedPart(page, fromSeconds: window.window.fromSeconds, account: account)
            var next = window
            next.cursorID = part.lastID ?? window.cursorID
            next.cursorSeconds = part.lastSeconds ?? window.cursorSeconds
            next.isDone = !page.hasMore || part.count < page.count
            let step = Windows.Progress(
                cursorID: next.cursorID, cursorSeconds: next.cursorSeconds, isDone: next.isDone, objects: part.count)
            let (rows, position) = (part.rows, window)
            if try await pool.withConnection({ try await windows.commit(rows, step, to: position, on: $0) }) {
                await board.advanced(next, objects: part.count, transferMicroseconds: page.transferMicroseconds)
                progress(.page(account: account, objects: part.count))
                return await board.current(window.id) ?? next
            }
            // The older half was given away while the page was on its way. The database knows it first: the board hears
            // of it after the transaction.
            let stored = try await pool.withConnection { try await windows.window(id: position.id, on: $0) }
            guard let now = stored, !now.isDone, now.window.fromSeconds > window.window.fromSeconds else {
                throw ReadingError.lostWindow(account: account, window: window.window)
            }
            window.window = now.window
        }
    }
}

/// The part of a page that lies in its window, ready to be staged: the page is newest first, so it is its beginning.
private struct StagedPart {
    private(set) var rows: BinaryRows
    private(set) var count = 0
    private(set) var lastID: String?
    private(set) var lastSeconds: Int64?

    /// About what a row takes.
    private static let rowBytes = 320

    init(_ page: RawInvoicePage, fromSeconds: Int64, account: String) {
        var rows = BinaryRows(reservingBytes: page.count * Self.rowBytes)
        var count = 0
        let accountBytes = Array(account.utf8)
        let requestBytes = Array(page.requestID.utf8)
        var lastSeconds: Int64?
        accountBytes.withUnsafeBytes { account in
            requestBytes.withUnsafeBytes { request in
                page.forEach { invoice in
                    if invoice.createdSeconds < fromSeconds { return }
                    StagedInvoices.append(StagedBytes(invoice), account: account, requestID: request, to: &rows)
                    count += 1
                    lastSeconds = invoice.createdSeconds
                }
            }
        }
        (self.rows, self.count, self.lastSeconds) = (rows, count, lastSeconds)
        lastID = count > 0 ? page.id(at: count - 1) : nil
    }
}

extension StagedBytes {
    /// The compared part of a listed invoice; valid as long as the invoice is.
    fileprivate init(_ invoice: borrowing RawInvoice) {
        self.init(
            id: invoice.id, status: invoice.status, currency: invoice.currency, customer: invoice.customer,
            orderID: invoice.metadataOrderID, agencyID: invoice.metadataAgencyID,
            createdSeconds: invoice.createdSeconds, total: invoice.total,
            prePaymentCredit: invoice.prePaymentCreditNotesAmount,
            postPaymentCredit: invoice.postPaymentCreditNotesAmount, dueSeconds: invoice.dueDateSeconds,
            paidAtSeconds: invoice.paidSeconds, voidedAtSeconds: invoice.voidedSeconds,
            // Where Stripe does not say, a draft is taken for one that Stripe finalizes: it is then never stale.
            autoAdvance: invoice.autoAdvance ?? true, isSubscription: invoice.subscription != nil)
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
