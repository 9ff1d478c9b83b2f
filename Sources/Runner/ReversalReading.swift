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
    /// Invoices of findings that something paid of which no list of refunds and disputes knows.
    var unlisted: [String] = []
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
        async let before = older(carried, reversals)
        var reads = try await reversals.created(from: from)
        var places: [String: Int] = [:]
        for (place, read) in reads.enumerated() { places[read.facts.id] = place }
        let old = try await before
        for read in old.flatMap(\.reads) {
            if let place = places[read.facts.id] {
                reads[place].askedOf.formUnion(read.askedOf)
                if reads[place].invoices == nil { reads[place].invoices = read.invoices }
            } else {
                places[read.facts.id] = reads.count
                reads.append(read)
            }
        }
        return ListedReversals(
            reads: reads, credited: try await credited, unlisted: old.filter(\.isUnlisted).map(\.id))
    }

    /// What was taken back of the object of a finding, whenever that was.
    private struct Carried: Sendable {
        var id: String
        var reads: [Reversals.Read] = []
        /// Something paid it of which nobody can be asked that.
        var isUnlisted = false
    }

    private func older(_ carried: [String], _ reversals: Reversals) async throws -> [Carried] {
        try await atOnce(carried, Confirmer.workers) { [subject, client] id in
            var old = Carried(id: id)
            guard subject.object == .invoice else {
                old.reads = try await reversals.of(.intent(id))
                return old
            }
            let paid = try await client.sources(ofInvoice: id)
            for source in paid.sources {
                for var read in try await reversals.of(source) {
                    read.askedOf = [id]
                    // A charge that has no intent paid no other one.
                    if case .charge = source { read.invoices = [id] }
                    old.reads.append(read)
                }
            }
            old.isUnlisted = paid.isUnlisted
            return old
        }
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
        let staged = found.flatMap(\.rows)
        try await pool.withConnection {
            try await StagedReversals(runID: run.id).replace(staged, account: subject.account, for: fence, on: $0)
        }
        guard readsOthers else { return }
        let named = staged.compactMap {
            subject.object == .invoice ? $0.facts.invoiceID : $0.facts.paymentIntent
        }
        try await readUnstaged(named + listed.credited)
    }

    /// Finds all invoices of each reversed payment: the reversal's charge names one, lists of earlier versions have
    /// shown some, or Stripe is asked, once for each intent and for each charge without one.
    private func joinInvoices(_ found: inout [Reversals.Read]) async throws {
        let shown = try await shownInvoices(of: Set(found.compactMap(\.facts.paymentIntent)))
        let open = found.filter { $0.invoices == nil }
        let unknown = Set(open.compactMap(\.facts.paymentIntent)).filter { shown[$0] == nil }.sorted()
        let asked = try await atOnce(unknown, Confirmer.workers) { [client] intent -> [String] in
            do {
                return try await client.invoices(ofIntent: intent)
            } catch let error as StripeError where error.kind == .notFound {
                return []
            }
        }
        let ofIntents = Dictionary(uniqueKeysWithValues: zip(unknown, asked))
        let ofCharges = try await Reversals(client).invoices(
            ofCharges: Set(open.compactMap(\.loneCharge)).sorted(), requestsMax: limits.requests)
        for index in found.indices {
            let read = found[index]
            var invoices = read.askedOf.union(read.invoices ?? [])
            if let intent = read.facts.paymentIntent {
                invoices.formUnion(shown[intent] ?? [])
                if read.invoices == nil { invoices.formUnion(ofIntents[intent] ?? []) }
            } else if read.invoices == nil, let charge = read.charge {
                invoices.formUnion(ofCharges[charge] ?? [])
            }
            found[index].invoices = invoices.sorted()
        }
    }

    /// By intent the invoices that name it, as far as they were listed: those of later versions name none.
    private func shownInvoices(of intents: Set<String>) async throws -> [String: [String]] {
        guard !intents.isEmpty, !client.account.hasInvoicePayments else { return [:] }
        return try await pool.withConnection {
            try await StagedInvoices.invoices(
                ofIntents: Array(intents), account: subject.account, in: subject.staged(run), on: $0)
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
