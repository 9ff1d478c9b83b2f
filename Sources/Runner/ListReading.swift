import PostgreSQL
import Store
import Stripe

/// Reads what is left of one list of a run, by the process that owns the run or by one that helps.
struct ListReading: Sendable {
    let list: RunList
    let request: ListRequest
    let client: StripeClient
    let windows: Windows
    let pool: Pool
    /// Whether it waits until all windows are read, whoever reads them; who helps goes when nothing is left to take.
    let waitsForOthers: Bool
    /// When local rows were made that name the list's objects; nobody knows for who helps.
    var times: @Sendable () async throws -> RowTimes = { .none }
    let progress: @Sendable (RunProgress) -> Void

    /// - Throws: `StripeError` and ``ReadingError``, after which the stored windows say what is missing; `RunLost`.
    func read() async throws {
        let filters = request.filters.map { ($0.name, $0.value) }
        switch list.object {
        case .invoice:
            try await read { query throws(StripeError) in
                var query = query
                query.filters = filters
                return try await client.invoicePage(query)
            }
        case .paymentIntent:
            try await read { query throws(StripeError) in
                var query = query
                query.filters = filters
                return try await client.intentPage(query)
            }
        case .event: try await readEvents(filters)
        case .invoicePayment: try await readInvoicePayments(filters)
        }
    }

    private func readEvents(_ filters: [(String, String)]) async throws {
        try await read { query throws(StripeError) in
            var query = query
            query.filters = filters
            return PlainPage(
                page: try await client.events(query), id: \.id, createdSeconds: \.createdSeconds
            ) { event, rows in
                StagedEvents.append(
                    id: event.id, type: event.type, createdSeconds: event.createdSeconds,
                    objectID: event.objectID ?? "", objectCreatedSeconds: event.objectCreatedSeconds,
                    account: list.account, to: &rows)
            }
        }
    }

    private func readInvoicePayments(_ filters: [(String, String)]) async throws {
        try await read { query throws(StripeError) in
            var query = query
            query.filters = filters
            return PlainPage(
                page: try await client.invoicePayments(query), id: \.id, createdSeconds: \.createdSeconds
            ) { payment, rows in
                StagedInvoicePayments.append(
                    id: payment.id, createdSeconds: payment.createdSeconds, invoiceID: payment.invoice,
                    paymentIntent: payment.paymentIntent, account: list.account, to: &rows)
            }
        }
    }

    private func read<Page: ListedPage>(
        _ fetch: @escaping @Sendable (ListQuery) async throws(StripeError) -> Page
    ) async throws {
        let rate = client.account.rate
        try await ObjectReader(
            list: list, allowedPerSecond: min(rate.perSecond, rate.perEndpoint) * rate.share, windows: windows,
            pool: pool, payments: request.writesPayments ? FirstPayments(runID: windows.fence.runID) : nil,
            waitsForOthers: waitsForOthers, progress: progress, times: times, fetch: fetch
        ).read()
    }
}
