/// A payment method of a customer's.
struct MethodRecord: Sendable {
    var index: Int64
    var createdSeconds: Int64
    var customer: Int64
    /// The test method that it was made from, such as `pm_card_visa`: it says what charges come to.
    var origin: String

    var isBank: Bool { origin.lowercased().contains("bankaccount") }

    func id(_ space: IDSpace) -> String { space.text(.attachedMethod, index, createdSeconds: createdSeconds) }

    private var card: JSON {
        let checks = ["address_line1_check", "address_postal_code_check", "cvc_check"].map { ($0, JSON.null) }
        return .object([
            ("brand", .string("visa")), ("checks", .object(checks)), ("country", .string("US")),
            ("exp_month", .integer(8)), ("exp_year", .integer(2_034)), ("fingerprint", .null),
            ("funding", .string("credit")), ("generated_from", .null), ("last4", .string("4242")),
            ("networks", .object([("available", .array([.string("visa")])), ("preferred", .null)])),
            ("three_d_secure_usage", .object([("supported", .boolean(true))])), ("wallet", .null),
        ])
    }

    private var bank: JSON {
        .object([
            ("account_holder_type", .string("company")), ("account_type", .string("checking")),
            ("bank_name", .string("STRIPE TEST BANK")), ("financial_connections_account", .null),
            ("fingerprint", .null), ("last4", .string("6789")), ("networks", .null),
            ("routing_number", .string("110000000")), ("status_details", .null),
        ])
    }

    func json(_ version: SandboxAPIVersion, livemode: Bool, space: IDSpace) -> JSON {
        let address = ["city", "country", "line1", "line2", "postal_code", "state"].map { ($0, JSON.null) }
        var billing: [(String, JSON)] = [
            ("address", .object(address)), ("email", .null), ("name", .null), ("phone", .null),
        ]
        if version == .dahlia { billing.append(("tax_id", .null)) }
        var members: [(String, JSON)] = [
            ("id", .string(id(space))), ("object", .string("payment_method")), ("billing_details", .object(billing)),
            isBank ? ("us_bank_account", bank) : ("card", card), ("created", .integer(createdSeconds)),
            ("customer", .string(space.text(.customer, customer, createdSeconds: 0))),
        ]
        if version == .dahlia { members.append(("customer_account", .null)) }
        members += [
            ("livemode", .boolean(livemode)), ("metadata", .object([])),
            ("type", .string(isBank ? "us_bank_account" : "card")),
        ]
        return .object(members)
    }
}

/// A bank account of the older API for sources.
struct BankRecord: Sendable {
    var index: Int64
    var createdSeconds: Int64
    var customer: Int64
    var metadata: [(key: String, value: String)]

    func id(_ space: IDSpace) -> String { space.text(.bankAccount, index, createdSeconds: createdSeconds) }

    func json(space: IDSpace) -> JSON {
        .object([
            ("id", .string(id(space))), ("object", .string("bank_account")), ("account_holder_name", .null),
            ("account_holder_type", .string("company")), ("account_type", .null),
            ("bank_name", .string("STRIPE TEST BANK")), ("country", .string("US")), ("currency", .string("usd")),
            ("customer", .string(space.text(.customer, customer, createdSeconds: 0))), ("fingerprint", .null),
            ("last4", .string("6789")), ("metadata", .map(metadata)), ("routing_number", .string("110000000")),
            // Plaid has verified it before.
            ("status", .string("verified")),
        ])
    }
}

/// A way to pay that is being set up.
struct SetupRecord: Sendable {
    var index: Int64
    var createdSeconds: Int64
    /// -1: nobody's.
    var customer: Int64
    var description: String?
    var kinds: [String]
    var usage: String
    /// The method that it was confirmed with.
    var method: String?
    var metadata: [(key: String, value: String)]

    func id(_ space: IDSpace) -> String { space.text(.setupIntent, index, createdSeconds: createdSeconds) }

    func json(_ version: SandboxAPIVersion, livemode: Bool, space: IDSpace) -> JSON {
        let id = id(space)
        let customerID: JSON =
            customer < 0 ? .null : .string(space.text(.customer, customer, createdSeconds: 0))
        var members: [(String, JSON)] = [
            ("id", .string(id)), ("object", .string("setup_intent")), ("application", .null),
            ("automatic_payment_methods", .null), ("cancellation_reason", .null),
            ("client_secret", .string("\(id)_secret_\(Base62.text(scrambled(UInt64(bitPattern: index)), digits: 10))")),
            ("created", .integer(createdSeconds)), ("customer", customerID),
        ]
        if version == .dahlia {
            members += [("customer_account", .null), ("excluded_payment_method_types", .null)]
        }
        members += [
            ("description", .optional(description)), ("flow_directions", .null), ("last_setup_error", .null),
            ("latest_attempt", .null), ("livemode", .boolean(livemode)), ("mandate", .null),
            ("metadata", .map(metadata)), ("next_action", .null), ("on_behalf_of", .null),
            ("payment_method", .optional(method)), ("payment_method_configuration_details", .null),
            ("payment_method_options", .object([])), ("payment_method_types", .array(kinds.map { .string($0) })),
            ("single_use_mandate", .null), ("status", .string(method == nil ? "requires_payment_method" : "succeeded")),
            ("usage", .string(usage)),
        ]
        return .object(members)
    }
}
