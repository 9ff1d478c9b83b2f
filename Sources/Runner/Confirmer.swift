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

    /// Reads objects that local rows name, and others: each by its id, or by a page of the list that holds several of
    /// them, whichever takes fewer requests.
    /// - Parameters:
    ///   - requestsMax: what would take more requests than this is left.
    ///   - places: where the rows of objects lie among all rows, and the object so many places above each.
    /// - Returns: the ids that were read, and about how many requests that took.
    func read(
        _ objects: [UnreadObject], requestsMax: Int,
        places: (_ ids: [String], _ above: Int) async throws -> [RowPlace]
    ) async throws -> (ids: Set<String>, requests: Int) {
        var ids = Set(objects.map(\.id))
        let named = Set(objects.filter(\.isOfRow).map(\.id))
        var (listed, pages): (Set<String>, Int) = ([], 0)
        if named.count >= Self.worthPlanning {
            let rows = try await places(named.sorted(), ReadingPlan.margin)
            let wanted = Array(ReadingPlan(places: rows.map(\.place)).pages.prefix(requestsMax))
            let unseen = try await atOnce(wanted, Self.workers) { wanted in
                try await list(Set(rows[wanted].map(\.id)), after: rows[wanted.lowerBound].newerID)
            }
            listed = Set(wanted.flatMap { rows[$0].map(\.id) }).subtracting(unseen.joined())
            pages = wanted.count
        }
        ids.subtract(listed)
        let single = ids.sorted().prefix(max(0, requestsMax - pages))
        try await read(Array(single))
        return (listed.union(single), pages + single.count)
    }

    /// Fewer are read by id without further thought.
    private static let worthPlanning = 3

    /// Reads pages of the list, as long as each shows more than reading by id would, and stages what is wanted.
    /// - Parameter id: the object behind which the first page begins; `nil`: at the newest.
    /// - Returns: the ids that no page showed.
    private func list(_ wanted: Set<String>, after id: String?) async throws -> Set<String> {
        var missing = wanted
        var query = ListQuery(limit: ReadingPlan.perPage)
        query.startingAfter = id
        while missing.count > 1 {
            let before = missing.count
            var rows = BinaryRows()
            let lastID: String?
            let hasMore: Bool
            do {
                (lastID, hasMore) = try await stage(query, &missing, &rows)
            } catch {
                // The object that it should begin behind is none of this account, or was deleted.
                guard error.isDeletedCursor else { throw error }
                break
            }
            let encoded = rows
            if encoded.rowCount > 0 {
                try await pool.withConnection { try await staged.add(encoded, for: fence, on: $0) }
            }
            guard hasMore, let lastID, before - missing.count > 1 else { break }
            query.startingAfter = lastID
        }
        return missing
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
