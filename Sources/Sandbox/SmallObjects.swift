/// Customers, invoice items and the account as JSON.
extension CustomerRecord {
    func json(livemode: Bool, space: IDSpace) -> JSON {
        var pieces = [String?](repeating: nil, count: 3)
        for position in 0..<3 {
            let text = String(unsafeUninitializedCapacity: 64 + 6 * wordsLength) { buffer in
                var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
                switch position {
                case 0: writeName(to: &pen)
                case 1: writeEmail(to: &pen)
                default: writePhone(to: &pen)
                }
                return pen.count
            }
            pieces[position] = text == "null" ? nil : String(text.dropFirst().dropLast())
        }
        let generated = isGeneratedPerson
        return .object([
            ("id", .string(space.text(.customer, index, createdSeconds: 0))), ("object", .string("customer")),
            ("address", .null), ("balance", .integer(0)), ("created", .integer(createdSeconds)),
            ("currency", .null), ("default_source", .optional(defaultSource)), ("delinquent", .boolean(false)),
            ("description", .optional(description)), ("discount", .null),
            ("email", .optional(generated ? pieces[1] : email)),
            ("invoice_prefix", .string(Base62.text(scrambled(hash) & 0xFFFF_FFFF, digits: 8).uppercased())),
            (
                "invoice_settings",
                .object([
                    ("custom_fields", .null), ("default_payment_method", .optional(defaultMethod)), ("footer", .null),
                    ("rendering_options", .null),
                ])
            ),
            ("livemode", .boolean(livemode)), ("metadata", .map(metadata)),
            ("name", .optional(generated ? pieces[0] : name)), ("next_invoice_sequence", .integer(1)),
            ("phone", .optional(generated ? pieces[2] : phone)), ("preferred_locales", .array([])),
            ("shipping", .null), ("tax_exempt", .string("none")), ("test_clock", .null),
        ])
    }
}

extension ItemRecord {
    func json(_ version: SandboxAPIVersion, livemode: Bool, space: IDSpace) -> JSON {
        let price = space.text(.price, index, createdSeconds: createdSeconds)
        let product = space.text(.product, index, createdSeconds: 0)
        let unit = String(unitAmount)
        var members: [(String, JSON)] = [
            ("id", .string(space.text(.invoiceItem, index, createdSeconds: createdSeconds))),
            ("object", .string("invoiceitem")), ("amount", .integer(amount)), ("currency", .string(currency.code)),
            ("customer", .string(space.text(.customer, customer, createdSeconds: 0))),
        ]
        if version == .dahlia { members.append(("customer_account", .null)) }
        members += [
            ("date", .integer(createdSeconds)), ("description", .optional(description)),
            ("discountable", .boolean(true)), ("discounts", .array([])),
            (
                "invoice",
                .optional(invoice.map { space.text(.invoice, $0.index, createdSeconds: $0.createdSeconds) })
            ),
            ("livemode", .boolean(livemode)), ("metadata", .map(metadata)),
        ]
        if version == .dahlia { members.append(("parent", .null)) }
        members.append(
            ("period", .object([("end", .integer(createdSeconds)), ("start", .integer(createdSeconds))])))
        if version == .v2023 {
            members += [
                ("price", fullPrice(price, product, livemode: livemode)), ("proration", .boolean(false)),
                ("quantity", .integer(quantity)), ("subscription", .null), ("tax_rates", .array([])),
                ("test_clock", .null), ("unit_amount", .integer(unitAmount)), ("unit_amount_decimal", .string(unit)),
            ]
        } else {
            let details = JSON.object([("price", .string(price)), ("product", .string(product))])
            members += [
                (
                    "pricing",
                    .object([
                        ("price_details", details), ("type", .string("price_details")),
                        ("unit_amount_decimal", .string(unit)),
                    ])
                ),
                ("proration", .boolean(false)), ("quantity", .integer(quantity)),
                ("quantity_decimal", .string(String(quantity))), ("tax_rates", .array([])), ("test_clock", .null),
            ]
        }
        return .object(members)
    }

    private func fullPrice(_ id: String, _ product: String, livemode: Bool) -> JSON {
        .object([
            ("id", .string(id)), ("object", .string("price")), ("active", .boolean(false)),
            ("billing_scheme", .string("per_unit")), ("created", .integer(createdSeconds)),
            ("currency", .string(currency.code)), ("custom_unit_amount", .null), ("livemode", .boolean(livemode)),
            ("lookup_key", .null), ("metadata", .object([])), ("nickname", .null), ("product", .string(product)),
            ("recurring", .null), ("tax_behavior", .string("unspecified")), ("tiers_mode", .null),
            ("transform_quantity", .null), ("type", .string("one_time")), ("unit_amount", .integer(unitAmount)),
            ("unit_amount_decimal", .string(String(unitAmount))),
        ])
    }
}

extension SandboxAccount {
    var json: JSON {
        .object([
            ("id", .string(accountID)), ("object", .string("account")),
            ("business_profile", .object([("name", .string(displayName)), ("support_email", .null), ("url", .null)])),
            ("business_type", .null),
            (
                "capabilities",
                .object([
                    ("card_payments", .string("active")), ("transfers", .string("active")),
                    ("us_bank_account_ach_payments", .string("active")),
                ])
            ),
            ("charges_enabled", .boolean(true)), ("controller", .object([("type", .string("account"))])),
            ("country", .string("US")), ("created", .integer(1_577_836_800)), ("default_currency", .string("usd")),
            ("details_submitted", .boolean(true)), ("email", .string("billing@example.com")),
            ("metadata", .object([])), ("payouts_enabled", .boolean(true)),
            ("settings", settings), ("type", .string("standard")),
        ])
    }

    private var settings: JSON {
        .object([
            (
                "branding",
                .object(["icon", "logo", "primary_color", "secondary_color"].map { ($0, .null) })
            ),
            (
                "card_payments",
                .object(
                    [
                        "statement_descriptor_prefix", "statement_descriptor_prefix_kana",
                        "statement_descriptor_prefix_kanji",
                    ].map { ($0, .null) })
            ),
            (
                "dashboard",
                .object([("display_name", .string(displayName)), ("timezone", .string("Etc/UTC"))])
            ),
            (
                "payments",
                .object(
                    [
                        "statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji",
                    ].map { ($0, .null) })
            ),
        ])
    }
}
