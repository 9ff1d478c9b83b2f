/// What can be asked for: a method and a path template, as rate limits count it.
enum Endpoint: String, CaseIterable, Sendable {
    case account = "GET /v1/account"
    case listInvoices = "GET /v1/invoices"
    case createInvoice = "POST /v1/invoices"
    case invoice = "GET /v1/invoices/{invoice}"
    case updateInvoice = "POST /v1/invoices/{invoice}"
    case deleteInvoice = "DELETE /v1/invoices/{invoice}"
    case invoiceLines = "GET /v1/invoices/{invoice}/lines"
    case finalizeInvoice = "POST /v1/invoices/{invoice}/finalize"
    case sendInvoice = "POST /v1/invoices/{invoice}/send"
    case payInvoice = "POST /v1/invoices/{invoice}/pay"
    case voidInvoice = "POST /v1/invoices/{invoice}/void"
    case markUncollectible = "POST /v1/invoices/{invoice}/mark_uncollectible"
    case createItem = "POST /v1/invoiceitems"
    case createCustomer = "POST /v1/customers"
    case customer = "GET /v1/customers/{customer}"
    case updateCustomer = "POST /v1/customers/{customer}"
    case createSource = "POST /v1/customers/{customer}/sources"
    case createSetup = "POST /v1/setup_intents"
    case setup = "GET /v1/setup_intents/{intent}"
    case listMethods = "GET /v1/payment_methods"
    case method = "GET /v1/payment_methods/{payment_method}"
    case attachMethod = "POST /v1/payment_methods/{payment_method}/attach"
    case listEvents = "GET /v1/events"
    case event = "GET /v1/events/{id}"
    case listIntents = "GET /v1/payment_intents"
    case intent = "GET /v1/payment_intents/{intent}"
    case createIntent = "POST /v1/payment_intents"
    case updateIntent = "POST /v1/payment_intents/{intent}"
    case confirmIntent = "POST /v1/payment_intents/{intent}/confirm"
    case captureIntent = "POST /v1/payment_intents/{intent}/capture"
    case cancelIntent = "POST /v1/payment_intents/{intent}/cancel"
    case listCharges = "GET /v1/charges"
    case charge = "GET /v1/charges/{charge}"
    case listRefunds = "GET /v1/refunds"
    case createRefund = "POST /v1/refunds"
    case refund = "GET /v1/refunds/{refund}"
    case listDisputes = "GET /v1/disputes"
    case dispute = "GET /v1/disputes/{dispute}"
    case listCreditNotes = "GET /v1/credit_notes"
    case createCreditNote = "POST /v1/credit_notes"
    case creditNote = "GET /v1/credit_notes/{id}"
    case listInvoicePayments = "GET /v1/invoice_payments"
    case invoicePayment = "GET /v1/invoice_payments/{invoice_payment}"
    case checkoutSessions = "GET /v1/checkout/sessions"
    case webhookEndpoints = "GET /v1/webhook_endpoints"

    private static let byShape: [String: Endpoint] = Dictionary(
        uniqueKeysWithValues: allCases.map { endpoint in
            let parts = endpoint.rawValue.split(separator: "/").map { $0.hasPrefix("{") ? "*" : String($0) }
            return (parts.joined(separator: "/"), endpoint)
        })

    /// The endpoint for a method and a path without query, and the id in the path.
    static func find(_ method: String, _ path: Substring) -> (endpoint: Endpoint, id: String)? {
        guard path.hasPrefix("/"), !path.hasSuffix("/") else { return nil }
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts.count <= 4 else { return nil }
        let isGroup = parts[1] == "checkout"
        let fixed = parts.enumerated().map { $0 == 2 && !isGroup ? "*" : String($1) }
        let shape = "\(method) /" + fixed.joined(separator: "/")
        guard let endpoint = byShape[shape] else { return nil }
        return (endpoint, parts.count > 2 ? Parameters.decoded(parts[2]) : "")
    }

    /// Whether it answers with a page.
    var isList: Bool {
        switch self {
        case .listInvoices, .listEvents, .listIntents, .listCharges, .listRefunds, .listDisputes, .listCreditNotes,
            .listInvoicePayments, .listMethods:
            true
        default: false
        }
    }

    /// Whether it answers with a page, also where no script waits for it.
    var isPaged: Bool {
        switch self {
        case .invoiceLines, .checkoutSessions, .webhookEndpoints: true
        default: isList
        }
    }

    /// What a restricted key would need to write here, or to read its account or its events.
    var neededPermission: String {
        switch self {
        case .account: "rak_accounts_kyc_basic_read"
        case .createCustomer, .customer, .updateCustomer, .createSource: "rak_customer_write"
        case .createSetup, .setup: "rak_setup_intent_write"
        case .listMethods, .method, .attachMethod: "rak_payment_method_write"
        case .cancelIntent, .intent, .listIntents, .createIntent, .updateIntent, .confirmIntent, .captureIntent:
            "rak_payment_intent_write"
        case .listRefunds, .createRefund, .refund, .listCharges, .charge: "rak_charge_write"
        case .listCreditNotes, .createCreditNote, .creditNote: "rak_credit_note_write"
        case .webhookEndpoints: "rak_webhook_write"
        case .listEvents, .event: "rak_event_read"
        default: "rak_invoice_write"
        }
    }
}
