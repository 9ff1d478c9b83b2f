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
    case listEvents = "GET /v1/events"
    case event = "GET /v1/events/{id}"
    case listIntents = "GET /v1/payment_intents"
    case intent = "GET /v1/payment_intents/{intent}"
    case cancelIntent = "POST /v1/payment_intents/{intent}/cancel"

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
        let fixed = parts.enumerated().map { $0 == 2 ? "*" : String($1) }
        let shape = "\(method) /" + fixed.joined(separator: "/")
        guard let endpoint = byShape[shape] else { return nil }
        return (endpoint, parts.count > 2 ? Parameters.decoded(parts[2]) : "")
    }

    /// What a restricted key would need to write here.
    var writePermission: String {
        switch self {
        case .createCustomer, .customer: "rak_customer_write"
        case .cancelIntent, .intent, .listIntents: "rak_payment_intent_write"
        default: "rak_invoice_write"
        }
    }
}
