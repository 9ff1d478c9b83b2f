import PostgreSQL
import Reconciliation
import Store
import Stripe

/// The time of which a run has listed all objects of a kind.
struct ListedTime: Sendable {
    let window: Window
    /// Of the invoices only drafts were listed.
    var hasOnlyDrafts = false
}

/// Reads objects one by one and puts what Stripe says now in place of what a list said before.
struct Confirmer: Sendable {
    let client: StripeClient
    let account: String
    let staged: StagingTable
    let fence: RunFence
    let pool: Pool
    /// What the run has listed of these objects, to its end; `nil`: nothing.
    var listed: ListedTime?

    /// Objects that are read at once.
    static let workers = 12
    /// Rows of one transaction.
    private static let chunk = 200

    /// Reads all these objects; one that Stripe does not know is staged as absent.
    /// - Throws: ``ReadingError/leftOut(_:id:createdSeconds:listed:requestID:)`` where one is there that no list has
    ///   shown, although it was created in the time that was listed: it is not staged, so that whoever goes on with the
    ///   run finds it again.
    func read(_ ids: [String]) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.chunk) {
            try Task.checkCancellation()
            let part = Array(ids[start..<min(start + Self.chunk, ids.count)])
            var rows = BinaryRows()
            let answers = try await readAll(part)
            for answer in answers {
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
            let present = answers.compactMap { expected($0) }
            do {
                try await pool.withConnection {
                    try await staged.replace(
                        part, account: account, with: encoded, listed: present.map(\.id), for: fence, on: $0)
                }
            } catch let lost as UnlistedObject {
                guard let object = present.first(where: { $0.id == lost.id }) else { throw lost }
                throw leftOut(object)
            }
        }
    }

    /// An object that is there, and that the list of its time has to show.
    private struct Expected: Sendable {
        let id: String
        let createdSeconds: Int64
        let listed: Window
        let requestID: String
    }

    private func expected(_ answer: Answer) -> Expected? {
        switch answer {
        case .invoice(let facts, let requestID): expected(facts, requestID)
        case .intent(let facts, let requestID): expected(facts, requestID)
        case .absent: nil
        }
    }

    private func expected(_ invoice: InvoiceFacts, _ requestID: String) -> Expected? {
        guard let listed, listed.window.contains(invoice.createdSeconds) else { return nil }
        guard !listed.hasOnlyDrafts || invoice.status == .draft else { return nil }
        return Expected(
            id: invoice.id, createdSeconds: invoice.createdSeconds, listed: listed.window, requestID: requestID)
    }

    private func expected(_ intent: IntentFacts, _ requestID: String) -> Expected? {
        guard let listed, listed.window.contains(intent.createdSeconds) else { return nil }
        return Expected(
            id: intent.id, createdSeconds: intent.createdSeconds, listed: listed.window, requestID: requestID)
    }

    private func leftOut(_ object: Expected) -> ReadingError {
        .leftOut(
            RunList(account: account, object: staged.object), id: object.id, createdSeconds: object.createdSeconds,
            listed: object.listed, requestID: object.requestID)
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
            var shown: [Expected] = []
            let lastID: String?
            let hasMore: Bool
            do {
                (lastID, hasMore) = try await stage(query, &missing, &rows, &shown)
            } catch {
                // The object that it should begin behind is none of this account, or was deleted.
                guard error.isDeletedCursor else { throw error }
                break
            }
            // What is wanted is not staged.
            if let object = shown.first { throw leftOut(object) }
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
    /// - Parameter shown: those of them that the run's own list had to show.
    private func stage(
        _ query: ListQuery, _ missing: inout Set<String>, _ rows: inout BinaryRows, _ shown: inout [Expected]
    ) async throws(StripeError) -> (lastID: String?, hasMore: Bool) {
        switch staged.object {
        case .paymentIntent:
            let page = try await client.paymentIntents(query)
            for intent in page.objects where missing.remove(intent.id) != nil {
                let facts = IntentFacts(intent)
                StagedIntents.append(facts, account: account, requestID: page.requestID, isFresh: false, to: &rows)
                if let object = expected(facts, page.requestID) { shown.append(object) }
            }
            return (page.objects.last?.id, page.hasMore)
        case .invoice, .event, .invoicePayment:
            let page = try await client.invoices(query)
            for invoice in page.objects where missing.remove(invoice.id) != nil {
                let facts = InvoiceFacts(invoice)
                StagedInvoices.append(facts, account: account, requestID: page.requestID, isFresh: true, to: &rows)
                if let object = expected(facts, page.requestID) { shown.append(object) }
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
