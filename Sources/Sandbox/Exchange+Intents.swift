extension Exchange {
    func listIntents() throws(SandboxError) -> Answer {
        try parameters.allow(["created", "customer", "ending_before", "expand", "limit", "starting_after"])
        let charges = try chargeExpansion("data.latest_charge")
        let filter = try parameters.listFilter()
        let customer = parameters.value("customer").map {
            world.renderer.space.index(of: $0, kind: .customer) ?? -2
        }
        let page = try world.view.intents(filter) { customer == nil || $0.customer == customer }
        let renderer = world.intentRenderer
        return Answer(
            list: page, url: "/v1/payment_intents", ids: listedIDs(page) { world.partRenderer.intentID($0) },
            bound: { renderer.sizeBound($0, version, expanding: charges) },
            write: { renderer.write($0, version, depth: 2, expanding: charges, to: &$1) })
    }

    func retrieveIntent() throws(SandboxError) -> Answer {
        try parameters.allow(["client_secret", "expand"])
        let charges = try chargeExpansion("latest_charge")
        guard let intent = world.view.intent(id: id) else { throw .noSuch("payment_intent", id, param: "intent") }
        return answer(intent, expanding: charges)
    }

    func createIntent() throws(SandboxError) -> Answer {
        try parameters.allow([
            "amount", "automatic_payment_methods", "capture_method", "confirm", "currency", "customer", "description",
            "expand", "metadata", "off_session", "payment_method", "payment_method_types", "receipt_email",
            "return_url", "setup_future_usage", "statement_descriptor",
        ])
        try refuseExpansion()
        let amount = try amount(required: true) ?? 0
        let code = try parameters.required("currency")
        guard let currency = Currency(code) else {
            throw SandboxError(
                400, "Invalid currency: \(code). Stripe currently supports three-letter ISO codes.", param: "currency")
        }
        let customerID = text("customer")
        let method = text("payment_method")
        let confirms = try parameters.boolean("confirm") ?? false
        let isOffSession = try parameters.boolean("off_session") ?? false
        guard !confirms || method != nil else { throw Self.noMethod }
        let now = world.clock.nowSeconds
        let made = try change { change throws(SandboxError) in
            var customer: Int64 = -1
            if let customerID {
                guard let found = change.view.customer(id: customerID) else {
                    throw .noSuch("customer", customerID, param: "customer", status: 400)
                }
                customer = found.index
            }
            let outcome = try method.map { method throws(SandboxError) in
                try change.confirmation(of: method, customer: customer, isOffSession: isOffSession)
            }
            let seed = change.history.seed
            let intent = change.createIntent { index in
                var record = IntentRecord(
                    kind: .intent, index: index, hash: scrambled(UInt64(bitPattern: index) ^ seed),
                    createdSeconds: now, amount: amount, currency: currency, customer: customer)
                record.description = text("description")
                record.metadata = merged([], with: parameters.map("metadata"))
                record.capturesManually = parameters.value("capture_method") == "manual"
                record.status = method == nil ? .requiresPaymentMethod : .requiresConfirmation
                return record
            }
            guard confirms, let outcome else { return intent }
            return try change.confirm(intent, outcome)
        }
        return try outcome(made, isConfirmed: confirms)
    }

    func updateIntent() throws(SandboxError) -> Answer {
        try parameters.allow([
            "amount", "currency", "customer", "description", "expand", "metadata", "payment_method",
            "payment_method_types", "receipt_email",
        ])
        try refuseExpansion()
        let amount = try amount(required: false)
        let customer = text("customer")
        let updated = try change { change throws(SandboxError) in
            var intent = try change.intent(id: id, to: "update")
            if intent.status == .succeeded || intent.status == .canceled || intent.status == .processing,
                amount != nil || customer != nil || parameters.has("payment_method")
            {
                throw .unexpected(
                    "This PaymentIntent's amount, customer or payment method could not be updated because it has a "
                        + "status of \(intent.status.rawValue).")
            }
            if let amount { intent.amount = amount }
            if let customer {
                guard let found = change.view.customer(id: customer) else {
                    throw .noSuch("customer", customer, param: "customer", status: 400)
                }
                intent.customer = found.index
            }
            if let method = text("payment_method") {
                _ = try change.confirmation(of: method, customer: intent.customer, isOffSession: false)
                intent.status = .requiresConfirmation
            }
            if parameters.has("description") { intent.description = text("description") }
            let old = parameters.value("metadata") == "" ? [] : intent.metadata
            intent.metadata = merged(old, with: parameters.map("metadata"))
            change.store(intent)
            return intent
        }
        return answer(updated)
    }

    func confirmIntent() throws(SandboxError) -> Answer {
        try parameters.allow([
            "expand", "off_session", "payment_method", "payment_method_types", "receipt_email", "return_url",
            "setup_future_usage",
        ])
        try refuseExpansion()
        let method = text("payment_method")
        let isOffSession = try parameters.boolean("off_session") ?? false
        let done = try change { change throws(SandboxError) in
            let intent = try change.intent(id: id, to: "confirm")
            guard method != nil || intent.status != .requiresPaymentMethod else { throw Self.noMethod.executed() }
            let outcome = try change.confirmation(
                of: method ?? "pm_card_visa", customer: intent.customer, isOffSession: isOffSession)
            return try change.confirm(intent, outcome)
        }
        return try outcome(done, isConfirmed: true)
    }

    func captureIntent() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        let done = try change { change throws(SandboxError) in
            let intent = try change.intent(id: id, to: "capture")
            guard intent.status == .requiresCapture else {
                throw .unexpected(
                    "This PaymentIntent could not be captured because it has a status of \(intent.status.rawValue). "
                        + "Only a PaymentIntent with one of the following statuses may be captured: requires_capture.")
            }
            return try change.complete(intent, .succeeded)
        }
        return answer(done)
    }

    func cancelIntent() throws(SandboxError) -> Answer {
        try parameters.allow(["cancellation_reason", "expand"])
        try refuseExpansion()
        let reason = parameters.value("cancellation_reason")
        let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"]
        if let reason, !reasons.contains(reason) {
            throw SandboxError(
                400,
                "Invalid cancellation_reason: must be one of duplicate, fraudulent, requested_by_customer, or "
                    + "abandoned", param: "cancellation_reason")
        }
        return answer(
            try change { change throws(SandboxError) in
                try change.cancel(try change.intent(id: id, to: "cancel"), reason: reason)
            })
    }

    private static let noMethod = SandboxError(
        400,
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            + "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            + "payment method.",
        code: "payment_intent_unexpected_state")

    private func amount(required: Bool) throws(SandboxError) -> Int64? {
        guard let amount = try parameters.integer("amount") else {
            if required { throw .missing("amount") }
            return nil
        }
        guard amount >= 50 else {
            throw SandboxError(
                400,
                "The amount must be greater than or equal to the minimum charge amount allowed for your account and "
                    + "the currency set (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).",
                code: amount < 1 ? "parameter_invalid_integer" : "amount_too_small", param: "amount")
        }
        return amount
    }

    /// A declined card is an error that carries the intent (https://docs.stripe.com/api/errors).
    private func outcome(_ intent: IntentRecord, isConfirmed: Bool) throws(SandboxError) -> Answer {
        guard isConfirmed, let decline = intent.lastDecline else { return answer(intent) }
        let renderer = world.intentRenderer
        let json = String(unsafeUninitializedCapacity: renderer.sizeBound(intent)) { buffer in
            var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
            renderer.write(intent, version, depth: 2, to: &pen)
            return pen.count
        }
        var error = SandboxError(402, decline.message, code: decline.code).executed()
        error.type = "card_error"
        error.declineCode = decline.declineCode
        error.charge = intent.latestCharge.map { world.partRenderer.id($0) }
        error.paymentIntent = json
        throw error
    }

    private func answer(_ intent: IntentRecord, expanding charges: PartRenderer? = nil) -> Answer {
        let renderer = world.intentRenderer
        return Answer(bound: renderer.sizeBound(intent, version, expanding: charges)) {
            renderer.write(intent, version, depth: 0, expanding: charges, to: &$0)
        }
    }

    /// The sessions that made an intent: at most one.
    func listCheckoutSessions() throws(SandboxError) -> Answer {
        try parameters.allow(["ending_before", "expand", "limit", "payment_intent", "starting_after"])
        try refuseExpansion()
        let wanted = try parameters.required("payment_intent")
        let intent = world.view.intent(id: wanted).flatMap { $0.hasCheckoutSession ? $0 : nil }
        let rows = [intent].compactMap { $0?.checkoutSession(version, world.renderer.space, world.account.livemode) }
        return Answer(
            list: ListPage(rows: rows, hasMore: false, total: parameters.countsAll ? rows.count : nil),
            url: "/v1/checkout/sessions", ids: [],
            bound: { $0.sizeBound(depth: 2) }, write: { $0.write(depth: 2, to: &$1) })
    }
}
