extension IntentRecord {
    /// The Checkout session behind the intent (https://docs.stripe.com/api/checkout/sessions/object).
    func checkoutSession(_ version: SandboxAPIVersion, _ space: IDSpace, _ livemode: Bool) -> JSON {
        let isOpen = status == .requiresPaymentMethod
        let customerID: JSON =
            customer < 0 ? .null : .string(space.text(.customer, customer, createdSeconds: 0))
        let words = ["after_submit", "shipping_address", "submit", "terms_of_service_acceptance"]
        var tax: [(String, JSON)] = [("enabled", .boolean(false)), ("liability", .null)]
        if version == .dahlia { tax.append(("provider", .null)) }
        tax.append(("status", .null))
        return .object([
            ("id", .string(space.text(.checkoutSession, index, createdSeconds: createdSeconds))),
            ("object", .string("checkout.session")), ("after_expiration", .null), ("allow_promotion_codes", .null),
            ("amount_subtotal", .integer(amount)), ("amount_total", .integer(amount)), ("automatic_tax", .object(tax)),
            ("billing_address_collection", .null), ("cancel_url", .string("https://example.com/cancel")),
            ("client_reference_id", .null), ("consent", .null), ("consent_collection", .null),
            ("created", .integer(createdSeconds)), ("currency", .string(currency.code)),
            ("currency_conversion", .null), ("custom_fields", .array([])),
            ("custom_text", .object(words.map { ($0, .null) })), ("customer", customerID),
            ("customer_creation", .null), ("customer_details", .null), ("customer_email", .null),
            ("expires_at", .integer(createdSeconds + 86_400)), ("invoice", .null), ("invoice_creation", .null),
            ("livemode", .boolean(livemode)), ("locale", .null), ("metadata", .map(metadata)),
            ("mode", .string("payment")),
            ("payment_intent", .string(space.text(kind, index, createdSeconds: createdSeconds))),
            ("payment_link", .null), ("payment_method_collection", .string("if_required")),
            ("payment_method_configuration_details", .null), ("payment_method_options", .object([])),
            ("payment_method_types", .array([.string("card")])),
            ("payment_status", .string(status == .succeeded ? "paid" : "unpaid")),
            ("phone_number_collection", .object([("enabled", .boolean(false))])), ("recovered_from", .null),
            ("setup_intent", .null), ("shipping_address_collection", .null), ("shipping_cost", .null),
            ("shipping_options", .array([])), ("status", .string(isOpen ? "open" : "complete")),
            ("submit_type", .null), ("subscription", .null), ("success_url", .string("https://example.com/done")),
            (
                "total_details",
                .object(["amount_discount", "amount_shipping", "amount_tax"].map { ($0, .integer(0)) })
            ),
            ("ui_mode", .string(version == .dahlia ? "hosted_page" : "hosted")),
            ("url", isOpen ? .string("https://checkout.stripe.com/c/pay/cs_test") : .null),
        ])
    }
}
