import PostgreSQL
import Reconciliation
import Store
import Stripe

/// What was taken back of an account's payments, as Stripe lists it. It is held in memory: it is little next to the
/// payments.
struct ListedReversals: Sendable {
    var reads: [Reversals.Read]
    /// Invoices with credit notes of the same time, where objects that no list shows are read.
    var credited: [String]
}

/// Lists what was taken back of the payments that a comparison is about. It needs nothing of what the run stages, so it
/// is done while the lists are read.
struct ReversalListing: Sendable {
    /// What was taken back from this second on is listed, up to now: also after a run's period it was taken back all
    /// the same.
    let fromSeconds: Int64
    let subject: Subject
    let client: StripeClient
    /// As of ``ReversalStaging``.
    let readsOthers: Bool

    /// - Parameter carried: objects of findings of earlier runs that are not closed: they are asked for by themselves,
    ///   because their reversals may be older than the period.
    func read(carried: [String]) async throws -> ListedReversals {
        let reversals = Reversals(
            client: client, account: subject.account, namingInvoices: subject.object == .invoice)
        let from = fromSeconds
        // A listed invoice says itself what was credited.
        let listsCredited = readsOthers && subject.object == .invoice
        async let credited = listsCredited ? reversals.creditedInvoices(from: from) : []
        async let old = older(carried, reversals)
        var reads = try await reversals.created(from: from)
        var known = Set(reads.map(\.facts.id))
        reads += try await old.filter { known.insert($0.facts.id).inserted }
        return ListedReversals(reads: reads, credited: try await credited)
    }

    /// All reversals of carried findings, whenever they were made.
    private func older(_ carried: [String], _ reversals: Reversals) async throws -> [Reversals.Read] {
        try await atOnce(carried, Confirmer.workers) { [subject, client] item in
            let intents =
                subject.object == .paymentIntent ? [item] : try await client.intentsOfInvoice(item)
            var reads: [Reversals.Read] = []
            for intent in intents { reads += try await reversals.of(intent: intent) }
            return reads
        }.flatMap { $0 }
    }
}

/// Stages what was taken back of payments beside the objects of a run, and reads the objects it was taken back of that
/// no list showed.
///
/// All that was listed is staged, so that it is known of every object that is compared in the end: those of the period,
/// and those that its rows name, which are read later.
struct ReversalStaging: Sendable {
    let run: Run
    let fence: RunFence
    let subject: Subject
    let client: StripeClient
    let confirmer: Confirmer
    let pool: Pool
    /// Whether objects that no list showed are read for it: not in a backfill, which is about what was created in its
    /// period, and about its rows.
    let readsOthers: Bool
    let limits: ComparisonLimits

    func stage(_ listed: ListedReversals) async throws {
        var found = listed.reads
        if subject.object == .invoice { try await joinInvoices(&found) }
        let staged = found
        try await pool.withConnection {
            try await StagedReversals(runID: run.id).replace(
                staged.map { ($0.facts, $0.requestID) }, account: subject.account, for: fence, on: $0)
        }
        guard readsOthers else { return }
        let named = found.compactMap { subject.object == .invoice ? $0.facts.invoiceID : $0.facts.paymentIntent }
        try await readUnstaged(named + listed.credited)
    }

    /// Finds the invoice of each reversed payment: the reversal's charge names it, or the list has shown it, or Stripe
    /// is asked, once for each intent.
    private func joinInvoices(_ found: inout [Reversals.Read]) async throws {
        let intents = Set(found.filter { !$0.isInvoiceKnown }.compactMap(\.facts.paymentIntent))
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
        for index in found.indices where !found[index].isInvoiceKnown {
            found[index].facts.invoiceID = found[index].facts.paymentIntent.flatMap { invoices[$0] }
        }
    }

    private func readUnstaged(_ ids: [String]) async throws {
        let unique = Array(Set(ids)).sorted()
        let unread = try await pool.withConnection {
            try await subject.staged(run).unstaged(unique, account: subject.account, on: $0)
        }
        guard unread.count <= limits.requests else {
            throw ComparisonError.tooManyNamed(account: subject.account, objects: unread.count, limit: limits.requests)
        }
        try await confirmer.read(unread)
    }
}
