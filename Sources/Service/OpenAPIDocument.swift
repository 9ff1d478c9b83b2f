/// The description of the endpoints (https://spec.openapis.org/oas/v3.1.0). The tests hold it against the routes, and
/// schemathesis against the answers.
public enum OpenAPIDocument {
    /// The document, as JSON.
    public static let json: String = {
        let paths = webhooks + [orders, machines].joined(separator: ",")
        return "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Trueup\",\"version\":\"1\",\"description\":"
            + "\"Webhooks, credit orders and figures of trueup serve.\"},"
            + "\"servers\":[{\"url\":\"/\"}],\"paths\":{\(paths)},\"components\":\(components)}\n"
    }()

    private static func answer(_ text: String, _ schema: String, links: String = "") -> String {
        """
        {"description":"\(text)",
        "content":{"application/json":{"schema":{"$ref":"#/components/schemas/\(schema)"}}}\(links)}
        """
    }

    /// What can be asked of an order that was placed.
    private static let links: String = {
        let path = #""agency":"$request.path.agency","member":"$request.path.member""#
        let order = #""order":"$response.body#/order/id""#
        return ",\"links\":{\"cancel\":{\"operationId\":\"cancel\",\"parameters\":{\(path),\(order)}},"
            + "\"orders\":{\"operationId\":\"orders\",\"parameters\":{\(path)}},"
            + "\"balance\":{\"operationId\":\"balance\",\"parameters\":{\(path)}}}"
    }()

    private static func errors(_ statuses: [Int]) -> String {
        let words: [Int: String] = [
            400: "The request is not as it should be.", 401: "No token, or one that is not valid.",
            404: "There is no such agency, member, order or path for this token.", 405: "Another method is meant.",
            408: "The body came too slowly.", 409: "The state of the row forbids it; the code says why.",
            413: "The body is too large.", 422: "The option cannot be ordered.",
            431: "The header fields are too large.", 503: "The database or Stripe cannot be asked now; try again.",
        ]
        // These come from the connection, whatever is asked for.
        return Set(statuses + [400, 408, 413, 431]).sorted().map {
            "\"\($0)\":" + answer(words[$0] ?? "An error.", "Error")
        }
        .joined(separator: ",")
    }

    private static let webhooks = ["webhook", "credits-webhook"].map { name in
        let types =
            name == "webhook"
            ? "invoice.finalized and payment_intent events" : "invoice.paid and invoice.voided"
        return """
            "/stripe/\(name)":{"post":{"operationId":"\(name)","summary":"Takes \(types) of Stripe",
            "parameters":[{"name":"Stripe-Signature","in":"header","required":true,"schema":{"type":"string"}}],
            "requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object"}}}},
            "responses":{"200":\(answer("Taken in; what it did is committed.", "Receipt")),
            \(errors([400, 408, 409, 413, 503]))}}},
            """
    }.joined(separator: "\n")

    private static let path = """
        {"name":"agency","in":"path","required":true,"example":7,"schema":{"$ref":"#/components/schemas/Key"}},
        {"name":"member","in":"path","required":true,"example":12,"schema":{"$ref":"#/components/schemas/Key"}}
        """

    private static let base = "/rn/agencies/{agency}/agency_members/{member}"

    private static let orders = """
        "\(base)/credit_order_options":{"get":{"operationId":"options","summary":"Credit packages that can be ordered",
        "security":[{"bearer":[]}],"parameters":[\(path)],
        "responses":{"200":\(answer("The packages.", "Options")),\(errors([401, 404, 503]))}}},
        "\(base)/credit_balance":{"get":{"operationId":"balance","summary":"The agency's credits",
        "security":[{"bearer":[]}],"parameters":[\(path)],
        "responses":{"200":\(answer("The balance.", "Balance")),\(errors([401, 404, 503]))}}},
        "\(base)/credit_orders":{"get":{"operationId":"orders","summary":"The agency's orders, newest first",
        "security":[{"bearer":[]}],"parameters":[\(path),
        {"name":"limit","in":"query","schema":{"type":"integer","minimum":1,"maximum":100,"default":20}},
        {"name":"cursor","in":"query","description":"next_cursor of the page before",
        "schema":{"type":"string","pattern":"^[1-9][0-9]{0,17}$"}}],
        "responses":{"200":\(answer("A page.", "Orders")),\(errors([400, 401, 404, 503]))}}},
        "\(base)/credit_order":{"post":{"operationId":"place","summary":"Orders a package and invoices it",
        "security":[{"bearer":[]}],"parameters":[\(path),
        {"name":"Idempotency-Key","in":"header","description":"The same key with the same body is the same order",
        "schema":{"type":"string","minLength":1,"maxLength":255,"pattern":"^[A-Za-z0-9_-]+$"}}],
        "requestBody":{"required":true,"content":{"application/json":
        {"schema":{"$ref":"#/components/schemas/NewOrder"}}}},
        "responses":{"201":\(answer("The order, to be paid at hosted_invoice_url.", "OneOrder", links: links)),
        \(errors([400, 401, 404, 408, 409, 413, 422, 503]))}}},
        "\(base)/credit_orders/{order}":{"delete":{"operationId":"cancel",
        "summary":"Voids or deletes the invoice, then cancels the order","security":[{"bearer":[]}],
        "parameters":[\(path),
        {"name":"order","in":"path","required":true,"example":1,"schema":{"$ref":"#/components/schemas/Key"}}],
        "responses":{"200":\(answer("The cancelled order.", "OneOrder")),\(errors([401, 404, 409, 503]))}}}
        """

    private static let machines = """
        "/healthz":{"get":{"operationId":"health","summary":"The process lives",
        "responses":{"200":\(answer("It does.", "Status")),\(errors([]))}}},
        "/readyz":{"get":{"operationId":"ready","summary":"The database is there and of this program's schema",
        "responses":{"200":\(answer("It is.", "Status")),\(errors([503]))}}},
        "/openapi.json":{"get":{"operationId":"document","summary":"This document",
        "responses":{"200":{"description":"It.","content":{"application/json":{"schema":{"type":"object"}}}},
        \(errors([]))}}},
        "/metrics":{"get":{"operationId":"metrics","summary":"Figures in Prometheus' text format",
        "responses":{"200":{"description":"The figures.","content":{"text/plain":{"schema":{"type":"string"}}}},
        \(errors([]))}}}
        """

    private static func object(_ required: [String], _ properties: String) -> String {
        let names = required.map { "\"\($0)\"" }.joined(separator: ",")
        return """
            {"type":"object","required":[\(names)],"additionalProperties":false,"properties":{\(properties)}}
            """
    }

    private static let components = """
        {"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"}},"schemas":{
        "Key":{"type":"integer","minimum":1,"maximum":9223372036854775807},
        "Error":\(object(["error"], ##""error":"## + object(["code", "message"], ##"""
        "code":{"type":"string"},"message":{"type":"string"}
        """##))),
        "Status":\(object(["status"], ##""status":{"type":"string"}"##)),
        "Receipt":\(object(["received", "outcome"], ##"""
        "received":{"const":true},"outcome":{"enum":["done","already_done","ignored"]},
        "deliveries":{"type":"integer","minimum":1}
        """##)),
        "Options":\(object(["options"], ##""options":{"type":"array","items":"## + object(
            ["id", "credits", "price_cents", "currency"], ##"""
            "id":{"type":"integer"},"credits":{"type":"integer"},"price_cents":{"type":"integer"},
            "currency":{"const":"usd"}
            """##) + "}")),
        "NewOrder":{"type":"object","required":["option_id"],"properties":{
        "option_id":{"type":"integer","minimum":1,"maximum":9223372036854775807,"examples":[1,3]}}},
        "Order":\(order),"OneOrder":\(object(["order"], ##""order":{"$ref":"#/components/schemas/Order"}"##)),
        "Orders":\(object(["orders", "next_cursor"], ##"""
        "orders":{"type":"array","items":{"$ref":"#/components/schemas/Order"}},
        "next_cursor":{"type":["string","null"]}
        """##)),
        "Balance":\(object(["agency_id", "balance"], ##"""
        "agency_id":{"type":"integer"},"balance":{"type":"integer"},"updated_at":{"type":"string"}
        """##))}}
        """

    private static let order = object(
        ["id", "state", "credits", "amount_cents", "currency", "created_at"],
        ##"""
        "id":{"type":"integer"},"state":{"enum":["open","paid","cancelled"]},"agency_member_id":{"type":"integer"},
        "option_id":{"type":"integer"},"credits":{"type":"integer"},"amount_cents":{"type":"integer"},
        "currency":{"type":"string"},"stripe_invoice_id":{"type":"string"},"hosted_invoice_url":{"type":"string"},
        "created_at":{"type":"string"},"paid_at":{"type":"string"},"cancelled_at":{"type":"string"}
        """##)
}
