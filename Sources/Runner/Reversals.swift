import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads refunds, disputes and credit notes: what was taken back of payments. They are few next to the payments, so
/// their lists are read one page after the other.
public struct Reversals: Sendable {
    let client: StripeClient
    let account: String
    /// Each is to say which invoice was paid, where the account's version has charges that name it.
    let namingInvoices: Bool

    /// A reversal, and the request that showed it.
    struct Read: Sendable, Hashable {
        var facts: ReversalFacts
        var requestID: String
        var charge: String?
        /// The invoices that the payment paid; `nil` where that is not known yet.
        var invoices: [String]?
        /// Invoices that it was asked of: the payment paid them, whatever it says of itself.
        var askedOf: Set<String> = []

        /// The charge, where no payment intent made it.
        var loneCharge: String? { facts.paymentIntent == nil ? charge : nil }

        /// As it is staged: for each invoice that the payment paid, or once.
        var rows: [(facts: ReversalFacts, requestID: String)] {
            guard let invoices, !invoices.isEmpty else { return [(facts: facts, requestID: requestID)] }
            return invoices.map { invoice in
                var one = facts
                one.invoiceID = invoice
                return (facts: one, requestID: requestID)
            }
        }
    }

    /// A list of reversals that is longer is not one of a business that goes on.
    private static let pagesMax = 2_000

    /// For what was taken back of single payments.
    public init(_ client: StripeClient) {
        self.init(client: client, account: client.account.name, namingInvoices: false)
    }

    init(client: StripeClient, account: String, namingInvoices: Bool) {
        self.client = client
        self.account = account
        self.namingInvoices = namingInvoices
    }

    private var showsCharges: Bool { namingInvoices && client.account.chargesNameInvoices }

    /// What was created from this second on, up to now.
    func created(from seconds: Int64) async throws -> [Read] {
        let query = ListQuery(createdFrom: seconds, limit: 100)
        async let disputed = disputes(query)
        return try await refunds(query) + disputed
    }

    /// All reversals of one payment, whenever they were made.
    func of(_ source: PaymentSource) async throws -> [Read] {
        let query = ListQuery(limit: 100, filters: [source.filter])
        return try await refunds(query) + disputes(query)
    }

    /// The invoices of credit notes that were issued from this second on, up to now. Where the account's version cannot
    /// list them by time, the list is read from its newest note down to it.
    func creditedInvoices(from seconds: Int64) async throws -> [String] {
        let query = ListQuery(createdFrom: seconds, limit: 100)
        var found: Set<String> = []
        try await pages(query, "credit notes", id: { $0.id }) { query throws(StripeError) in
            try await client.creditNotes(query)
        } visit: { note, _ in
            guard note.createdSeconds >= seconds else { return false }
            found.insert(note.invoice)
            return true
        }
        return found.sorted()
    }

    private func refunds(_ query: ListQuery) async throws -> [Read] {
        var found: [Read] = []
        try await pages(query, "refunds", id: { $0.id }) { query throws(StripeError) in
            try await client.refunds(query, namingInvoices: namingInvoices)
        } visit: { refund, requestID in
            let facts = ReversalFacts(
                id: refund.id, kind: .refund, createdSeconds: refund.createdSeconds, status: refund.status?.text ?? "",
                currency: refund.currency, amount: refund.amount, stands: refund.stands,
                paymentIntent: refund.paymentIntent)
            found.append(
                Read(
                    facts: facts, requestID: requestID, charge: refund.charge,
                    invoices: invoices(refund.invoice, isChargeShown: refund.isChargeShown)))
            return true
        }
        return found
    }

    private func disputes(_ query: ListQuery) async throws -> [Read] {
        var found: [Read] = []
        try await pages(query, "disputes", id: { $0.id }) { query throws(StripeError) in
            try await client.disputes(query, namingInvoices: namingInvoices)
        } visit: { dispute, requestID in
            let facts = ReversalFacts(
                id: dispute.id, kind: .dispute, createdSeconds: dispute.createdSeconds, status: dispute.status.text,
                currency: dispute.currency, amount: dispute.amount, stands: dispute.stands,
                paymentIntent: dispute.paymentIntent)
            found.append(
                Read(
                    facts: facts, requestID: requestID, charge: dispute.charge,
                    invoices: invoices(dispute.invoice, isChargeShown: dispute.isChargeShown)))
            return true
        }
        return found
    }

    /// What a charge paid: only one that came in full says that it paid nothing.
    private func invoices(_ named: String?, isChargeShown: Bool) -> [String]? {
        if let named { return [named] }
        return showsCharges && isChargeShown ? [] : nil
    }

    /// Walks a list to its end, or until `visit` has seen enough. Objects that a page gives again are seen once.
    func pages<Object>(
        _ start: ListQuery, _ what: String, id: (Object) -> String,
        _ fetch: (ListQuery) async throws(StripeError) -> Page<Object>, visit: (Object, String) -> Bool
    ) async throws {
        var query = start
        var seen: Set<String> = []
        for _ in 0..<Self.pagesMax {
            try Task.checkCancellation()
            let page: Page<Object>
            do {
                page = try await fetch(query)
            } catch {
                // The cursor's object is gone: from the beginning, without those that were seen.
                guard error.isDeletedCursor, query.startingAfter != nil else { throw error }
                query.startingAfter = nil
                continue
            }
            for object in page.objects where seen.insert(id(object)).inserted {
                guard visit(object, page.requestID) else { return }
            }
            guard page.hasMore else { return }
            guard let last = page.objects.last else { break }
            query.startingAfter = id(last)
        }
        throw ReadingError.endlessReversals(account: account, what: what)
    }
}
