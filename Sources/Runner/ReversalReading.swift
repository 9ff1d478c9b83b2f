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
        let reads = try await atOnce(carried, Confirmer.workers) { [subject, client] item in
            let intents =
                subject.object == .paymentIntent ? [item] : try await client.intentsOfInvoice(item)
            var reads: [Reversals.Read] = []
            for intent in intents { reads += try await reversals.of(intent: intent) }
            return reads
        }
        var known = Set(found.map(\.facts.id))
        return reads.flatMap { $0 }.filter { known.insert($0.facts.id).inserted }
    }

    /// Finds the invoice of each reversed payment: the list has shown it, or Stripe is asked, once for each intent.
    private func joinInvoices(_ found: inout [Reversals.Read]) async throws {
        let intents = Set(found.compactMap(\.facts.paymentIntent))
        guard !intents.isEmpty else { return }
        var invoices = try await pool.withConnection {
            try await StagedInvoices.invoices(
                ofIntents: Array(intents), account: subject.account, in: subject.staged(run), on: $0)
        }
        let unknown = intents.filter { invoices[$0] == nil }.sorted()
        let asked = try await atOnce(unknown, Confirmer.workers) { [client] intent -> String? in
            do {
                return try await client.invoiceOfIntent(intent)
            } catch let error as StripeError where error.kind == .notFound {
                return nil
            }
        }
        for (intent, invoice) in zip(unknown, asked) { invoices[intent] = invoice }
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
