import Credits
import PostgreSQL
import Reconciliation
import Store
import Stripe

// The invoice of an order, step by step. Every step looks at what is there, so that it can be repeated.
extension CreditOrdering {
    /// Keys that one step may use up: Stripe keeps a 500 for a key and gives it again.
    private static let keysMax = 4
    /// Changes from a draft to an invoice that can be paid, with repetitions.
    private static let stepsMax = 12
    /// Pages of a customer's invoices that are looked through for one of an order.
    private static let pagesMax = 200

    /// Leads an order to the invoice that the customer pays.
    func invoice(_ orderID: Int64, isNew: Bool, on connection: Connection) async throws -> PlacedOrder {
        guard var row = try await row(orderID, on: connection) else { throw OrderingError.noOrder(orderID) }
        if row.order.state != .open { return row.placed }
        var invoice: Invoice
        if let id = row.order.invoiceID {
            do {
                invoice = try await client.invoice(id).value
            } catch {
                guard error.kind == .notFound else { throw error }
                // A draft that was taken away: the order goes with it.
                return try await cancelRow(row, on: connection)
            }
        } else {
            do {
                invoice = try await draft(of: row, isNew: isNew)
            } catch let error as StripeError where error.isFinalRefusal {
                // There is no invoice and there will be none: a row that waits for one would be a difference for ever.
                _ = try await cancelRow(row, on: connection)
                throw error
            }
            try await checkpoint(.draft)
            try await apply(.link(invoiceID: invoice.id), to: row.order, on: connection)
            row.order.invoiceID = invoice.id
            try await checkpoint(.linked)
        }
        // Noted before it can be paid: whether Stripe has mailed it cannot be read from the invoice.
        try await InvoiceMails.expect(
            invoice.id, account: client.account.name, idempotencyKey: row.key("send", 0), on: connection)
        invoice = try await finish(invoice, row)
        return try await settle(invoice, row, on: connection)
    }

    /// Writes down what the invoice has become.
    private func settle(_ invoice: Invoice, _ row: PlacedRow, on connection: Connection) async throws -> PlacedOrder {
        if let url = invoice.hostedInvoiceURL { try await store(url, ofOrder: row.order.rowID, on: connection) }
        try await checkpoint(.stored)
        try await mail(invoice, on: connection)
        if invoice.status != .open {
            let outcome = try await apply(invoice, on: connection)
            if case .review(_, let reason) = outcome {
                throw OrderingError.unexpected(orderID: row.order.rowID, reason: reason)
            }
        }
        guard let now = try await self.row(row.order.rowID, on: connection) else {
            throw OrderingError.noOrder(row.order.rowID)
        }
        return now.placed
    }

    private func cancelRow(_ row: PlacedRow, on connection: Connection) async throws -> PlacedOrder {
        try await apply(.cancel(atSeconds: nil), to: row.order, on: connection)
        guard let now = try await self.row(row.order.rowID, on: connection) else {
            throw OrderingError.noOrder(row.order.rowID)
        }
        return now.placed
    }

    /// The draft of an order: the one that is there, or a new one.
    private func draft(of row: PlacedRow, isNew: Bool) async throws -> Invoice {
        guard let customer = row.order.customer else {
            throw OrderingError.noCustomer(agencyID: row.order.agencyID, account: client.account.name)
        }
        // A key is forgotten after a day, and one that answered 500 makes no more drafts: what is there decides.
        if !isNew, let found = try await existing(row, customer: customer) { return found }
        let draft = InvoiceDraft(
            customer: customer, currency: row.order.currency, description: Self.words(row.order),
            metadata: [
                ("order_id", String(row.order.rowID)), ("agency_id", String(row.order.agencyID)),
                ("agency_member_id", row.memberID.map(String.init) ?? ""),
            ])
        var attempt = 0
        while true {
            do {
                return try await client.createInvoice(draft, idempotencyKey: row.key("draft", attempt)).value
            } catch {
                guard error.isKeptFailure else { throw error }
                if let found = try await existing(row, customer: customer) { return found }
                attempt += 1
                guard attempt < Self.keysMax else { throw error }
            }
        }
    }

    /// The invoice of an order that is not void or uncollectible.
    private func existing(_ row: PlacedRow, customer: String) async throws -> Invoice? {
        let live = try await invoices(naming: row.order.rowID, customer: customer).invoices.filter {
            InvoiceFacts($0).status.isLive
        }
        guard live.count <= 1 else {
            let ids = live.map(\.id).sorted().joined(separator: ", ")
            throw OrderingError.unexpected(orderID: row.order.rowID, reason: "Several invoices name it: \(ids).")
        }
        return live.first
    }

    /// The customer's invoices that name the order in their metadata, whatever has become of them. All of the
    /// customer's are listed, since a search lags.
    /// - Returns: also the id of the request that reached the end.
    func invoices(
        naming orderID: Int64, customer: String
    ) async throws -> (invoices: [Invoice], requestID: String) {
        var found: [String: Invoice] = [:]
        var query = ListQuery(filters: [("customer", customer)])
        for _ in 0..<Self.pagesMax {
            let page: Page<Invoice>
            do {
                page = try await client.invoices(query)
            } catch {
                guard error.isDeletedCursor else { throw error }
                query.startingAfter = nil
                continue
            }
            for invoice in page.objects where invoice.metadata.orderID == String(orderID) {
                found[invoice.id] = invoice
            }
            guard page.hasMore, let last = page.objects.last else { return (Array(found.values), page.requestID) }
            query.startingAfter = last.id
        }
        throw OrderingError.unexpected(
            orderID: orderID, reason: "The invoices of customer \(customer) do not come to an end.")
    }

    /// From a draft to an invoice that can be paid.
    private func finish(_ start: Invoice, _ row: PlacedRow) async throws -> Invoice {
        var invoice = start
        var used: [String: Int] = [:]
        for _ in 0..<Self.stepsMax {
            guard invoice.status == .draft else { return invoice }
            guard let amount = InvoiceFacts(invoice).amount, amount == 0 || amount == row.order.amount else {
                throw OrderingError.unexpected(
                    orderID: row.order.rowID,
                    reason: "Its draft \(invoice.id) is over \(invoice.total), the order over \(row.order.amount).")
            }
            let step = amount == row.order.amount ? OrderStep.finalized : .line
            let attempt = used[step.rawValue, default: 0]
            do {
                invoice = try await take(step, invoice, row, attempt)
                try await checkpoint(step)
            } catch let error as StripeError {
                guard error.isKeptFailure || error.kind == .invalidRequest, attempt + 1 < Self.keysMax else {
                    throw error
                }
                // What happened is read; where nothing did, the step is taken under another key.
                used[step.rawValue] = attempt + 1
                let now = try await client.invoice(invoice.id).value
                // A refusal of what is still possible is no race.
                if error.kind == .invalidRequest, now.status == .draft, now.total == invoice.total { throw error }
                invoice = now
            }
        }
        throw OrderingError.unexpected(
            orderID: row.order.rowID, reason: "Its draft \(invoice.id) cannot be finished.")
    }

    private func take(_ step: OrderStep, _ invoice: Invoice, _ row: PlacedRow, _ attempt: Int) async throws -> Invoice {
        guard step == .line else {
            return try await client.finalizeInvoice(
                invoice.id, autoAdvance: false, idempotencyKey: row.key("finalize", attempt)
            ).value
        }
        let item = InvoiceItemDraft(
            customer: invoice.customer ?? row.order.customer ?? "", amount: row.order.amount,
            currency: row.order.currency, invoice: invoice.id, description: Self.words(row.order),
            metadata: [("order_id", String(row.order.rowID))])
        _ = try await client.createInvoiceItem(item, idempotencyKey: row.key("line", attempt))
        return try await client.invoice(invoice.id).value
    }

    private static func words(_ order: OrderFacts) -> String {
        "\(Money.grouped(order.credits)) assessment \(order.credits == 1 ? "credit" : "credits"), order \(order.rowID)"
    }
}

// Taking an order back.
extension CreditOrdering {
    func cancelInvoice(_ orderID: Int64, agencyID: Int64, on connection: Connection) async throws -> PlacedOrder {
        guard var row = try await row(orderID, on: connection), row.order.agencyID == agencyID else {
            throw OrderingError.noOrder(orderID)
        }
        switch row.order.state {
        case .paid: throw OrderingError.alreadyPaid(orderID)
        case .cancelled: return row.placed
        case .open, .absent: break
        }
        if row.order.invoiceID == nil, let customer = row.order.customer,
            let found = try await existing(row, customer: customer)
        {
            try await apply(.link(invoiceID: found.id), to: row.order, on: connection)
            row.order.invoiceID = found.id
        }
        if let id = row.order.invoiceID {
            if let paid = try await takeAway(id, row) {
                let outcome = try await apply(paid, on: connection)
                if case .review(_, let reason) = outcome {
                    throw OrderingError.unexpected(orderID: orderID, reason: reason)
                }
                throw OrderingError.alreadyPaid(orderID)
            }
            try await checkpoint(.voided)
        }
        do {
            return try await cancelRow(row, on: connection)
        } catch let error as OrderingError {
            // A webhook of the void one was faster, and something else came after it.
            guard let now = try await self.row(orderID, on: connection), now.order.state == .paid else { throw error }
            throw OrderingError.alreadyPaid(orderID)
        }
    }

    /// Deletes a draft, voids what is open.
    /// - Returns: the invoice where it is paid and stays.
    private func takeAway(_ id: String, _ row: PlacedRow) async throws -> Invoice? {
        var attempt = 0
        for _ in 0..<Self.stepsMax {
            let invoice: Invoice
            do {
                invoice = try await client.invoice(id).value
            } catch {
                guard error.kind == .notFound else { throw error }
                return nil
            }
            try await checkpoint(.looked)
            do {
                switch invoice.status {
                case .paid: return invoice
                case .void: return nil
                case .draft:
                    _ = try await client.deleteDraftInvoice(id)
                    return nil
                case .open, .uncollectible:
                    _ = try await client.voidInvoice(id, idempotencyKey: row.key("void", attempt))
                case .unknown(let word):
                    throw OrderingError.unexpected(
                        orderID: row.order.rowID, reason: "Stripe gives its invoice the status “\(word)”.")
                }
            } catch let error as StripeError {
                // Paid or finalized in between, or a kept failure: what it has become is read.
                guard error.isKeptFailure || error.kind == .invalidRequest || error.kind == .notFound,
                    attempt + 1 < Self.keysMax
                else { throw error }
                attempt += 1
            }
        }
        throw OrderingError.unexpected(
            orderID: row.order.rowID, reason: "Its invoice \(id) can neither be deleted nor voided.")
    }
}

extension CreditOrdering.PlacedRow {
    fileprivate func key(_ step: String, _ attempt: Int) -> String { "\(identity)-\(step)-\(attempt)" }
}

extension StripeError {
    /// Stripe keeps a 500 for its key and answers it again for ever: only another key leads on, once it is known that
    /// the first did nothing. A gateway's 502 to 504 may come while the request still runs, and leaves that open.
    /// One of a GET is kept for nothing, and says nothing about what was done before.
    var isKeptFailure: Bool { kind == .api && status == 500 && method != "GET" }

    /// Stripe has looked at the request and made nothing, and would say the same again. A 404 that is not about the
    /// object of the path (`otherNotFound`) is none: Stripe may never have seen the request.
    package var isFinalRefusal: Bool {
        switch kind {
        case .invalidRequest, .notFound: !outcomeIsUnknown
        default: false
        }
    }
}
