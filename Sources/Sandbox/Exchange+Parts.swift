/// Charges, refunds, disputes, credit notes and the payments of invoices.
extension Exchange {
    private static let listParameters: Set<String> = ["ending_before", "expand", "limit", "starting_after"]

    /// A filter that no object passes where the id is not one of ours.
    private func index(_ name: String, _ kind: ObjectKind) -> Int64? {
        parameters.value(name).flatMap { $0.isEmpty ? nil : $0 }.map {
            world.renderer.space.index(of: $0, kind: kind) ?? -2
        }
    }

    private func isIntent(_ wanted: String?) -> (IntentRecord) -> Bool {
        guard let wanted, !wanted.isEmpty else { return { _ in true } }
        let space = world.renderer.space
        guard let found = world.view.intent(id: wanted) else { return { _ in false } }
        return { $0.kind == found.kind && $0.index == found.index && space.index(of: wanted, kind: $0.kind) != nil }
    }

    private func list(
        _ kind: Part.Kind, url: String, where isIncluded: @escaping (PartRecord) -> Bool
    ) throws(SandboxError) -> Answer {
        let expanding: Bool
        switch kind {
        case .refund, .dispute:
            expanding = try chargeExpansion("data.charge") != nil && !world.account.ignoresExpansion
        case .charge, .creditNote:
            try refuseExpansion()
            expanding = false
        }
        let entries = world.partIndex.entries(kind, of: world.history)
        let page = try world.view.parts(kind, entries, try parameters.listFilter(), where: isIncluded)
        let renderer = world.partRenderer
        return Answer(
            list: page, url: url, ids: listedIDs(page) { renderer.id($0) },
            bound: { renderer.sizeBound($0, version, expanding: expanding) },
            write: { renderer.write($0, version, depth: 2, expanding: expanding, to: &$1) })
    }

    func listCharges() throws(SandboxError) -> Answer {
        try parameters.allow(
            Self.listParameters.union(["created", "customer", "payment_intent", "transfer_group"]))
        let customer = index("customer", .customer)
        let belongs = isIntent(parameters.value("payment_intent"))
        let hasGroup = parameters.value("transfer_group")?.isEmpty == false
        return try list(.charge, url: "/v1/charges") { record in
            !hasGroup && (customer == nil || record.intent.customer == customer) && belongs(record.intent)
        }
    }

    func listRefunds() throws(SandboxError) -> Answer {
        try parameters.allow(Self.listParameters.union(["charge", "created", "payment_intent"]))
        let charge = index("charge", .charge)
        let belongs = isIntent(parameters.value("payment_intent"))
        return try list(.refund, url: "/v1/refunds") { record in
            let attempt = record.intent.aftermath.refunds[record.part.number].attempt
            return (charge == nil || record.intent.part(.charge, attempt).index == charge) && belongs(record.intent)
        }
    }

    func listDisputes() throws(SandboxError) -> Answer {
        try parameters.allow(Self.listParameters.union(["charge", "created", "payment_intent"]))
        let charge = index("charge", .charge)
        let belongs = isIntent(parameters.value("payment_intent"))
        return try list(.dispute, url: "/v1/disputes") { record in
            let attempt = record.intent.aftermath.disputes[record.part.number].attempt
            return (charge == nil || record.intent.part(.charge, attempt).index == charge) && belongs(record.intent)
        }
    }

    /// `created` can be given in later versions only.
    func listCreditNotes() throws(SandboxError) -> Answer {
        let added: Set<String> = version == .dahlia ? ["created", "customer", "invoice"] : ["customer", "invoice"]
        try parameters.allow(Self.listParameters.union(added))
        let customer = index("customer", .customer)
        let invoice = index("invoice", .invoice)
        return try list(.creditNote, url: "/v1/credit_notes") { record in
            (customer == nil || record.invoice?.customer == customer)
                && (invoice == nil || record.invoice?.index == invoice)
        }
    }

    func retrievePart(_ kind: Part.Kind) throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        guard let record = world.view.part(kind, id: id) else { throw .noSuch(kind.noun, id, param: "id") }
        return answer(record)
    }

    private func answer(_ record: PartRecord) -> Answer {
        let renderer = world.partRenderer
        return Answer(bound: renderer.sizeBound(record, version)) {
            renderer.write(record, version, depth: 0, to: &$0)
        }
    }

    func createRefund() throws(SandboxError) -> Answer {
        try parameters.allow(["amount", "charge", "expand", "metadata", "payment_intent", "reason"])
        try refuseExpansion()
        let charge = parameters.value("charge")
        guard let named = charge ?? parameters.value("payment_intent"), !named.isEmpty else {
            throw SandboxError(
                400,
                "One of the following params should be provided for this request: payment_intent or charge.")
        }
        let reason = parameters.value("reason")
        let reasons = ["duplicate", "fraudulent", "requested_by_customer"]
        if let reason, !reasons.contains(reason) {
            throw SandboxError(
                400, "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer", param: "reason")
        }
        let amount = try parameters.integer("amount")
        let metadata = merged([], with: parameters.map("metadata"))
        return answer(
            try change { change throws(SandboxError) in
                let charge = try change.charge(named, param: charge == nil ? "payment_intent" : "charge")
                return try change.refund(charge, amount: amount, reason: reason, metadata: metadata)
            })
    }

    func createCreditNote() throws(SandboxError) -> Answer {
        try parameters.allow([
            "amount", "credit_amount", "expand", "invoice", "memo", "metadata", "out_of_band_amount", "reason",
            "refund_amount",
        ])
        try refuseExpansion()
        let invoiceID = try parameters.required("invoice")
        guard let amount = try parameters.integer("amount") else { throw .missing("amount") }
        let refund = try parameters.integer("refund_amount") ?? 0
        let credit = try parameters.integer("credit_amount")
        let other = try parameters.integer("out_of_band_amount")
        let reason = parameters.value("reason")
        let reasons = ["duplicate", "fraudulent", "order_change", "product_unsatisfactory"]
        if let reason, !reasons.contains(reason) {
            throw SandboxError(
                400,
                "Invalid reason: must be one of duplicate, fraudulent, order_change, or product_unsatisfactory",
                param: "reason")
        }
        let draft = Change.CreditNoteDraft(
            amount: amount, refundAmount: refund, reason: reason, memo: parameters.value("memo"),
            metadata: merged([], with: parameters.map("metadata")))
        return answer(
            try change { change throws(SandboxError) in
                guard let invoice = change.view.invoice(id: invoiceID) else {
                    throw .noSuch("invoice", invoiceID, param: "invoice", status: 400)
                }
                let parts = refund + (credit ?? 0) + (other ?? 0)
                guard invoice.status != .paid || parts == amount else {
                    throw .state(
                        "The sum of credit amount, refund amount and out of band amount (\(parts)) must equal the "
                            + "credit note amount (\(amount)).")
                }
                return try change.issue(draft, on: invoice)
            })
    }

    /// Only later versions have them; in earlier ones an intent names its invoice.
    func listInvoicePayments() throws(SandboxError) -> Answer {
        try requireDahlia()
        try parameters.allow(Self.listParameters.union(["created", "invoice", "payment", "status"]))
        try refuseExpansion()
        let invoice = index("invoice", .invoice)
        let status = parameters.value("status")
        if let status, !["open", "paid", "canceled"].contains(status) {
            throw SandboxError(400, "Invalid status: must be one of open, paid, or canceled", param: "status")
        }
        let belongs = try isPayment()
        let page = try world.view.invoicePayments(try parameters.listFilter()) { payment in
            (invoice == nil || payment.invoice.index == invoice) && belongs(payment.intent)
                && (status == nil || payment.intent.paymentStatus == status)
        }
        let renderer = world.partRenderer
        return Answer(
            list: page, url: "/v1/invoice_payments",
            ids: listedIDs(page) {
                world.renderer.space.text($0.kind, $0.index, createdSeconds: $0.createdSeconds)
            },
            bound: { _ in renderer.paymentSizeBound },
            write: { renderer.writePayment($0, depth: 2, to: &$1) })
    }

    /// The filter `payment`: by an intent or by a kind of payment, of which a charge is none that can be asked for.
    private func isPayment() throws(SandboxError) -> (IntentRecord) -> Bool {
        let names: Set<String> = ["payment_intent", "payment_record", "type"]
        for (key, _) in parameters.map("payment") where !names.contains(key) { throw .unknown("payment[\(key)]") }
        let type = parameters.value("payment", "type")
        if let type, type != "payment_intent", type != "payment_record" {
            throw SandboxError(
                400, "Invalid payment[type]: must be one of payment_intent or payment_record", param: "payment[type]")
        }
        let wanted = parameters.value("payment", "payment_intent")
        guard wanted == nil || type == "payment_intent" else { throw .missing("payment[type]") }
        let recorded = parameters.value("payment", "payment_record")
        guard recorded == nil || type == "payment_record" else { throw .missing("payment[type]") }
        let belongs = isIntent(wanted)
        let renderer = world.partRenderer
        return { intent in
            switch type {
            case nil: true
            case "payment_record":
                intent.means == .record && (recorded == nil || recorded == renderer.recordID(intent))
            default: intent.means == .intent && belongs(intent)
            }
        }
    }

    func retrieveInvoicePayment() throws(SandboxError) -> Answer {
        try requireDahlia()
        try parameters.allow(["expand"])
        try refuseExpansion()
        guard let payment = world.view.invoicePayment(id: id) else {
            throw .noSuch("invoice_payment", id, param: "invoice_payment")
        }
        let renderer = world.partRenderer
        return Answer(bound: renderer.paymentSizeBound) { renderer.writePayment(payment, depth: 0, to: &$0) }
    }

    private func requireDahlia() throws(SandboxError) {
        guard version == .dahlia else { throw .unrecognized("GET", "/v1/invoice_payments") }
    }
}

extension IntentRecord {
    /// What the payment of an invoice says of its intent.
    var paymentStatus: String {
        switch status {
        case .succeeded: "paid"
        case .canceled: "canceled"
        default: "open"
        }
    }
}
