import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads objects one by one and puts what Stripe says now in place of what a list said before.
struct Confirmer: Sendable {
    let client: StripeClient
    let account: String
    let staged: StagingTable
    let fence: RunFence
    let pool: Pool

    /// Objects that are read at once.
    static let workers = 12
    /// Rows of one transaction.
    private static let chunk = 200

    /// Reads all these objects; one that Stripe does not know is staged as absent.
    func read(_ ids: [String]) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.chunk) {
            try Task.checkCancellation()
            let part = Array(ids[start..<min(start + Self.chunk, ids.count)])
            var rows = BinaryRows()
            for answer in try await readAll(part) {
                switch answer {
                case .invoice(let facts, let requestID):
                    StagedInvoices.append(facts, account: account, requestID: requestID, isFresh: true, to: &rows)
                case .intent(let facts, let requestID):
                    StagedIntents.append(facts, account: account, requestID: requestID, isFresh: true, to: &rows)
                case .absent(let id, let requestID) where staged.object == .invoice:
                    StagedInvoices.appendAbsent(id, account: account, requestID: requestID, to: &rows)
                case .absent(let id, let requestID):
                    StagedIntents.appendAbsent(id, account: account, requestID: requestID, to: &rows)
                }
            }
            let encoded = rows
            try await pool.withConnection {
                try await staged.replace(part, account: account, with: encoded, for: fence, on: $0)
            }
        }
    }

    /// Reads objects that local rows name, and others: each by its id, or by listing the time that it was made in,
    /// whichever takes fewer requests.
    /// - Parameter rowsBetween: how many local rows were made between one instant and the next.
    func read(_ objects: [UnreadObject], rowsBetween: ([Int64]) async throws -> [Int64]) async throws {
        // Two rows may name one object.
        let unread = Array(Dictionary(objects.map { ($0.id, $0) }) { one, _ in one }.values).sorted { $0.id < $1.id }
        let named = unread.filter { $0.rowCreatedSeconds != nil }.sorted {
            ($0.rowCreatedSeconds ?? 0, $0.id) < ($1.rowCreatedSeconds ?? 0, $1.id)
        }
        guard named.count >= Self.worthPlanning else { return try await read(unread.map(\.id)) }
        let created = named.map { $0.rowCreatedSeconds ?? 0 }
        let plan = ReadingPlan(
            createdSeconds: created, between: try await rowsBetween(created), slackSeconds: Self.slackSeconds)
        var single = unread.filter { $0.rowCreatedSeconds == nil }.map(\.id) + plan.single.map { named[$0].id }
        for span in plan.spans {
            try Task.checkCancellation()
            single += try await list(span, wanted: Set(span.wanted.map { named[$0].id }))
        }
        try await read(single)
    }

    /// Fewer are read by id without further thought.
    private static let worthPlanning = 3
    /// An order's row and its invoice are made at nearly the same time.
    private static let slackSeconds: Int64 = 600

    /// Lists a span and stages what is wanted of it.
    /// - Returns: the ids that the list did not show.
    private func list(_ span: ReadingPlan.Span, wanted: Set<String>) async throws -> [String] {
        var missing = wanted
        var query = ListQuery(
            createdFrom: span.window.fromSeconds, createdTo: span.window.toSeconds, limit: 100)
        // The estimate comes from the local side. A span that turns out to hold much more is given up.
        for _ in 0..<(span.pages * 2 + 2) where !missing.isEmpty {
            var rows = BinaryRows()
            let lastID: String?
            let hasMore: Bool
            do {
                (lastID, hasMore) = try await stage(query, &missing, &rows)
            } catch {
                // What was not seen until then is read by id.
                guard error.isDeletedCursor else { throw error }
                break
            }
            let encoded = rows
            if encoded.rowCount > 0 {
                try await pool.withConnection { try await staged.add(encoded, for: fence, on: $0) }
            }
            guard hasMore, let lastID else { break }
            query.startingAfter = lastID
        }
        return missing.sorted()
    }

    /// One page of the list that the objects are in: those that are wanted are encoded.
    private func stage(
        _ query: ListQuery, _ missing: inout Set<String>, _ rows: inout BinaryRows
    ) async throws(StripeError) -> (lastID: String?, hasMore: Bool) {
        switch staged.object {
        case .paymentIntent:
            let page = try await client.paymentIntents(query)
            for intent in page.objects where missing.remove(intent.id) != nil {
                StagedIntents.append(
                    IntentFacts(intent), account: account, requestID: page.requestID, isFresh: false, to: &rows)
            }
            return (page.objects.last?.id, page.hasMore)
        case .invoice, .event, .invoicePayment:
            let page = try await client.invoices(query)
            for invoice in page.objects where missing.remove(invoice.id) != nil {
                StagedInvoices.append(
                    InvoiceFacts(invoice), account: account, requestID: page.requestID, isFresh: true, to: &rows)
            }
            return (page.objects.last?.id, page.hasMore)
        }
    }

    private enum Answer: Sendable {
        case invoice(InvoiceFacts, requestID: String)
        case intent(IntentFacts, requestID: String)
        case absent(String, requestID: String)
    }

    private func readAll(_ ids: [String]) async throws -> [Answer] {
        try await atOnce(ids, Self.workers) { try await readOne($0) }
    }

    private func readOne(_ id: String) async throws -> Answer {
        do {
            guard staged.object == .paymentIntent else {
                let read = try await client.invoice(id)
                return .invoice(InvoiceFacts(read.value), requestID: read.requestID)
            }
            let (facts, requestID) = try await Self.intent(id, client)
            return .intent(facts, requestID: requestID)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .absent(id, requestID: error.requestID ?? "")
        }
    }

    /// An intent with all that decides over it: when its charge was made, the invoice that it pays, and, while nobody
    /// has tried to take the money, whether a Checkout session made it.
    static func intent(_ id: String, _ client: StripeClient) async throws(StripeError) -> (IntentFacts, String) {
        let read = try await client.paymentIntent(id, expandingCharge: true)
        var facts = IntentFacts(read.value)
        if client.account.hasInvoicePayments, facts.status != .canceled {
            facts.invoiceID = try await client.invoiceOfIntent(id)
        }
        if facts.wasNeverConfirmed, facts.invoiceID == nil {
            facts.hasCheckoutSession = try await client.hasCheckoutSession(ofIntent: id)
        }
        return (facts, read.requestID)
    }
}
