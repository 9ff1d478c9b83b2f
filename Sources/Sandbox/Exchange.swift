import NIOCore

/// One request of a known account, ready to be answered.
struct Exchange {
    let world: World
    let endpoint: Endpoint
    /// The id in the path.
    let id: String
    let version: SandboxAPIVersion
    let parameters: Parameters
    let requestID: String
    let idempotencyKey: String?

    /// Carries the request out.
    func answer() throws(SandboxError) -> Answer {
        switch endpoint {
        case .account:
            try parameters.allow(["expand"])
            return Answer(world.account.json)
        case .listInvoices: return try listInvoices()
        case .invoice: return try retrieveInvoice()
        case .invoiceLines: return try listLines()
        case .createInvoice: return try createInvoice()
        case .updateInvoice: return try updateInvoice()
        case .deleteInvoice: return try deleteInvoice()
        case .finalizeInvoice, .sendInvoice, .payInvoice, .voidInvoice, .markUncollectible: return try move()
        case .createItem: return try createItem()
        case .createCustomer: return try createCustomer()
        case .customer: return try retrieveCustomer()
        case .listEvents: return try listEvents()
        case .event: return try retrieveEvent()
        case .listIntents: return try listIntents()
        case .intent: return try retrieveIntent()
        case .cancelIntent: return try cancelIntent()
        default: return try paymentAnswer()
        }
    }

    /// What is about payments.
    private func paymentAnswer() throws(SandboxError) -> Answer {
        switch endpoint {
        case .createIntent: return try createIntent()
        case .updateIntent: return try updateIntent()
        case .confirmIntent: return try confirmIntent()
        case .captureIntent: return try captureIntent()
        case .listCharges: return try listCharges()
        case .charge: return try retrievePart(.charge)
        case .listRefunds: return try listRefunds()
        case .createRefund: return try createRefund()
        case .refund: return try retrievePart(.refund)
        case .listDisputes: return try listDisputes()
        case .dispute: return try retrievePart(.dispute)
        case .listCreditNotes: return try listCreditNotes()
        case .createCreditNote: return try createCreditNote()
        case .creditNote: return try retrievePart(.creditNote)
        case .listInvoicePayments: return try listInvoicePayments()
        case .invoicePayment: return try retrieveInvoicePayment()
        case .checkoutSessions: return try listCheckoutSessions()
        case .webhookEndpoints: return try listWebhookEndpoints()
        default: return try methodAnswer()
        }
    }

    /// The ids of a page, where a script of changes wants to know them.
    func listedIDs<Row>(_ page: ListPage<Row>, _ id: (Row) -> String) -> [String] {
        world.hasScripts ? page.rows.map(id) : []
    }

    /// An empty value unsets, so it is none.
    func text(_ name: String) -> String? {
        parameters.value(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    func change<Result: Sendable>(
        _ body: (inout Change) throws(SandboxError) -> Result
    ) throws(SandboxError) -> Result {
        try world.change(requestID: requestID, idempotencyKey: idempotencyKey, body)
    }

    /// An invoice alone.
    func answer(_ invoice: InvoiceRecord, in view: WorldView, payments: ShownPayments? = nil) -> Answer {
        let renderer = world.renderer
        let layout = renderer.layout(version, depth: 0)
        let customer = view.customer(invoice.customer)
        let bound = renderer.sizeBound(invoice, customer: customer, layout: layout, payments: payments)
        return Answer(bound: bound) { pen in
            renderer.write(invoice, customer: customer, layout: layout, payments: payments, to: &pen)
        }
    }
}
