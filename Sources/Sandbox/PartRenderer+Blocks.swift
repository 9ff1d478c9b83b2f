extension PartRenderer {
    /// What the network said of an attempt.
    func outcome(_ attempt: IntentAttempt, _ intent: IntentRecord, _ version: SandboxAPIVersion) -> JSON {
        var members: [(String, JSON)] = []
        if version == .dahlia {
            members = ["advice_code", "network_advice_code", "network_decline_code"].map { ($0, .null) }
        }
        let decline = attempt.decline
        let seller =
            decline.map { "The bank returned the decline code `\($0.rawValue)`." } ?? "Payment complete."
        members += [
            ("network_status", .string(decline == nil ? "approved_by_network" : "declined_by_network")),
            ("reason", .optional(decline?.rawValue)), ("risk_level", .string("normal")),
            ("risk_score", .integer(Int64(intent.hash >> 11 & 63))), ("seller_message", .string(seller)),
            ("type", .string(decline == nil ? "authorized" : "issuer_declined")),
        ]
        return .object(members)
    }

    /// The card or the bank account that paid.
    func methodDetails(_ intent: IntentRecord, _ version: SandboxAPIVersion) -> JSON {
        guard !intent.isBankTransfer else {
            return .object([
                ("type", .string("us_bank_account")),
                (
                    "us_bank_account",
                    .object([
                        ("account_holder_type", .string("company")), ("account_type", .string("checking")),
                        ("bank_name", .string("STRIPE TEST BANK")), ("fingerprint", .string("FFDMA0xfhBjWSZLu")),
                        ("last4", .string("6789")), ("routing_number", .string("110000000")),
                    ])
                ),
            ])
        }
        let unavailable = JSON.object([("status", .string("unavailable"))])
        let checks = JSON.object([
            ("address_line1_check", .null), ("address_postal_code_check", .null), ("cvc_check", .string("pass")),
        ])
        var card: [(String, JSON)] = [("amount_authorized", .integer(intent.amount))]
        if version == .dahlia {
            card.append(("authorization_code", .string(String(100_000 + intent.hash % 900_000))))
        }
        card += [
            ("brand", .string("visa")), ("checks", checks), ("country", .string("US")), ("exp_month", .integer(8)),
            ("exp_year", .integer(2_030)), ("extended_authorization", .object([("status", .string("disabled"))])),
            ("fingerprint", .string("w4XDzQOFakih5EZM")), ("funding", .string("credit")),
            ("incremental_authorization", unavailable), ("installments", .null), ("last4", .string("4242")),
            ("mandate", .null), ("multicapture", unavailable), ("network", .string("visa")),
            ("network_token", .object([("used", .boolean(false))])),
            (
                "overcapture",
                .object([("maximum_amount_capturable", .integer(intent.amount)), ("status", .string("unavailable"))])
            ),
        ]
        if version == .dahlia { card.append(("regulated_status", .string("unregulated"))) }
        card += [("three_d_secure", .null), ("wallet", .null)]
        return .object([("card", .object(card)), ("type", .string("card"))])
    }

    /// - Parameter charge: the charge in full, laid out for its place; `nil` for its id.
    func disputeJSON(_ record: PartRecord, _ version: SandboxAPIVersion, charge: String? = nil) -> JSON {
        let dispute = record.intent.aftermath.disputes[record.part.number]
        let isNew = version == .dahlia
        var evidence: [(String, JSON)] = Self.evidence.map { ($0, .null) }
        var details: [(String, JSON)] = [
            ("due_by", .integer(record.createdSeconds + 1_295_999)), ("has_evidence", .boolean(false)),
            ("past_due", .boolean(false)), ("submission_count", .integer(0)),
        ]
        if isNew {
            evidence.insert(("enhanced_evidence", .object([])), at: 10)
            details.insert(("enhanced_eligibility", .object([])), at: 1)
        }
        var card: [(String, JSON)] = [("brand", .string("visa"))]
        if isNew { card += [("case_type", .string("chargeback")), ("network", .string("visa"))] }
        card.append(("network_reason_code", .string("10.4")))
        var members: [(String, JSON)] = [
            ("id", .string(id(record))), ("object", .string("dispute")), ("amount", .integer(dispute.amount)),
            ("balance_transactions", .array([])),
            ("charge", charge.map { .raw($0) } ?? .string(chargeID(record.intent, dispute.attempt))),
            ("created", .integer(record.createdSeconds)), ("currency", .string(record.intent.currency.code)),
        ]
        if isNew { members.append(("enhanced_eligibility_types", .array([]))) }
        members += [
            ("evidence", .object(evidence)), ("evidence_details", .object(details)),
            ("is_charge_refundable", .boolean(false)), ("livemode", .boolean(livemode)), ("metadata", .object([])),
            ("payment_intent", record.intent.means == .intent ? .string(intentID(record.intent)) : .null),
            ("payment_method_details", .object([("card", .object(card)), ("type", .string("card"))])),
            ("reason", .string(dispute.reason)), ("status", .string(dispute.status.rawValue)),
        ]
        return .object(members)
    }

    private static let evidence = [
        "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
        "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
        "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation",
        "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt", "refund_policy",
        "refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation",
        "shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation",
        "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
    ]
}

/// Credit notes.
extension PartRenderer {
    func creditNoteJSON(_ record: PartRecord, _ version: SandboxAPIVersion) -> JSON {
        guard let invoice = record.invoice else { return .null }
        let note = invoice.aftermath.creditNotes[record.part.number]
        let isNew = version == .dahlia
        let own = id(record)
        let amount = JSON.integer(note.amount)
        let refund = note.refund.flatMap { record.intent.record(.refund, $0) }.map { id($0) }
        var members: [(String, JSON)] = [
            ("id", .string(own)), ("object", .string("credit_note")), ("amount", amount),
            ("amount_shipping", .integer(0)), ("created", .integer(note.createdSeconds)),
            ("currency", .string(invoice.currency.code)),
            ("customer", .string(space.text(.customer, max(0, invoice.customer), createdSeconds: 0))),
        ]
        if isNew { members.append(("customer_account", .null)) }
        members += [
            ("customer_balance_transaction", .null), ("discount_amount", .integer(0)),
            ("discount_amounts", .array([])), ("effective_at", .integer(note.createdSeconds)),
            ("invoice", .string(space.text(.invoice, invoice.index, createdSeconds: invoice.createdSeconds))),
            ("lines", lines(record, note, own, version)), ("livemode", .boolean(livemode)),
            ("memo", .optional(note.memo)), ("metadata", .map(note.metadata)),
            ("number", .string(number(record))), ("out_of_band_amount", .null),
            (
                "pdf",
                .string("https://pay.stripe.com/credit_notes/\(accountID)/test_\(own.dropFirst(4))/pdf?s=ap")
            ),
        ]
        if isNew {
            members += [
                ("post_payment_amount", note.isPostPayment ? amount : .integer(0)),
                ("pre_payment_amount", note.isPostPayment ? .integer(0) : amount),
                ("pretax_credit_amounts", .array([])),
            ]
        }
        members.append(("reason", .optional(note.reason)))
        members.append(isNew ? ("refunds", refunds(note, refund)) : ("refund", .optional(refund)))
        members += [
            ("shipping_cost", .null), ("status", .string("issued")), ("subtotal", amount),
            ("subtotal_excluding_tax", amount),
        ]
        if !isNew { members.append(("tax_amounts", .array([]))) }
        members += [("total", amount), ("total_excluding_tax", amount)]
        if isNew { members.append(("total_taxes", .array([]))) }
        members += [
            ("type", .string(note.isPostPayment ? "post_payment" : "pre_payment")), ("voided_at", .null),
        ]
        return .object(members)
    }

    private func refunds(_ note: Aftermath.CreditNote, _ refund: String?) -> JSON {
        guard let refund else { return .array([]) }
        return .array([
            .object([
                ("amount_refunded", .integer(note.amount)), ("payment_record_refund", .null),
                ("refund", .string(refund)), ("type", .string("refund")),
            ])
        ])
    }

    private func number(_ record: PartRecord) -> String {
        let customer = Base62.text(scrambled(UInt64(bitPattern: record.intent.customer)), digits: 8).uppercased()
        return "\(customer)-\(10_000 + (record.part.owner & 0xFFFFF))-CN-0\(record.part.number + 1)"
    }

    private func lines(
        _ record: PartRecord, _ note: Aftermath.CreditNote, _ own: String, _ version: SandboxAPIVersion
    ) -> JSON {
        let amount = JSON.integer(note.amount)
        let text = JSON.string(String(note.amount))
        let line = space.text(.creditNoteLine, record.part.index, createdSeconds: note.createdSeconds)
        var members: [(String, JSON)] = [
            ("id", .string(line)), ("object", .string("credit_note_line_item")), ("amount", amount),
        ]
        if version == .v2023 { members.append(("amount_excluding_tax", amount)) }
        members += [
            ("description", .string(note.memo ?? "Credit")), ("discount_amount", .integer(0)),
            ("discount_amounts", .array([])), ("livemode", .boolean(livemode)),
        ]
        if version == .dahlia { members.append(("pretax_credit_amounts", .array([]))) }
        members.append(("quantity", .integer(1)))
        if version == .v2023 { members.append(("tax_amounts", .array([]))) }
        members.append(("tax_rates", .array([])))
        if version == .dahlia { members.append(("taxes", .array([]))) }
        members += [("type", .string("custom_line_item")), ("unit_amount", amount), ("unit_amount_decimal", text)]
        if version == .v2023 { members.append(("unit_amount_excluding_tax", text)) }
        return .object([
            ("object", .string("list")), ("data", .array([.object(members)])), ("has_more", .boolean(false)),
            ("url", .string("/v1/credit_notes/\(own)/lines")),
        ])
    }
}
