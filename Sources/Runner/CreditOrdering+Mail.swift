import PostgreSQL
import Store
import Stripe

// The mail about an order's invoice. Stripe writes and sends it, once it is asked: an invoice that does not advance by
// itself is not mailed when it is finalized (https://docs.stripe.com/api/invoices/send).
extension CreditOrdering {
    /// Has Stripe mail an open invoice, if that has not been done. The order stands whatever comes of it: what cannot
    /// be mailed now is tried again by ``mailWaiting(limit:)``.
    func mail(_ invoice: Invoice, on connection: Connection) async throws {
        let account = client.account.name
        guard invoice.status == .open,
            let waiting = try await InvoiceMails.waiting(invoice.id, account: account, on: connection)
        else { return }
        try await send(waiting, on: connection)
    }

    /// Has Stripe mail what was left over: by a crash, or by a Stripe that could not be reached.
    /// - Parameter limit: so many at most.
    /// - Returns: how many were looked at.
    /// - Throws: `StripeError` where Stripe cannot be asked at all; `PostgresError`.
    @discardableResult
    public func mailWaiting(limit: Int = 100) async throws -> Int {
        let account = client.account.name
        var count = 0
        while count < limit, !Task.isCancelled {
            let isDone = try await pool.withConnection { connection in
                guard let waiting = try await InvoiceMails.claim(account: account, on: connection) else { return true }
                try await look(waiting, on: connection)
                return false
            }
            if isDone { break }
            count += 1
        }
        return count
    }

    private func look(_ waiting: InvoiceMails.Waiting, on connection: Connection) async throws {
        let account = client.account.name
        let status: InvoiceStatus?
        do {
            status = try await client.invoice(waiting.invoiceID).value.status
        } catch {
            guard error.kind == .notFound else { throw error }
            status = nil
        }
        switch status {
        case .open: try await send(waiting, on: connection)
        case .draft:
            // Its caller may come back and finish it; if nobody does, the night takes it away.
            try await InvoiceMails.postpone(
                waiting.invoiceID, account: account, error: "It is a draft.", newKey: false, on: connection)
        default: try await InvoiceMails.end(waiting.invoiceID, account: account, .needless, on: connection)
        }
    }

    private func send(_ waiting: InvoiceMails.Waiting, on connection: Connection) async throws {
        let account = client.account.name
        do {
            _ = try await client.sendInvoice(waiting.invoiceID, idempotencyKey: waiting.idempotencyKey)
        } catch {
            guard error.isFinalRefusal else {
                return try await InvoiceMails.postpone(
                    waiting.invoiceID, account: account, error: "\(error)", newKey: error.isKeptFailure,
                    on: connection)
            }
            // Paid or taken back meanwhile, it needs no mail.
            let isOpen = try await client.invoice(waiting.invoiceID).value.status == .open
            return try await InvoiceMails.end(
                waiting.invoiceID, account: account, isOpen ? .refused(error.message) : .needless, on: connection)
        }
        try await checkpoint(.mailed)
        try await InvoiceMails.end(waiting.invoiceID, account: account, .sent, on: connection)
    }
}
