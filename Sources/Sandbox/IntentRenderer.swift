/// The gaps in the text of a payment intent.
enum IntentSlot: String, Sendable {
    case id, amount, created, currency, customer, description, invoice, livemode, metadata, secret, status
    case amountCapturable = "amount_capturable"
    case amountReceived = "amount_received"
    case automaticPaymentMethods = "automatic_payment_methods"
    case canceledAt = "canceled_at"
    case cancellationReason = "cancellation_reason"
    case captureMethod = "capture_method"
    case lastPaymentError = "last_payment_error"
    case latestCharge = "latest_charge"
    case nextAction = "next_action"
    case paymentMethod = "payment_method"
}

/// Writes payment intents as Stripe does.
struct IntentRenderer: Sendable {
    let space: IDSpace
    let livemode: Bool
    private let templates: [Template<IntentSlot>]

    init(space: IDSpace, livemode: Bool) {
        self.space = space
        self.livemode = livemode
        templates = [IntentText.v2023, IntentText.dahlia].flatMap { text in
            [0, 2, 4].map { Template(text, depth: $0) { IntentSlot(rawValue: $0) } }
        }
    }

    /// - Parameter expanding: writes the latest charge whole, where it was asked for.
    func sizeBound(
        _ record: IntentRecord, _ version: SandboxAPIVersion = .v2023, expanding parts: PartRenderer? = nil
    ) -> Int {
        let charge = parts.flatMap { parts in record.latestCharge.map { parts.sizeBound($0, version) } } ?? 0
        return templates[2].sizeBound + 4_096 + charge
            + 6 * (record.metadata.wordsLength + (record.description ?? "").utf8.count)
    }

    func write(
        _ record: IntentRecord, _ version: SandboxAPIVersion, depth: Int, expanding parts: PartRenderer? = nil,
        to pen: inout Pen
    ) {
        templates[version.position * 3 + depth / 2].write(to: &pen) { slot, pen in
            if slot == .latestCharge, let parts, let charge = record.latestCharge {
                return parts.write(charge, version, depth: depth + 1, to: &pen)
            }
            write(slot, record, version, depth: depth, to: &pen)
        }
    }

    private func write(
        _ slot: IntentSlot, _ record: IntentRecord, _ version: SandboxAPIVersion, depth: Int, to pen: inout Pen
    ) {
        switch slot {
        case .id: pen.id(record.kind, record.index, createdSeconds: record.createdSeconds, in: space)
        case .amount: pen.integer(record.amount)
        case .amountCapturable: pen.integer(record.status == .requiresCapture ? record.amount : 0)
        case .amountReceived: pen.integer(record.status == .succeeded ? record.amount : 0)
        case .automaticPaymentMethods: pen.text("null")
        case .canceledAt: pen.optional(record.canceledSeconds)
        case .cancellationReason: pen.quoted(optional: record.cancellationReason)
        case .captureMethod: pen.text(record.capturesManually ? "manual" : "automatic")
        case .created: pen.integer(record.createdSeconds)
        case .currency: record.currency.write(to: &pen)
        case .customer: id(.customer, record.customer < 0 ? nil : record.customer, 0, to: &pen)
        case .description: pen.quoted(optional: record.description)
        case .invoice: id(.invoice, record.invoice?.index, record.invoice?.createdSeconds ?? 0, to: &pen)
        case .lastPaymentError: lastError(record).write(depth: depth + 1, to: &pen)
        case .latestCharge:
            let charge = record.latestCharge
            id(.charge, charge?.part.index, charge?.createdSeconds ?? 0, to: &pen)
        case .livemode: pen.boolean(livemode)
        case .metadata: pen.metadata(record.metadata, depth: depth + 1)
        case .nextAction: nextAction(record).write(depth: depth + 1, to: &pen)
        case .paymentMethod:
            let has = record.status != .requiresPaymentMethod && record.status != .canceled
            id(.paymentMethod, has ? record.index : nil, record.createdSeconds, to: &pen)
        case .secret:
            pen.base62(record.hash, digits: 10)
            pen.base62(scrambled(record.hash), digits: 10)
        case .status: pen.text(record.strangeStatus ?? record.status.rawValue)
        }
    }

    private func id(_ kind: ObjectKind, _ index: Int64?, _ createdSeconds: Int64, to pen: inout Pen) {
        guard let index else { return pen.text("null") }
        pen.text("\"")
        pen.id(kind, index, createdSeconds: createdSeconds, in: space)
        pen.text("\"")
    }

    private func lastError(_ record: IntentRecord) -> JSON {
        guard let decline = record.lastDecline, let charge = record.latestCharge else { return .null }
        var members: [(String, JSON)] = [
            ("charge", .string(space.text(.charge, charge.part.index, createdSeconds: charge.createdSeconds))),
            ("code", .string(decline.code)),
        ]
        if let code = decline.declineCode { members.append(("decline_code", .string(code))) }
        members += [
            ("doc_url", .string(decline.page)), ("message", .string(decline.message)), ("type", .string("card_error")),
        ]
        return .object(members)
    }

    private func nextAction(_ record: IntentRecord) -> JSON {
        guard record.status == .requiresAction else { return .null }
        return .object([
            (
                "redirect_to_url",
                .object([
                    ("return_url", .string("https://example.com/return")),
                    ("url", .string("https://hooks.stripe.com/3d_secure_2/hosted")),
                ])
            ),
            ("type", .string("redirect_to_url")),
        ])
    }
}
