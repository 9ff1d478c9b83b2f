import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Reads objects one by one and puts what Stripe says now in place of what a list said before.
struct Confirmer: Sendable {
    let client: StripeClient
    let account: String
    let staged: StagedInvoices
    let pool: Pool
    let workers: Int

    /// Rows of one transaction.
    private static let chunk = 200

    /// Reads all these invoices; one that Stripe does not know is staged as absent.
    func read(_ ids: [String]) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.chunk) {
            try Task.checkCancellation()
            let part = Array(ids[start..<min(start + Self.chunk, ids.count)])
            let answers = try await readAll(part)
            var rows = BinaryRows()
            for answer in answers {
                switch answer {
                case .invoice(let invoice, let requestID):
                    StagedInvoices.append(
                        InvoiceFacts(invoice), account: account, requestID: requestID, isFresh: true, to: &rows)
                case .absent(let id, let requestID):
                    StagedInvoices.appendAbsent(id, account: account, requestID: requestID, to: &rows)
                }
            }
            let encoded = rows
            try await pool.withConnection { try await staged.replace(part, with: encoded, on: $0) }
        }
    }

    private enum Answer: Sendable {
        case invoice(Invoice, requestID: String)
        case absent(String, requestID: String)
    }

    private func readAll(_ ids: [String]) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            var answers: [Answer] = []
            var rest = ids[...]
            for id in rest.prefix(workers) { group.addTask { try await readOne(id) } }
            rest = rest.dropFirst(workers)
            while let answer = try await group.next() {
                answers.append(answer)
                if let id = rest.popFirst() { group.addTask { try await readOne(id) } }
            }
            return answers
        }
    }

    private func readOne(_ id: String) async throws -> Answer {
        do {
            let read = try await client.invoice(id)
            return .invoice(read.value, requestID: read.requestID)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .absent(id, requestID: error.requestID ?? "")
        }
    }
}
