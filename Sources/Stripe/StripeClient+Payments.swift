import Curl

// What happens to money, and the way between an invoice and its payment intents in every API version.
extension StripeClient {
    /// A page of refunds. They have no `livemode`: only the key vouches for their mode.
    /// See https://docs.stripe.com/api/refunds/list
    /// - Parameter namingInvoices: each says which invoice was paid, where charges name it
    ///   (`Account.chargesNameInvoices`).
    public func refunds(
        _ query: ListQuery, namingInvoices: Bool = false
    ) async throws(StripeError) -> Page<Refund> {
        try await page(namingInvoices ? expandingCharges(query) : query, "/v1/refunds")
    }

    /// A page of disputes. See https://docs.stripe.com/api/disputes/list
    /// - Parameter namingInvoices: each says which invoice was paid, where charges name it
    ///   (`Account.chargesNameInvoices`).
    public func disputes(
        _ query: ListQuery, namingInvoices: Bool = false
    ) async throws(StripeError) -> Page<Dispute> {
        try await page(namingInvoices ? expandingCharges(query) : query, "/v1/disputes")
    }

    /// See https://docs.stripe.com/api/expanding_objects
    private func expandingCharges(_ query: ListQuery) -> ListQuery {
        guard account.chargesNameInvoices else { return query }
        var query = query
        query.filters.append(("expand[]", "data.charge"))
        return query
    }

    /// A page of credit notes. See https://docs.stripe.com/api/credit_notes/list
    ///
    /// Where the account's version cannot filter them by time (`Account.filtersCreditNotesByTime`), the query's window
    /// is neither sent nor held: the page then has notes of any age, and the caller leaves out what it does not want.
    public func creditNotes(_ query: ListQuery) async throws(StripeError) -> Page<CreditNote> {
        var query = query
        if !account.filtersCreditNotesByTime {
            query.createdFrom = nil
            query.createdTo = nil
        }
        return try await page(query, "/v1/credit_notes")
    }

    /// A page of the payments of invoices, which there are where `Account.hasInvoicePayments` says so; earlier versions
    /// do not know the URL (`otherNotFound`). See https://docs.stripe.com/api/invoice-payment/list
    public func invoicePayments(_ query: ListQuery) async throws(StripeError) -> Page<InvoicePayment> {
        try await page(query, "/v1/invoice_payments")
    }

    /// A page of charges. See https://docs.stripe.com/api/charges/list
    public func charges(_ query: ListQuery) async throws(StripeError) -> Page<Charge> {
        try await page(query, "/v1/charges")
    }

    /// One charge. See https://docs.stripe.com/api/charges/retrieve
    public func charge(_ id: String) async throws(StripeError) -> Retrieved<Charge> {
        try await read(call(.get, "/v1/charges/:id", id), id)
    }

    /// Whether a Checkout session made this payment intent, which cannot be cancelled then.
    /// See https://docs.stripe.com/api/checkout/sessions/list
    public func hasCheckoutSession(ofIntent id: String) async throws(StripeError) -> Bool {
        let query = ListQuery(limit: 1, filters: [("payment_intent", id)])
        let page: Page<CheckoutSession> = try await page(query, "/v1/checkout/sessions")
        guard let session = page.objects.first else { return false }
        guard session.paymentIntent == id else {
            throw strayed("the Checkout session \(session.id)", session.paymentIntent, id, "/v1/checkout/sessions")
        }
        return true
    }

    /// The invoice that a payment intent pays or is to pay; `nil` where it pays none.
    ///
    /// Until 2025-03-31.basil the intent names it; later versions have it in the list of the payments of invoices.
    public func invoiceOfIntent(_ intentID: String) async throws(StripeError) -> String? {
        guard account.hasInvoicePayments else { return try await paymentIntent(intentID).value.invoice }
        let filters = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intentID)]
        let payments = try await allPayments(filters, of: intentID) { $0.paymentIntent }
        return (payments.first { $0.status == .paid } ?? payments.first)?.invoice
    }

    /// The invoices that a payment intent paid; where it has paid none yet, those that it is to pay.
    ///
    /// Until 2025-03-31.basil the intent names one at most.
    public func invoices(ofIntent intentID: String) async throws(StripeError) -> [String] {
        guard account.hasInvoicePayments else {
            return try await paymentIntent(intentID).value.invoice.map { [$0] } ?? []
        }
        let filters = [("payment[type]", "payment_intent"), ("payment[payment_intent]", intentID)]
        let listed = try await allPayments(filters, of: intentID) { $0.paymentIntent }
        let paid = listed.filter(\.isPaid)
        var found: [String] = []
        for payment in paid.isEmpty ? listed : paid where !found.contains(payment.invoice) {
            found.append(payment.invoice)
        }
        return found
    }

    /// What paid an invoice, or is to pay it; nothing of an invoice that is not there.
    ///
    /// Versions before 2025-03-31.basil show one at most: the invoice's own.
    public func sources(ofInvoice invoiceID: String) async throws(StripeError) -> InvoiceSources {
        guard account.hasInvoicePayments else {
            return InvoiceSources(namedBy: try await invoice(invoiceID).value)
        }
        let listed = try await payments(ofInvoice: invoiceID)
        guard listed.isEmpty else { return InvoiceSources(listed, of: nil) }
        do {
            return InvoiceSources(listed, of: try await invoice(invoiceID).value)
        } catch {
            guard error.kind == .notFound else { throw error }
            return InvoiceSources()
        }
    }

    /// The same of an invoice that was just read: versions that show its intent are not asked again.
    public func sources(of invoice: Invoice) async throws(StripeError) -> InvoiceSources {
        guard account.hasInvoicePayments else { return InvoiceSources(namedBy: invoice) }
        return InvoiceSources(try await payments(ofInvoice: invoice.id), of: invoice)
    }

    /// All payments of an invoice, where `Account.hasInvoicePayments` says that there are such.
    public func payments(ofInvoice invoiceID: String) async throws(StripeError) -> [InvoicePayment] {
        try await allPayments([("invoice", invoiceID)], of: invoiceID) { $0.invoice }
    }

    private func allPayments(
        _ filters: [(String, String)], of id: String, _ owner: (InvoicePayment) -> String?
    ) async throws(StripeError) -> [InvoicePayment] {
        var found: [InvoicePayment] = []
        var query = ListQuery(limit: 100, filters: filters)
        for _ in 0..<Self.invoicePaymentPagesMax {
            let page = try await invoicePayments(query)
            for payment in page.objects where owner(payment) != id {
                throw strayed("the payment \(payment.id)", owner(payment), id, "/v1/invoice_payments")
            }
            found += page.objects
            guard page.hasMore else { return found }
            guard let last = page.objects.last else { break }
            query.startingAfter = last.id
        }
        let call = Call(method: .get, template: "/v1/invoice_payments", path: "/v1/invoice_payments")
        throw error(.decoding, "the payments of \(id) do not end", call)
    }

    /// An invoice has a handful of payments, an intent a few invoices; a list that goes on is not to be believed.
    private static let invoicePaymentPagesMax = 20

    private func strayed(_ what: String, _ found: String?, _ wanted: String, _ path: String) -> StripeError {
        error(
            .decoding, "asked for \(wanted), \(what) is about \(found ?? "nothing")",
            Call(method: .get, template: path, path: path))
    }
}

extension Account {
    /// Whether the version has /v1/invoice_payments, and its intents and charges no longer name their invoice: since
    /// 2025-03-31.basil. See https://docs.stripe.com/changelog/basil
    public var hasInvoicePayments: Bool { apiVersion.prefix(10) >= "2025-03-31" }

    /// Until then a charge names the invoice that it paid.
    public var chargesNameInvoices: Bool { !hasInvoicePayments }

    /// Whether credit notes can be listed by `created`. Sent only where it surely is understood: 2023-10-16 refuses it.
    public var filtersCreditNotesByTime: Bool { hasInvoicePayments }
}
