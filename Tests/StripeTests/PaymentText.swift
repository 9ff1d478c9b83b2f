import Support

/// Small objects about money, member by member, so that a test states only what differs.
struct PaymentText: Sendable {
    var members: [(String, String)]

    init(_ object: String, _ members: [(String, String)]) {
        self.members =
            [("id", #""x_1""#), ("object", "\"\(object)\""), ("created", "1706200000"), ("currency", #""usd""#)]
            + members
    }

    static let refund = PaymentText(
        "refund",
        [("amount", "700"), ("status", #""succeeded""#), ("payment_intent", #""pi_1""#), ("charge", #""ch_1""#)])
    static let dispute = PaymentText(
        "dispute",
        [
            ("amount", "700"), ("livemode", "false"), ("status", #""needs_response""#), ("charge", #""ch_1""#),
            ("payment_intent", #""pi_1""#), ("reason", #""fraudulent""#),
        ])
    static let creditNote = PaymentText(
        "credit_note",
        [
            ("amount", "700"), ("total", "690"), ("livemode", "false"), ("status", #""issued""#),
            ("type", #""post_payment""#), ("invoice", #""in_1""#),
        ])
    static let invoicePayment = PaymentText(
        "invoice_payment",
        [
            ("amount_requested", "700"), ("amount_paid", "null"), ("livemode", "false"), ("status", #""open""#),
            ("invoice", #""in_1""#), ("payment", #"{"type": "payment_intent", "payment_intent": "pi_1"}"#),
        ])
    static let charge = PaymentText(
        "charge",
        [
            ("amount", "700"), ("amount_refunded", "0"), ("livemode", "false"), ("status", #""succeeded""#),
            ("paid", "true"), ("refunded", "false"), ("disputed", "false"), ("payment_intent", #""pi_1""#),
        ])
    static let intent = PaymentText(
        "payment_intent",
        [
            ("amount", "700"), ("amount_received", "0"), ("livemode", "false"), ("status", #""succeeded""#),
            ("latest_charge", "null"),
        ])

    func with(_ key: String, _ value: String?) -> PaymentText {
        var copy = self
        copy.members.removeAll { $0.0 == key }
        if let value {
            copy.members.append((key, value))
        }
        return copy
    }

    var json: String {
        "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    var bytes: [UInt8] { Array(json.utf8) }

    /// A list of some.
    static func list(_ objects: [PaymentText], hasMore: Bool = false) -> [ScriptedServer.Step] {
        let data = objects.map(\.json).joined(separator: ",")
        return ScriptedServer.answer(
            #"{"object":"list","url":"/v1/x","has_more":\#(hasMore),"data":[\#(data)]}"#,
            headers: ["Request-Id": "req_list"])
    }
}
