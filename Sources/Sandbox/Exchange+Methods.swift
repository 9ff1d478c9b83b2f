/// What customers pay with. No events are written of payment methods, setup intents and changes of customers.
extension Exchange {
    func methodAnswer() throws(SandboxError) -> Answer {
        switch endpoint {
        case .updateCustomer: return try updateCustomer()
        case .createSource: return try createSource()
        case .createSetup: return try createSetup()
        case .setup: return try retrieveSetup()
        case .listMethods: return try listMethods()
        case .method: return try retrieveMethod()
        case .attachMethod: return try attachMethod()
        default: throw .server(500)
        }
    }

    private var space: IDSpace { world.renderer.space }
    private var livemode: Bool { world.account.livemode }

    private func updateCustomer() throws(SandboxError) -> Answer {
        try parameters.allow(["description", "email", "expand", "invoice_settings", "metadata", "name", "phone"])
        try refuseExpansion()
        let updated = try change { change throws(SandboxError) in
            guard var customer = change.view.customer(id: id) else { throw .noSuch("customer", id, param: "id") }
            if parameters.has("name") { customer.name = text("name") }
            if parameters.has("email") { customer.email = text("email") }
            if parameters.has("phone") { customer.phone = text("phone") }
            if parameters.has("description") { customer.description = text("description") }
            if let method = parameters.value("invoice_settings", "default_payment_method") {
                guard method.isEmpty || change.method(method)?.customer == customer.index else {
                    throw SandboxError(
                        400,
                        "The customer does not have a payment method with the ID \(method). The payment method must "
                            + "be attached to the customer.",
                        code: "resource_missing", param: "invoice_settings[default_payment_method]")
                }
                customer.defaultMethod = method.isEmpty ? nil : method
            }
            let old = parameters.value("metadata") == "" ? [] : customer.metadata
            customer.metadata = merged(old, with: parameters.map("metadata"))
            change.update(customer)
            return customer
        }
        return Answer(updated.json(livemode: livemode, space: space))
    }

    private func createSource() throws(SandboxError) -> Answer {
        try parameters.allow(["expand", "metadata", "source"])
        try refuseExpansion()
        let token = try parameters.required("source")
        guard token.hasPrefix("btok_") else { throw .noSuch("token", token, param: "source", status: 400) }
        let now = world.clock.nowSeconds
        let made = try change { change throws(SandboxError) in
            guard var customer = change.view.customer(id: id) else { throw .noSuch("customer", id, param: "id") }
            let bank = BankRecord(
                index: Int64(change.state.banks.count), createdSeconds: now, customer: customer.index,
                metadata: merged([], with: parameters.map("metadata")))
            change.state.banks.append(bank)
            if customer.defaultSource == nil {
                customer.defaultSource = bank.id(space)
                change.update(customer)
            }
            return bank
        }
        return Answer(made.json(space: space))
    }

    private func createSetup() throws(SandboxError) -> Answer {
        try parameters.allow([
            "confirm", "customer", "description", "expand", "metadata", "payment_method", "payment_method_types",
            "return_url", "usage",
        ])
        try refuseExpansion()
        let kinds = parameters.list("payment_method_types")
        if let strange = kinds.first(where: { !["card", "us_bank_account"].contains($0) }) {
            throw SandboxError(
                400, "The payment method type \"\(strange)\" is invalid.", param: "payment_method_types")
        }
        let confirms = try parameters.boolean("confirm") ?? false
        let now = world.clock.nowSeconds
        let made = try change { change throws(SandboxError) in
            var customer: Int64 = -1
            if let customerID = text("customer") {
                guard let found = change.view.customer(id: customerID) else {
                    throw .noSuch("customer", customerID, param: "customer", status: 400)
                }
                customer = found.index
            }
            var setup = SetupRecord(
                index: Int64(change.state.setups.count), createdSeconds: now, customer: customer,
                description: text("description"), kinds: kinds.isEmpty ? ["card"] : kinds,
                usage: text("usage") ?? "off_session", metadata: merged([], with: parameters.map("metadata")))
            if confirms, let method = text("payment_method") {
                guard Change.isTestMethod(method) else {
                    throw .noSuch("PaymentMethod", method, param: "payment_method", status: 400)
                }
                setup.method = change.attach(method, to: customer).id(space)
            }
            change.state.setups.append(setup)
            return setup
        }
        return Answer(made.json(version, livemode: livemode, space: space))
    }

    private func retrieveSetup() throws(SandboxError) -> Answer {
        try parameters.allow(["client_secret", "expand"])
        try refuseExpansion()
        let setups = world.view.state.setups
        guard
            let setup = space.index(of: id, kind: .setupIntent).flatMap({ setups.indices.contains(Int($0)) ? $0 : nil })
        else { throw .noSuch("setupintent", id, param: "intent") }
        return Answer(setups[Int(setup)].json(version, livemode: livemode, space: space))
    }

    private func listMethods() throws(SandboxError) -> Answer {
        try parameters.allow(["customer", "ending_before", "expand", "limit", "starting_after", "type"])
        try refuseExpansion()
        let filter = try parameters.listFilter()
        let customer = space.index(of: text("customer") ?? "", kind: .customer)
        let type = text("type")
        // Nobody has more of them than fit on a page or two.
        let all = world.view.state.methods.reversed().filter {
            $0.customer == customer && (type == nil || ($0.isBank ? "us_bank_account" : "card") == type)
        }
        var start = 0
        if let cursor = filter.startingAfter {
            guard let place = all.firstIndex(where: { $0.id(space) == cursor }) else {
                throw .noSuch("payment_method", cursor, param: "starting_after", status: 400)
            }
            start = place + 1
        }
        let rows = all.dropFirst(start).prefix(filter.limit).map {
            $0.json(version, livemode: livemode, space: space)
        }
        let page = ListPage(
            rows: rows, hasMore: all.count > start + rows.count, total: filter.counts ? all.count : nil)
        return Answer(
            list: page, url: "/v1/payment_methods",
            bound: { $0.sizeBound(depth: 2) }, write: { $0.write(depth: 2, to: &$1) })
    }

    private func retrieveMethod() throws(SandboxError) -> Answer {
        try parameters.allow(["expand"])
        try refuseExpansion()
        guard let found = world.view.state.methods.first(where: { $0.id(space) == id }) else {
            throw .noSuch("PaymentMethod", id, param: "payment_method")
        }
        return Answer(found.json(version, livemode: livemode, space: space))
    }

    private func attachMethod() throws(SandboxError) -> Answer {
        try parameters.allow(["customer", "expand"])
        try refuseExpansion()
        let customerID = try parameters.required("customer")
        let attached = try change { change throws(SandboxError) in
            guard let customer = change.view.customer(id: customerID) else {
                throw .noSuch("customer", customerID, param: "customer", status: 400)
            }
            if let known = change.method(id) {
                guard known.customer == customer.index else {
                    throw SandboxError(
                        400, "The payment method you provided has already been attached to a customer.")
                }
                return known
            }
            guard Change.isTestMethod(id) else { throw .noSuch("PaymentMethod", id, param: "payment_method") }
            return change.attach(id, to: customer.index)
        }
        return Answer(attached.json(version, livemode: livemode, space: space))
    }
}

extension Change {
    /// The payment method of this id that a customer has.
    func method(_ id: String) -> MethodRecord? { state.methods.first { $0.id(renderer.space) == id } }

    /// Test methods only: what a browser collects is not imitated.
    static func isTestMethod(_ id: String) -> Bool { id.hasPrefix("pm_card_") || id.hasPrefix("pm_usBankAccount") }

    mutating func attach(_ origin: String, to customer: Int64) -> MethodRecord {
        let made = MethodRecord(
            index: Int64(state.methods.count), createdSeconds: nowSeconds, customer: customer, origin: origin)
        state.methods.append(made)
        return made
    }

    mutating func update(_ customer: CustomerRecord) {
        state.customers.set(customer.index, customer, nowSeconds: nowSeconds)
    }

    /// What a charge of this method comes to: a test method by its name, a customer's own by that of its origin.
    func confirmation(
        of id: String, customer: Int64, isOffSession: Bool
    ) throws(SandboxError) -> SandboxConfirmation {
        guard let method = method(id) else {
            guard Self.isTestMethod(id) || id.hasPrefix("ba_") else {
                throw .noSuch("PaymentMethod", id, param: "payment_method", status: 400)
            }
            // A bank account of the older API pays as one of the newer.
            let name = id.hasPrefix("ba_") ? "pm_usBankAccount" : id
            return SandboxConfirmation(paymentMethod: name, isOffSession: isOffSession)
        }
        guard method.customer == customer else {
            throw SandboxError(
                400, "The payment method \(id) does not belong to the customer of the PaymentIntent.",
                param: "payment_method")
        }
        return SandboxConfirmation(paymentMethod: method.origin, isOffSession: isOffSession)
    }
}
