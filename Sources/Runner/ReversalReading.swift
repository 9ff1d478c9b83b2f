import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Stages what was taken back of the payments that a comparison is about, and reads the objects it was taken back of
/// that no list showed.
struct ReversalReading: Sendable {
    let run: Run
    let fence: RunFence
    let subject: Subject
    let client: StripeClient
    let confirmer: Confirmer
    let pool: Pool
    let limits: ComparisonLimits

    /// - Parameter carried: objects of findings of earlier runs that are not closed: they are asked for by themselves,
    ///   because their reversals may be older than the period.
    func read(carried: [String]) async throws {
        let reversals = Reversals(client: client, account: subject.account)
        var found = try await reversals.created(in: run.period)
        found += try await older(carried, than: found, reversals)
        if subject.object == .invoice { try await joinInvoices(&found) }
        let staged = found
        try await pool.withConnection {
            try await StagedReversals(runID: run.id).replace(
                staged, account: subject.account, for: fence, on: $0)
        }
        var named = found.compactMap { subject.object == .invoice ? $0.facts.invoiceID : $0.facts.paymentIntent }
        if subject.object == .invoice { named += try await reversals.creditedInvoices(in: run.period) }
        try await readUnstaged(named)
    }

    /// Reversals of carried findings that the period's list does not have.
    private func older(
        _ carried: [String], than found: [Reversals.Read], _ reversals: Reversals
    ) async throws -> [Reversals.Read] {
        var known = Set(found.map(\.facts.id))
        var all: [Reversals.Read] = []
        for item in carried {
            let intents =
                subject.object == .paymentIntent ? [item] : try await client.intentsOfInvoice(item)
            for intent in intents {
                for read in try await reversals.of(intent: intent) where known.insert(read.facts.id).inserted {
                    all.append(read)
                }
            }
        }
        return all
    }

    /// Finds the invoice of each reversed payment: the list has shown it, or Stripe is asked, once for each intent.
    private func joinInvoices(_ found: inout [Reversals.Read]) async throws {
        let intents = Set(found.compactMap(\.facts.paymentIntent))
        guard !intents.isEmpty else { return }
        var invoices = try await pool.withConnection {
            try await StagedInvoices.invoices(
                ofIntents: Array(intents), account: subject.account, in: subject.staged(run), on: $0)
        }
        for intent in intents.sorted() where invoices[intent] == nil {
            try Task.checkCancellation()
            do {
                if let invoice = try await client.invoiceOfIntent(intent) { invoices[intent] = invoice }
            } catch {
                guard error.kind == .notFound else { throw error }
            }
        }
        for index in found.indices {
            found[index].facts.invoiceID = found[index].facts.paymentIntent.flatMap { invoices[$0] }
        }
    }

    private func readUnstaged(_ ids: [String]) async throws {
        let unique = Array(Set(ids)).sorted()
        let unread = try await pool.withConnection {
            try await subject.staged(run).unstaged(unique, account: subject.account, on: $0)
        }
        guard unread.count <= limits.reads else {
            throw ComparisonError.tooManyNamed(account: subject.account, objects: unread.count, limit: limits.reads)
        }
        try await confirmer.read(unread)
    }
}
