extension InvoiceRenderer {
    func write(
        _ slot: InvoiceSlot.Block, _ record: InvoiceRecord, _ customer: CustomerRecord?, _ layout: InvoiceLayout,
        to pen: inout Pen
    ) {
        let depth = layout.depth
        switch slot {
        case .lines: writeLines(record, layout.lines, to: &pen)
        case .metadata: writeMetadata(record, depth: depth + 1, to: &pen)
        case .customerAddress: customer.map { $0.writeAddress(depth: depth + 1, to: &pen) } ?? pen.text("null")
        case .customFields: writeCustomFields(record, depth: depth + 1, to: &pen)
        case .paymentMethodOptions: writeMethodOptions(record, depth: depth + 2, to: &pen)
        case .paymentMethodTypes: writeMethodTypes(record, depth: depth + 2, to: &pen)
        case .subscriptionMetadata: pen.text(record.isOneOff ? "null" : "{}")
        case .rendering: writeRendering(record, layout, to: &pen)
        case .totalTaxAmounts:
            writeTaxAmounts(
                record.taxPercent == 0 ? nil : record.tax, of: record.subtotal, record, layout.version,
                depth: depth + 1, to: &pen)
        case .parent: writeParent(record, depth: depth + 1, to: &pen)
        // Written by who has them.
        case .payments: break
        }
    }

    private func writeLines(_ record: InvoiceRecord, _ layout: LineLayout, to pen: inout Pen) {
        let shown = min(record.lines, InvoiceRecord.linesShown)
        guard shown > 0 else { return pen.text("[]") }
        pen.text("[")
        for position in 0..<shown {
            if position > 0 { pen.text(",") }
            pen.line(layout.depth)
            writeLine(record, position, layout, to: &pen)
        }
        pen.line(layout.depth - 1)
        pen.text("]")
    }

    /// The metadata as a JSON object; `depth` is that of its closing brace.
    private func writeMetadata(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        if let words = record.words { return pen.metadata(words.metadata, depth: depth) }
        switch record.theme {
        case .plain:
            guard record.hash & 3 != 0 else { return pen.text("{}") }
            pen.text("{")
            pen.line(depth + 1)
            pen.text("\"source\": \"")
            pen.base62(record.hash >> 8, digits: 8)
            pen.text("\",")
            pen.line(depth + 1)
            pen.text("\"user_id\": \"")
            pen.base62(record.hash >> 4, digits: 10)
            pen.text("\"")
            pen.line(depth)
            pen.text("}")
        case .order(let order, let agency, let member, _):
            pen.text("{")
            number("agency_id", agency, depth: depth, last: false, to: &pen)
            number("agency_member_id", member, depth: depth, last: false, to: &pen)
            number("order_id", order, depth: depth, last: true, to: &pen)
            pen.line(depth)
            pen.text("}")
        case .agency(let agency):
            pen.text("{")
            number("agency_id", agency, depth: depth, last: true, to: &pen)
            pen.line(depth)
            pen.text("}")
        }
    }

    private func number(_ name: StaticString, _ value: Int64, depth: Int, last: Bool, to pen: inout Pen) {
        pen.line(depth + 1)
        pen.text("\"")
        pen.text(name)
        pen.text("\": \"")
        pen.integer(value)
        pen.text(last ? "\"" : "\",")
    }

    private func writeCustomFields(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        guard record.words == nil, case .order(let order, let agency, _, _) = record.theme else {
            return pen.text("null")
        }
        pen.text("[")
        for (name, value, last) in [("Order", order, false), ("Agency", agency, true)] {
            pen.line(depth + 1)
            pen.text("{")
            pen.line(depth + 2)
            pen.text("\"name\": ")
            pen.quoted(name)
            pen.text(",")
            pen.line(depth + 2)
            pen.text("\"value\": \"")
            pen.integer(value)
            pen.text("\"")
            pen.line(depth + 1)
            pen.text(last ? "}" : "},")
        }
        pen.line(depth)
        pen.text("]")
    }

    private func writeMethodOptions(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        guard record.words == nil, case .order = record.theme else { return pen.text("null") }
        pen.text("{")
        for method: StaticString in ["acss_debit", "bancontact", "card", "customer_balance", "konbini"] {
            pen.line(depth + 1)
            pen.text("\"")
            pen.text(method)
            pen.text("\": null,")
        }
        pen.line(depth + 1)
        pen.text("\"us_bank_account\": {")
        pen.line(depth + 2)
        pen.text("\"financial_connections\": {")
        pen.line(depth + 3)
        pen.text("\"permissions\": [")
        pen.line(depth + 4)
        pen.text("\"payment_method\"")
        pen.line(depth + 3)
        pen.text("]")
        pen.line(depth + 2)
        pen.text("},")
        pen.line(depth + 2)
        pen.text("\"verification_method\": \"automatic\"")
        pen.line(depth + 1)
        pen.text("}")
        pen.line(depth)
        pen.text("}")
    }

    private func writeMethodTypes(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        guard record.words == nil, case .order = record.theme else { return pen.text("null") }
        pen.text("[")
        pen.line(depth + 1)
        pen.text("\"card\",")
        pen.line(depth + 1)
        pen.text("\"us_bank_account\"")
        pen.line(depth)
        pen.text("]")
    }

    private func writeRendering(_ record: InvoiceRecord, _ layout: InvoiceLayout, to pen: inout Pen) {
        guard record.isOneOff else { return pen.text("null") }
        let depth = layout.depth + 1
        pen.text("{")
        pen.line(depth + 1)
        pen.text("\"amount_tax_display\": null,")
        pen.line(depth + 1)
        pen.text("\"pdf\": {")
        pen.line(depth + 2)
        pen.text(record.finalizedSeconds == nil ? "\"page_size\": \"auto\"" : "\"page_size\": \"letter\"")
        pen.line(depth + 1)
        pen.text("}")
        if layout.version == .dahlia {
            pen.text(",")
            pen.line(depth + 1)
            pen.text("\"template\": null,")
            pen.line(depth + 1)
            pen.text("\"template_version\": null")
        }
        pen.line(depth)
        pen.text("}")
    }

    private func writeParent(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        guard !record.isOneOff else { return pen.text("null") }
        pen.text("{")
        pen.line(depth + 1)
        pen.text("\"quote_details\": null,")
        pen.line(depth + 1)
        pen.text("\"subscription_details\": {")
        pen.line(depth + 2)
        pen.text("\"metadata\": {},")
        pen.line(depth + 2)
        pen.text("\"subscription\": \"")
        pen.id(.subscription, record.subscription, createdSeconds: 0, in: space)
        pen.text("\"")
        pen.line(depth + 1)
        pen.text("},")
        pen.line(depth + 1)
        pen.text("\"type\": \"subscription_details\"")
        pen.line(depth)
        pen.text("}")
    }
}

extension Pen {
    /// Keys and values as a JSON object in the order of the keys; `depth` is that of its closing brace.
    mutating func metadata(_ pairs: [(key: String, value: String)], depth: Int) {
        guard !pairs.isEmpty else { return text("{}") }
        text("{")
        for (position, pair) in pairs.enumerated() {
            line(depth + 1)
            quoted(pair.key)
            text(": ")
            quoted(pair.value)
            if position < pairs.count - 1 { text(",") }
        }
        line(depth)
        text("}")
    }
}
