extension Exchange {
    func createInvoice() throws(SandboxError) -> Answer {
        try parameters.allow([
            "auto_advance", "collection_method", "currency", "customer", "days_until_due", "description", "due_date",
            "expand", "footer", "metadata", "pending_invoice_items_behavior",
        ])
        try refuseExpansion()
        let customerID = try parameters.required("customer")
        let now = world.clock.nowSeconds
        var draft = InvoiceRecord(index: 0, hash: 0, createdSeconds: now)
        draft.autoAdvance = try parameters.boolean("auto_advance") ?? false
        draft.sendsInvoice = parameters.value("collection_method") == "send_invoice"
        draft.dueSeconds = try dueSeconds(sends: draft.sendsInvoice, now: now)
        draft.currency = try currency(default: .usd)
        let behavior = parameters.value("pending_invoice_items_behavior") ?? "exclude"
        guard ["include", "exclude"].contains(behavior) else {
            throw SandboxError(
                400, "Invalid pending_invoice_items_behavior: must be one of include or exclude",
                param: "pending_invoice_items_behavior")
        }
        let words = InvoiceWords(
            metadata: merged([], with: parameters.map("metadata")), description: text("description"),
            footer: text("footer"), lines: [])
        let made = try change { change throws(SandboxError) in
            guard let customer = change.view.customer(id: customerID) else {
                throw .noSuch("customer", customerID, param: "customer", status: 400)
            }
            draft.customer = customer.index
            return change.createInvoice(draft, words: words, includesPending: behavior == "include")
        }
        return answer(made, in: world.view)
    }

    private func currency(default standard: Currency) throws(SandboxError) -> Currency {
        guard let code = text("currency") else { return standard }
        guard let currency = Currency(code) else {
            throw SandboxError(
                400, "Invalid currency: \(code). Stripe currently supports three-letter ISO codes.", param: "currency")
        }
        return currency
    }

    private func dueSeconds(sends: Bool, now: Int64) throws(SandboxError) -> Int64? {
        let days = try parameters.integer("days_until_due")
        let date = try parameters.integer("due_date")
        guard sends else {
            guard days == nil, date == nil else {
                throw SandboxError(
                    400,
                    "You can only specify 'due_date' or 'days_until_due' if invoice collection method is "
                        + "'send_invoice'.")
            }
            return nil
        }
        if let date { return date }
        guard let days else {
            throw SandboxError(
                400, "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'.")
        }
        return now + days * 86_400
    }

    func updateInvoice() throws(SandboxError) -> Answer {
        try parameters.allow(["auto_advance", "description", "expand", "footer", "metadata"])
        try refuseExpansion()
        let advance = try parameters.boolean("auto_advance")
        let frozen = ["description", "footer"].first { parameters.has($0) }
        let updated = try change { change throws(SandboxError) in
            let invoice = try change.invoice(id: id, param: "id")
            return try change.updateWords(invoice, param: frozen) { edited in
                if let advance { edited.autoAdvance = advance }
                if parameters.has("description") { edited.words?.description = text("description") }
                if parameters.has("footer") { edited.words?.footer = text("footer") }
                // `metadata=` with nothing unsets all of it.
                let old = parameters.value("metadata") == "" ? [] : edited.words?.metadata ?? []
                edited.words?.metadata = merged(old, with: parameters.map("metadata"))
            }
        }
        return answer(updated, in: world.view)
    }

    func createItem() throws(SandboxError) -> Answer {
        try parameters.allow([
            "amount", "currency", "customer", "description", "expand", "invoice", "metadata", "quantity", "unit_amount",
        ])
        try refuseExpansion()
        let customerID = try parameters.required("customer")
        let quantity = try parameters.integer("quantity") ?? 1
        let unit = try parameters.integer("unit_amount")
        let product = unit.map { $0.multipliedReportingOverflow(by: quantity) }
        guard let amount = try parameters.integer("amount") ?? product?.partialValue else { throw .missing("amount") }
        guard product?.overflow != true, amount.magnitude < 1_000_000_000_000 else {
            throw .notAnInteger("unit_amount", parameters.value("unit_amount") ?? "")
        }
        let currency = try currency(default: .usd)
        let now = world.clock.nowSeconds
        let item = try change { change throws(SandboxError) in
            guard let customer = change.view.customer(id: customerID) else {
                throw .noSuch("customer", customerID, param: "customer", status: 400)
            }
            let make = { (index: Int64) in
                ItemRecord(
                    index: index, createdSeconds: now, customer: customer.index, amount: amount, quantity: quantity,
                    unitAmount: unit ?? amount, currency: currency, description: text("description"),
                    metadata: merged([], with: parameters.map("metadata")))
            }
            return try change.createItem(make, on: text("invoice"))
        }
        return Answer(item.json(version, livemode: world.account.livemode, space: world.renderer.space))
    }

    func createCustomer() throws(SandboxError) -> Answer {
        try parameters.allow(["description", "email", "expand", "metadata", "name", "phone"])
        try refuseExpansion()
        let now = world.clock.nowSeconds
        let customer = try change { change throws(SandboxError) in
            change.createCustomer { index in
                var made = CustomerRecord(
                    index: index, createdSeconds: now, hash: scrambled(UInt64(bitPattern: index)))
                (made.name, made.email) = (text("name"), text("email"))
                (made.phone, made.description) = (text("phone"), text("description"))
                made.hasAddress = false
                made.metadata = merged([], with: parameters.map("metadata"))
                return made
            }
        }
        return Answer(customer.json(livemode: world.account.livemode, space: world.renderer.space))
    }

    func retrieveCustomer() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        guard let customer = world.view.customer(id: id) else { throw .noSuch("customer", id, param: "id") }
        return Answer(customer.json(livemode: world.account.livemode, space: world.renderer.space))
    }
}
