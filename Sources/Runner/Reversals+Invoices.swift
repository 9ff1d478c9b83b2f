import Reconciliation
import Store
import Stripe

// Between reversals and invoices: an invoice is paid by payment intents and, before there were any, by charges; an
// intent pays more than one invoice where they were put together.
extension Reversals {
    /// All that was taken back of an invoice's payments, whenever that was, with all invoices that these paid.
    func of(invoice id: String, paidBy paid: InvoiceSources) async throws -> [Read] {
        let naming = Reversals(client: client, account: account, namingInvoices: true)
        var found: [Read] = []
        for source in paid.sources {
            var reads = try await naming.of(source)
            guard !reads.isEmpty else { continue }
            let stands = reads.contains { $0.facts.stands }
            let others = stands ? try await invoices(paidWith: id, by: source) : []
            for index in reads.indices {
                // What it was asked of, also where Stripe does not say it of the reversal itself.
                if case .intent(let intent) = source { reads[index].facts.paymentIntent = intent }
                let own = [id] + others + (reads[index].invoices ?? [])
                reads[index].invoices = Set(own).sorted()
            }
            found += reads
        }
        return found
    }

    /// What else a payment paid. Charges of earlier versions name it themselves, and one without an intent pays one
    /// invoice alone.
    private func invoices(paidWith id: String, by source: PaymentSource) async throws -> [String] {
        guard client.account.hasInvoicePayments, case .intent(let intent) = source else { return [] }
        return try await client.invoices(ofIntent: intent)
    }

    /// The invoices that charges paid, by charge; those that have no payment intent, of which nothing is found in the
    /// list of the payments of invoices: it can be asked for an intent and for an invoice, and for no charge. So each
    /// is read, and where it names no invoice, the payments of its customer's invoices are.
    /// See https://docs.stripe.com/api/invoice-payment/list
    /// - Parameter requestsMax: at most so many invoices are looked at.
    /// - Throws: `StripeError`; ``ReadingError`` where a list has no end; ``ComparisonError`` where there are more.
    func invoices(ofCharges ids: [String], requestsMax: Int) async throws -> [String: [String]] {
        guard !ids.isEmpty else { return [:] }
        let charges = try await atOnce(ids, Confirmer.workers) { [client] in try await client.charge($0).value }
        var invoices: [String: [String]] = [:]
        var newest: [String: Int64] = [:]
        for charge in charges {
            if let invoice = charge.invoice {
                invoices[charge.id] = [invoice]
            } else if let intent = charge.paymentIntent {
                invoices[charge.id] = try await client.invoices(ofIntent: intent)
            } else if client.account.hasInvoicePayments, let customer = charge.customer {
                newest[customer] = max(newest[customer] ?? .min, charge.createdSeconds)
            }
        }
        guard !newest.isEmpty else { return invoices }
        let wanted = Set(ids)
        for payment in try await payments(ofCustomers: newest, requestsMax: requestsMax) {
            guard case .charge(let charge) = payment.source, wanted.contains(charge) else { continue }
            if invoices[charge]?.contains(payment.invoice) != true {
                invoices[charge, default: []].append(payment.invoice)
            }
        }
        return invoices
    }

    /// The payments of all paid invoices of some customers.
    /// - Parameter newest: by customer the second up to which their invoices are looked at: none is younger than what
    ///   paid it.
    private func payments(
        ofCustomers newest: [String: Int64], requestsMax: Int
    ) async throws -> [InvoicePayment] {
        let customers = newest.sorted { $0.key < $1.key }
        let listed = try await atOnce(customers, Confirmer.workers) { customer in
            try await paidInvoices(of: customer.key, to: customer.value + 1)
        }
        let invoices = listed.flatMap(\.self)
        guard invoices.count <= requestsMax else {
            throw ComparisonError.tooManyPaid(account: account, invoices: invoices.count, limit: requestsMax)
        }
        return try await atOnce(invoices, Confirmer.workers) { [client] in
            try await client.payments(ofInvoice: $0)
        }.flatMap(\.self)
    }

    /// The paid invoices of one customer that were created before this second.
    private func paidInvoices(of customer: String, to seconds: Int64) async throws -> [String] {
        let query = ListQuery(createdTo: seconds, limit: 100, filters: [("customer", customer)])
        var found: [String] = []
        try await pages(query, "invoices of customer \(customer)", id: { $0.id }) { query throws(StripeError) in
            try await client.invoices(query)
        } visit: { invoice, _ in
            if invoice.status == .paid { found.append(invoice.id) }
            return true
        }
        return found
    }
}

// What was taken back in all, whenever it was: for a single object.
extension Reversals {
    /// Of a payment intent.
    /// - Throws: `StripeError`; `ReadingError` where a list has no end.
    public func total(ofIntent id: String) async throws -> Reversed {
        Reversed(try await of(.intent(id)).map(\.facts))
    }

    /// Of an invoice.
    /// - Throws: `StripeError`; `ReadingError` where a list has no end.
    public func total(ofInvoice id: String) async throws -> Reversed {
        try await total(of: id, paidBy: try await client.sources(ofInvoice: id))
    }

    /// Of an invoice that was just read.
    /// - Throws: `StripeError`; `ReadingError` where a list has no end.
    public func total(of invoice: Invoice) async throws -> Reversed {
        try await total(of: invoice.id, paidBy: try await client.sources(of: invoice))
    }

    private func total(of invoice: String, paidBy paid: InvoiceSources) async throws -> Reversed {
        let reads = try await of(invoice: invoice, paidBy: paid)
        var reversed = Reversed(reads.map(\.facts))
        reversed.isShared = reads.contains { $0.facts.stands && $0.invoices ?? [] != [invoice] }
        reversed.isUnlisted = paid.isUnlisted
        return reversed
    }
}
