import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads objects one by one and puts what Stripe says now in place of what a list said before.
struct Confirmer: Sendable {
    let client: StripeClient
    let account: String
    let staged: StagingTable
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
                try await staged.replace(part, account: account, with: encoded, on: $0)
            }
        }
    }

    private enum Answer: Sendable {
        case invoice(InvoiceFacts, requestID: String)
        case intent(IntentFacts, requestID: String)
        case absent(String, requestID: String)
    }

    private func readAll(_ ids: [String]) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            var answers: [Answer] = []
            var rest = ids[...]
            for id in rest.prefix(Self.workers) { group.addTask { try await readOne(id) } }
            rest = rest.dropFirst(Self.workers)
            while let answer = try await group.next() {
                answers.append(answer)
                if let id = rest.popFirst() { group.addTask { try await readOne(id) } }
            }
            return answers
        }
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
