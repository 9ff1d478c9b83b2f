/// The gaps in the text of an event.
enum EventSlot: String, Sendable {
    case id, created, livemode, object, type
    case apiVersion = "api_version"
    case idempotencyKey = "idempotency_key"
    case pendingWebhooks = "pending_webhooks"
    case previousAttributes = "previous_attributes"
    case requestID = "request_id"
}

/// An event as it is answered, derived from the history or written by a change.
struct EventRecord: Sendable {
    var kind: ObjectKind
    /// The serial in its id.
    var index: Int64
    var event: RecordedEvent
}

/// Writes events as Stripe does. The object in an event keeps the version of the account, whatever version the
/// request asks for (https://docs.stripe.com/api/events).
struct EventRenderer: Sendable {
    let version: SandboxAPIVersion
    let invoices: InvoiceRenderer
    let intents: IntentRenderer
    let parts: PartRenderer
    private let templates: [Template<EventSlot>]

    init(version: SandboxAPIVersion, invoices: InvoiceRenderer, intents: IntentRenderer, parts: PartRenderer) {
        self.version = version
        self.invoices = invoices
        self.intents = intents
        self.parts = parts
        templates = [0, 2].map { Template(EventText.any, depth: $0) { EventSlot(rawValue: $0) } }
    }

    func sizeBound(_ record: EventRecord, customer: CustomerRecord?) -> Int {
        let fixed = templates[1].sizeBound + 1_024
        switch record.event.payload {
        case .invoice(let before, let after):
            let layout = invoices.layout(.v2023, depth: 4)
            let other = invoices.layout(.dahlia, depth: 4)
            let size = max(
                invoices.sizeBound(after, customer: customer, layout: layout),
                invoices.sizeBound(after, customer: customer, layout: other))
            guard let before else { return fixed + size }
            return fixed + size + previous(before, after, .v2023).sizeBound(depth: 6)
        case .intent(let intent): return fixed + intents.sizeBound(intent)
        case .customer(let customer):
            return fixed + customer.json(livemode: invoices.livemode, space: invoices.space).sizeBound(depth: 6)
        case .item(let item):
            return fixed + item.json(version, livemode: invoices.livemode, space: invoices.space).sizeBound(depth: 6)
        case .part(let part): return fixed + parts.sizeBound(part, .dahlia) + parts.sizeBound(part, .v2023)
        }
    }

    /// `depth` is 0 for an event alone, 2 for one in a list. A webhook has the version of its endpoint.
    func write(
        _ record: EventRecord, customer: CustomerRecord?, depth: Int, version pinned: SandboxAPIVersion? = nil,
        to pen: inout Pen
    ) {
        let event = record.event
        let version = pinned ?? version
        templates[depth / 2].write(to: &pen) { slot, pen in
            switch slot {
            case .id: pen.id(record.kind, record.index, createdSeconds: event.createdSeconds, in: invoices.space)
            case .created: pen.integer(event.createdSeconds)
            case .livemode: pen.boolean(invoices.livemode)
            case .type: pen.text(event.type)
            case .apiVersion: pen.text(version.rawValue)
            case .idempotencyKey: pen.quoted(optional: event.idempotencyKey)
            case .requestID: pen.quoted(optional: event.requestID)
            case .pendingWebhooks: pen.integer(event.pendingWebhooks)
            case .object: writeObject(event.payload, version, customer: customer, depth: depth + 2, to: &pen)
            case .previousAttributes:
                guard case .invoice(let before?, let after) = event.payload else { return }
                pen.text(",")
                pen.line(depth + 2)
                pen.text("\"previous_attributes\": ")
                previous(before, after, version).write(depth: depth + 2, to: &pen)
            }
        }
    }

    private func writeObject(
        _ payload: RecordedEvent.Payload, _ version: SandboxAPIVersion, customer: CustomerRecord?, depth: Int,
        to pen: inout Pen
    ) {
        switch payload {
        case .invoice(_, let invoice):
            invoices.write(invoice, customer: customer, layout: invoices.layout(version, depth: depth), to: &pen)
        case .intent(let intent): intents.write(intent, version, depth: depth, to: &pen)
        case .customer(let customer):
            customer.json(livemode: invoices.livemode, space: invoices.space).write(depth: depth, to: &pen)
        case .item(let item):
            item.json(version, livemode: invoices.livemode, space: invoices.space).write(depth: depth, to: &pen)
        case .part(let part): parts.write(part, version, depth: depth, to: &pen)
        }
    }

    /// What an update changed, with the values from before.
    private func previous(
        _ before: InvoiceRecord, _ after: InvoiceRecord, _ version: SandboxAPIVersion
    ) -> JSON {
        var members: [(String, JSON)] = []
        func compare(_ name: String, _ old: Int64?, _ new: Int64?) {
            if old != new { members.append((name, .optional(old))) }
        }
        compare("amount_due", before.amountDue, after.amountDue)
        compare("amount_paid", before.amountPaid, after.amountPaid)
        compare("amount_remaining", before.amountRemaining, after.amountRemaining)
        compare("attempt_count", before.attemptCount, after.attemptCount)
        if before.attempted != after.attempted { members.append(("attempted", .boolean(before.attempted))) }
        if before.autoAdvance != after.autoAdvance { members.append(("auto_advance", .boolean(before.autoAdvance))) }
        let texts = (invoices.description(of: before), invoices.description(of: after))
        if texts.0 != texts.1 { members.append(("description", .optional(texts.0))) }
        compare("effective_at", before.finalizedSeconds, after.finalizedSeconds)
        if before.finalizedSeconds == nil, after.finalizedSeconds != nil {
            members += ["ending_balance", "hosted_invoice_url", "invoice_pdf"].map { ($0, .null) }
        }
        compareMetadata(before, after, &members)
        compare("post_payment_credit_notes_amount", before.postPaymentCredit, after.postPaymentCredit)
        compare("pre_payment_credit_notes_amount", before.prePaymentCredit, after.prePaymentCredit)
        if before.finalizedSeconds == nil, after.finalizedSeconds != nil { members.append(("number", .null)) }
        if version == .v2023, (before.status == .paid) != (after.status == .paid) {
            members.append(("paid", .boolean(before.status == .paid)))
        }
        if before.status != after.status { members.append(("status", .string(before.status.rawValue))) }
        compareTransitions(before, after, &members)
        compare("subtotal", before.subtotal, after.subtotal)
        compare("total", before.total, after.total)
        return .object(members)
    }

    private func compareMetadata(
        _ before: InvoiceRecord, _ after: InvoiceRecord, _ members: inout [(String, JSON)]
    ) {
        let old = Dictionary(invoices.metadata(of: before).map { ($0.key, $0.value) }) { $1 }
        let new = Dictionary(invoices.metadata(of: after).map { ($0.key, $0.value) }) { $1 }
        let changed = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
        guard !changed.isEmpty else { return }
        members.append(("metadata", .object(changed.map { ($0, .optional(old[$0])) })))
    }

    private func compareTransitions(
        _ before: InvoiceRecord, _ after: InvoiceRecord, _ members: inout [(String, JSON)]
    ) {
        let times: [(String, Int64?, Int64?)] = [
            ("finalized_at", before.finalizedSeconds, after.finalizedSeconds),
            ("marked_uncollectible_at", before.uncollectibleSeconds, after.uncollectibleSeconds),
            ("paid_at", before.paidSeconds, after.paidSeconds),
            ("voided_at", before.voidedSeconds, after.voidedSeconds),
        ]
        let changed = times.filter { $0.1 != $0.2 }.map { ($0.0, JSON.optional($0.1)) }
        if !changed.isEmpty { members.append(("status_transitions", .object(changed))) }
    }
}
