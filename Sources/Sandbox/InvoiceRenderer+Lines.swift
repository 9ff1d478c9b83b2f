extension InvoiceRenderer {
    /// An upper bound of the bytes that one line needs.
    func lineSizeBound(_ record: InvoiceRecord, _ layout: LineLayout) -> Int {
        layout.item.sizeBound + 2_048 + 6 * record.wordsLength
    }

    func writeLine(_ record: InvoiceRecord, _ position: Int, _ layout: LineLayout, to pen: inout Pen) {
        let line = record.line(position)
        let template = record.isOneOff ? layout.item : layout.subscription
        template.write(to: &pen) { slot, pen in
            switch slot {
            case .taxAmounts:
                writeTaxAmounts(
                    record.taxPercent == 0 ? nil : record.lineTax(position), of: line.amount, record, layout.version,
                    depth: layout.depth + 1, to: &pen)
            case .taxRates: writeTaxRates(record, depth: layout.depth + 1, to: &pen)
            case .metadata: pen.metadata(line.metadata, depth: layout.depth + 1)
            case .description: writeDescription(line, to: &pen)
            default: write(slot, line, record, to: &pen)
            }
        }
    }

    private func write(_ slot: LineSlot, _ line: InvoiceLine, _ record: InvoiceRecord, to pen: inout Pen) {
        let created = line.createdSeconds
        switch slot {
        case .id: pen.id(.lineItem, line.item, createdSeconds: created, in: space)
        case .amount: pen.integer(line.amount)
        case .unitAmount: pen.integer(line.unitAmount)
        case .quantity: pen.integer(line.quantity)
        case .created, .periodStart: pen.integer(created)
        case .periodEnd: pen.integer(record.isOneOff ? created : created + 2_592_000)
        case .currency: record.currency.write(to: &pen)
        case .livemode: pen.boolean(livemode)
        case .invoice: pen.id(.invoice, record.index, createdSeconds: record.createdSeconds, in: space)
        case .invoiceItem: pen.id(.invoiceItem, line.item, createdSeconds: created, in: space)
        case .price: pen.id(.price, line.item, createdSeconds: created, in: space)
        case .product: pen.id(.product, line.item, createdSeconds: 0, in: space)
        case .subscription: pen.id(.subscription, record.subscription, createdSeconds: 0, in: space)
        case .subscriptionItem: pen.id(.subscriptionItem, record.subscription, createdSeconds: 0, in: space)
        case .taxAmounts, .taxRates, .metadata, .description: break
        }
    }

    func writeDescription(_ line: InvoiceLine, to pen: inout Pen) {
        switch line.words {
        case .custom(let text): pen.quoted(optional: text)
        case .credits(let credits):
            pen.text("\"")
            pen.integer(credits)
            pen.text(" assessment credits\"")
        case .plain(let hash):
            switch hash & 3 {
            case 0: pen.text("\"Pro plan × 1 (per month)\"")
            case 1: pen.text("\"Consulting — phase II\"")
            case 2: pen.text("\"Overage for API calls, 1,000-unit block\"")
            default: pen.text("\"Seat licence “team”\"")
            }
        }
    }

    /// `nil` for no tax at all, which is an empty list.
    func writeTaxAmounts(
        _ tax: Int64?, of amount: Int64, _ record: InvoiceRecord, _ version: SandboxAPIVersion, depth: Int,
        to pen: inout Pen
    ) {
        guard let tax else { return pen.text("[]") }
        pen.text("[")
        pen.line(depth + 1)
        pen.text("{")
        pen.line(depth + 2)
        pen.text("\"amount\": ")
        pen.integer(tax)
        pen.text(",")
        pen.line(depth + 2)
        if version == .v2023 {
            pen.text("\"inclusive\": false,")
            pen.line(depth + 2)
            pen.text("\"tax_rate\": \"")
            pen.id(.taxRate, record.taxPercent, createdSeconds: Self.taxRateSeconds, in: space)
            pen.text("\",")
        } else {
            pen.text("\"tax_behavior\": \"exclusive\",")
            pen.line(depth + 2)
            pen.text("\"tax_rate_details\": {")
            pen.line(depth + 3)
            pen.text("\"tax_rate\": \"")
            pen.id(.taxRate, record.taxPercent, createdSeconds: Self.taxRateSeconds, in: space)
            pen.text("\"")
            pen.line(depth + 2)
            pen.text("},")
        }
        pen.line(depth + 2)
        pen.text("\"taxability_reason\": \"standard_rated\",")
        pen.line(depth + 2)
        pen.text("\"taxable_amount\": ")
        pen.integer(amount)
        if version == .dahlia {
            pen.text(",")
            pen.line(depth + 2)
            pen.text("\"type\": \"tax_rate_details\"")
        }
        pen.line(depth + 1)
        pen.text("}")
        pen.line(depth)
        pen.text("]")
    }

    private static var taxRateSeconds: Int64 { 1_675_000_000 }

    /// The members of a tax rate; `nil` where the value depends on the rate or the account.
    private static let taxRateMembers: [(StaticString, StaticString?)] = [
        ("id", nil), ("object", "\"tax_rate\""), ("active", "true"), ("country", "null"), ("created", nil),
        ("description", "null"), ("display_name", "\"Tax\""), ("effective_percentage", nil),
        ("inclusive", "false"), ("jurisdiction", "null"), ("livemode", nil), ("metadata", "{}"),
        ("percentage", nil), ("state", "null"), ("tax_type", "\"vat\""),
    ]

    private func writeTaxRates(_ record: InvoiceRecord, depth: Int, to pen: inout Pen) {
        guard record.taxPercent > 0 else { return pen.text("[]") }
        pen.text("[")
        pen.line(depth + 1)
        pen.text("{")
        for (position, member) in Self.taxRateMembers.enumerated() {
            if position > 0 { pen.text(",") }
            pen.line(depth + 2)
            pen.text("\"")
            pen.text(member.0)
            pen.text("\": ")
            if let value = member.1 {
                pen.text(value)
            } else {
                writeTaxRateMember(position, record, to: &pen)
            }
        }
        pen.line(depth + 1)
        pen.text("}")
        pen.line(depth)
        pen.text("]")
    }

    private func writeTaxRateMember(_ position: Int, _ record: InvoiceRecord, to pen: inout Pen) {
        switch position {
        case 0:
            pen.text("\"")
            pen.id(.taxRate, record.taxPercent, createdSeconds: Self.taxRateSeconds, in: space)
            pen.text("\"")
        case 4: pen.integer(Self.taxRateSeconds)
        case 10: pen.boolean(livemode)
        default:
            pen.integer(record.taxPercent)
            pen.text(".0")
        }
    }
}
