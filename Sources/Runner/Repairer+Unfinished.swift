import Credits
import PostgreSQL
import Reconciliation
import Store
import Stripe

// Orders that were placed here, got no invoice, and that nobody has asked for again.
extension Repairer {
    /// Cancels the row, or links the invoice that Stripe turns out to have. Meanwhile nobody places it: the order's
    /// turn is held from before Stripe is asked until the row is written, so that a caller who comes back either
    /// finishes the order first or finds it cancelled.
    func letGo(_ task: Task) async throws -> Outcome {
        guard case .orders(let table) = subject.side, let key = task.pair.rowKey else {
            return Outcome(moved: ["\(task.what): it is no order"])
        }
        // Not of the pool: all of its connections may be with repairs that wait for one.
        let connection = try await Connection.open(pool.target, applicationName: "trueup order")
        let outcome: Outcome?
        do {
            outcome = try await RowTurn.holdIfFree(.order, key, on: connection) {
                try await letGo(task, key, table, on: connection)
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        return outcome ?? Outcome(moved: ["\(task.what): it is being placed or cancelled right now"])
    }

    private func letGo(
        _ start: Task, _ key: Int64, _ table: OrderTable, on connection: Connection
    ) async throws -> Outcome {
        var task = start
        let effects = CreditEffects(table: table)
        let found: OrderFacts? = try await connection.transaction {
            try await effects.orderWithCustomer(key, on: $0)
        }
        guard let now = found else { return Outcome(moved: ["\(task.what): it is gone"]) }
        guard now.invoiceID == nil, now.state == .open else {
            return try await left(
                task, task.what, unlessByRun: "\(task.what): somebody has gone on with it by now")
        }
        guard case .order(var pair) = task.pair else { return Outcome(moved: ["\(task.what): it is no order"]) }
        // The agency's customer may have been changed since the order was placed.
        let customers = Set([now.customer, pair.order?.customer].compactMap { $0 }).filter { !$0.isEmpty }
        guard !customers.isEmpty else {
            return Outcome(
                moved: ["\(task.what): its agency has no customer at Stripe, who could be asked for its invoice"])
        }
        var named: [String: Invoice] = [:]
        do {
            let ordering = CreditOrdering(table: table, client: client, pool: pool)
            for customer in customers.sorted() {
                let answer = try await ordering.invoices(naming: key, customer: customer)
                for invoice in answer.invoices { named[invoice.id] = invoice }
                task.judged.found.requestID = answer.requestID
            }
        } catch let error as OrderingError {
            return Outcome(failures: ["finding F-\(task.findingID), \(task.what): \(error.advice)"])
        }
        guard named.count <= 1 else {
            let ids = named.keys.sorted().joined(separator: ", ")
            return Outcome(moved: ["\(task.what): several invoices name it: \(ids)"])
        }
        guard let invoice = named.values.first else { return try await settle(task, .order(.cancel(atSeconds: nil))) }
        pair.stripe = InvoiceFacts(invoice)
        pair.link = .metadata
        task.judged.found.pair = .order(pair)
        task.remedy.link(orderTo: invoice.id)
        return try await settle(task, .order(.link(invoiceID: invoice.id)))
    }
}
