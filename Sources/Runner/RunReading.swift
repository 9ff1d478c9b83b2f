import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads the lists of a run, and proves that they are complete.
struct RunReading: Sendable {
    let run: Run
    let clients: [String: StripeClient]
    let pool: Pool
    /// The types of the events that are listed, by account.
    var eventTypes: [String: Set<String>] = [:]
    /// Only invoices of this status are listed. Right only where one that leaves the status is not wanted any more.
    var invoiceStatus: String?
    let progress: @Sendable (RunProgress) -> Void

    /// Reads every list, side by side.
    /// - Returns: what keeps the run from being complete.
    func read(_ lists: [RunList: Window]) async throws -> [String] {
        let problems = try await withThrowingTaskGroup(of: [String].self) { group in
            for list in lists.keys { group.addTask { try await read(list) } }
            var all: [String] = []
            for try await problems in group { all += problems }
            return all
        }
        guard problems.isEmpty else { return problems.sorted() }
        return try await checkComplete(lists)
    }

    private func read(_ list: RunList) async throws -> [String] {
        guard let client = clients[list.account] else { throw RunError.noAccount(list.account) }
        do {
            switch list.object {
            case .invoice:
                try await reader(list, client) { query throws(StripeError) in
                    var query = query
                    if let status = invoiceStatus { query.filters = [("status", status)] }
                    return try await client.invoicePage(query)
                }.read()
            case .paymentIntent:
                try await reader(list, client) { query throws(StripeError) in try await client.intentPage(query) }
                    .read()
            case .event: try await readEvents(list, client)
            case .invoicePayment: try await readInvoicePayments(list, client)
            }
            progress(.read(list))
            return []
        } catch let error as StripeError where error.kind != .cancelled {
            return ["\(error)"]
        } catch let error as ReadingError {
            return ["\(error)"]
        }
    }

    private func readEvents(_ list: RunList, _ client: StripeClient) async throws {
        let types = (eventTypes[list.account] ?? []).sorted()
        try await reader(list, client) { query throws(StripeError) in
            var query = query
            query.filters = types.map { ("types[]", $0) }
            return PlainPage(
                page: try await client.events(query), id: \.id, createdSeconds: \.createdSeconds
            ) { event, rows in
                StagedEvents.append(
                    id: event.id, type: event.type, createdSeconds: event.createdSeconds,
                    objectID: event.objectID ?? "", account: list.account, to: &rows)
            }
        }.read()
    }

    private func readInvoicePayments(_ list: RunList, _ client: StripeClient) async throws {
        try await reader(list, client) { query throws(StripeError) in
            PlainPage(
                page: try await client.invoicePayments(query), id: \.id, createdSeconds: \.createdSeconds
            ) { payment, rows in
                StagedInvoicePayments.append(
                    id: payment.id, createdSeconds: payment.createdSeconds, invoiceID: payment.invoice,
                    paymentIntent: payment.paymentIntent, account: list.account, to: &rows)
            }
        }.read()
    }

    private func reader<Page: ListedPage>(
        _ list: RunList, _ client: StripeClient,
        _ fetch: @escaping @Sendable (ListQuery) async throws(StripeError) -> Page
    ) -> ObjectReader<Page> {
        let rate = client.account.rate
        return ObjectReader(
            list: list, allowedPerSecond: min(rate.perSecond, rate.perEndpoint) * rate.share, runID: run.id, pool: pool,
            progress: progress, fetch: fetch)
    }

    /// The proof of completeness: the windows cover each period without gap or overlap, every one is read to its end,
    /// and every object was staged exactly once.
    private func checkComplete(_ lists: [RunList: Window]) async throws -> [String] {
        try await pool.withConnection { connection in
            let windows = Windows(runID: run.id)
            let all = try await windows.all(on: connection)
            var problems = lists.sorted { "\($0.key)" < "\($1.key)" }.flatMap { list, period in
                Windows.gaps(in: all, list: list, period: period)
            }
            for object in Set(lists.keys.map(\.object)) {
                let staged = StagingTable(object, runID: run.id)
                let count = try await staged.count(on: connection)
                let counted = try await windows.objectCount(object, on: connection)
                if count.rows != count.distinct {
                    problems.append("\(count.rows - count.distinct) \(object.plural) were read twice")
                }
                // After a fresh read of a resumed run the staged rows are not those of the pages any more.
                if count.fresh == 0, count.rows != counted {
                    problems.append("\(counted) \(object.plural) were listed, \(count.rows) are staged")
                }
                try await staged.analyze(on: connection)
            }
            return problems
        }
    }
}
