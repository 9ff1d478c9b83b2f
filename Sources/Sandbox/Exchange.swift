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
        }
    }

    func change<Result: Sendable>(
        _ body: (inout Change) throws(SandboxError) -> Result
    ) throws(SandboxError) -> Result {
        try world.change(requestID: requestID, idempotencyKey: idempotencyKey, body)
    }

    /// An invoice alone.
    func answer(_ invoice: InvoiceRecord, in view: WorldView) -> Answer {
        let renderer = world.renderer
        let layout = renderer.layout(version, depth: 0)
        let customer = view.customer(invoice.customer)
        return Answer(bound: renderer.sizeBound(invoice, customer: customer, layout: layout)) { pen in
            renderer.write(invoice, customer: customer, layout: layout, to: &pen)
        }
    }
}
