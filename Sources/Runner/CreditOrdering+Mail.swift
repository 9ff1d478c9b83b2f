import PostgreSQL
import Store
import Stripe

// The mail about an order's invoice. Stripe writes and sends it, once it is asked: an invoice that does not advance by
// itself is not mailed when it is finalized (https://docs.stripe.com/api/invoices/send). A customer is mailed once:
// what an attempt without an answer has done, its key tells for a day, and after that, or where Stripe keeps a failure
// for the key, Stripe's events do (`invoice.sent`).
extension CreditOrdering {
    /// An attempt ends so long after it was noted: what is sent later could come after a look that has found nothing.
    private static let sendSecondsMax = 240
    /// Pages of events that are looked through for one of an invoice.
    private static let eventPagesMax = 1_000

    /// Has Stripe mail an open invoice, if that has not been done. The order stands whatever comes of it: what cannot
    /// be mailed now is tried again by ``mailWaiting(limit:needsPerson:)``.
    func mail(_ invoice: Invoice, on connection: Connection) async throws {
        let account = client.account.name
        guard invoice.status == .open,
            let waiting = try await InvoiceMails.waiting(invoice.id, account: account, on: connection),
            // Whoever places an order is not kept waiting by a look through Stripe's events.
            waiting.next == .send
        else { return }
        _ = try await send(waiting, on: connection)
    }

    /// Has Stripe mail what was left over: by a crash, or by a Stripe that could not be reached.
    /// - Parameters:
    ///   - limit: so many at most.
    ///   - needsPerson: told of an invoice that is not mailed by itself any more, and why.
    /// - Returns: how many were looked at.
    /// - Throws: `StripeError` where Stripe cannot be asked at all; `PostgresError`.
    @discardableResult
    public func mailWaiting(
        limit: Int = 100, needsPerson: @Sendable (_ invoiceID: String, _ reason: String) -> Void = { _, _ in }
    ) async throws -> Int {
        let account = client.account.name
        var count = 0
        while count < limit, !Task.isCancelled {
            let isDone = try await pool.withConnection { connection in
                guard let waiting = try await InvoiceMails.claim(account: account, on: connection) else { return true }
                switch try await look(waiting, on: connection) {
                case .refused(let reason), .unknown(let reason): needsPerson(waiting.invoiceID, reason)
                case .sent, .needless, nil: break
                }
                return false
            }
            if isDone { break }
            count += 1
        }
        return count
    }

    /// - Returns: how it has ended; `nil` where it still waits. The same below.
    private func look(
        _ waiting: InvoiceMails.Waiting, on connection: Connection
    ) async throws -> InvoiceMails.End? {
        let found: Invoice?
        do {
            found = try await client.invoice(waiting.invoiceID).value
        } catch {
            guard error.kind == .notFound else { throw error }
            found = nil
        }
        guard let invoice = found, invoice.status == .open || invoice.status == .draft else {
            return try await end(waiting, .needless, on: connection)
        }
        guard invoice.status == .open else {
            // Its caller may come back and finish it; if nobody does, the night takes it away.
            try await postpone(waiting, "It is a draft.", on: connection)
            return nil
        }
        switch waiting.next {
        case .send: return try await send(waiting, on: connection)
        case .wait(let seconds):
            try await postpone(waiting, nil, leastSeconds: seconds, on: connection)
            return nil
        case .look: return try await trace(waiting, invoice, on: connection)
        }
    }

    /// Finds out what came of the attempts before; where they have mailed nothing, it is tried once more.
    private func trace(
        _ waiting: InvoiceMails.Waiting, _ invoice: Invoice, on connection: Connection
    ) async throws -> InvoiceMails.End? {
        let isSent: Bool?
        do {
            isSent = try await hasBeenSent(invoice)
        } catch let error as StripeError where error.kind != .cancelled {
            guard error.kind == .permission else {
                // The others are not kept waiting.
                try await postpone(waiting, "\(error)", on: connection)
                return nil
            }
            let why = "the key of account \(client.account.name) may not read events"
            return try await end(waiting, unknown(waiting, why), on: connection)
        }
        if isSent == true { return try await end(waiting, .sent, on: connection) }
        if waiting.isOlderThanEvents {
            return try await end(
                waiting, unknown(waiting, "Stripe does not list events of that time any more"), on: connection)
        }
        guard isSent == false else {
            try await postpone(waiting, "Stripe's events do not come to an end.", on: connection)
            return nil
        }
        let account = client.account.name
        guard let renewed = try await InvoiceMails.renew(waiting, account: account, on: connection) else { return nil }
        return try await send(renewed, on: connection)
    }

    /// Whether Stripe has mailed an open invoice, which makes an event each time.
    /// - Returns: `nil` where the events could not be read to their end.
    /// - Throws: `StripeError`.
    private func hasBeenSent(_ invoice: Invoice) async throws -> Bool? {
        // Only what is finalized is mailed, and when that was, the clock of the events says.
        let from = invoice.finalizedSeconds ?? invoice.createdSeconds
        var query = ListQuery(createdFrom: from, filters: [("type", "invoice.sent")])
        for _ in 0..<Self.eventPagesMax {
            let page: Page<Event>
            do {
                page = try await client.events(query)
            } catch {
                guard error.isDeletedCursor else { throw error }
                query.startingAfter = nil
                continue
            }
            if page.objects.contains(where: { $0.type == "invoice.sent" && $0.objectID == invoice.id }) { return true }
            guard page.hasMore, let last = page.objects.last else { return false }
            query.startingAfter = last.id
        }
        return nil
    }

    private func send(
        _ waiting: InvoiceMails.Waiting, on connection: Connection
    ) async throws -> InvoiceMails.End? {
        let account = client.account.name
        // From before the note on: a process that stood still after it sends nothing any more when it goes on.
        let notAfter = ContinuousClock.now + .seconds(Self.sendSecondsMax)
        guard let attempt = try await InvoiceMails.begin(waiting, account: account, on: connection) else { return nil }
        do {
            _ = try await client.sendInvoice(
                attempt.invoiceID, idempotencyKey: attempt.idempotencyKey, notAfter: notAfter)
        } catch {
            guard error.isFinalRefusal else {
                try await InvoiceMails.fail(
                    attempt, account: account, error: "\(error)", error.mailFailure, on: connection)
                return nil
            }
            // Paid or taken back meanwhile, it needs no mail.
            let isOpen = try await client.invoice(attempt.invoiceID).value.status == .open
            return try await end(attempt, isOpen ? .refused(error.message) : .needless, on: connection)
        }
        try await checkpoint(.mailed)
        return try await end(attempt, .sent, on: connection)
    }

    private func end(
        _ waiting: InvoiceMails.Waiting, _ end: InvoiceMails.End, on connection: Connection
    ) async throws -> InvoiceMails.End {
        try await InvoiceMails.end(waiting.invoiceID, account: client.account.name, end, on: connection)
        return end
    }

    private func postpone(
        _ waiting: InvoiceMails.Waiting, _ error: String?, leastSeconds: Int64 = 0, on connection: Connection
    ) async throws {
        try await InvoiceMails.postpone(
            waiting.invoiceID, account: client.account.name, error: error, leastSeconds: leastSeconds, on: connection)
    }

    private func unknown(_ waiting: InvoiceMails.Waiting, _ why: String) -> InvoiceMails.End {
        .unknown(
            "Nobody knows whether Stripe has mailed it: it was asked to and did not say so, and \(why). Look in "
                + "Stripe's dashboard whether the invoice was sent. If it was not: trueup stripe invoice send "
                + "\(waiting.invoiceID) --account \(client.account.name). It is not mailed by itself any more.")
    }
}

extension StripeError {
    /// What a failed attempt to have an invoice mailed leaves open.
    fileprivate var mailFailure: InvoiceMails.Failure {
        // A key that came with another request before is of no more use than one that Stripe keeps a failure for.
        if isKeptFailure || (kind == .idempotency && status == 400) { return .kept }
        return outcomeIsUnknown ? .open : .undone
    }
}
