import Curl

// Customers and what they pay with. The account is the client's: `default` for general customers, `medflyt` for
// agencies that are charged, `task_health` for agencies that buy credits; an id of one means nothing on another.
extension StripeClient {
    /// Makes a customer. See https://docs.stripe.com/api/customers/create
    public func createCustomer(
        _ draft: CustomerDraft, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Customer> {
        try await post("/v1/customers", draft.parameters, idempotencyKey)
    }

    /// One customer; a deleted one is an error of kind `decoding`. See https://docs.stripe.com/api/customers/retrieve
    public func customer(_ id: String) async throws(StripeError) -> Retrieved<Customer> {
        try await read(call(.get, "/v1/customers/:id", id), id)
    }

    /// Begins to set up a card or bank account that is charged later.
    /// See https://docs.stripe.com/api/setup_intents/create
    public func createSetupIntent(
        _ draft: SetupIntentDraft, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<SetupIntent> {
        let parameters = draft.parameters
        guard !draft.kinds.isEmpty else {
            let call = Call(method: .post, template: "/v1/setup_intents", path: "/v1/setup_intents")
            throw error(.invalidRequest, "a setup intent needs at least one kind of payment method", call)
        }
        return try await post("/v1/setup_intents", parameters, idempotencyKey)
    }

    /// A page of what a customer pays with. See https://docs.stripe.com/api/payment_methods/list
    /// - Parameter kind: `nil`: of every kind.
    public func paymentMethods(
        ofCustomer id: String, kind: PaymentMethodKind? = nil, startingAfter: String? = nil
    ) async throws(StripeError) -> Page<PaymentMethod> {
        let filters = [("customer", id)] + (kind.map { [("type", $0.rawValue)] } ?? [])
        return try await page(ListQuery(startingAfter: startingAfter, filters: filters), "/v1/payment_methods")
    }

    /// Gives a payment method to a customer. See https://docs.stripe.com/api/payment_methods/attach
    public func attachPaymentMethod(
        _ id: String, toCustomer customer: String, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<PaymentMethod> {
        let call = try call(
            .post, "/v1/payment_methods/:id/attach", id, FormParameters([("customer", .text(customer))]))
        // Test methods such as pm_card_visa come back under an id of their own.
        return try await read(keyed(call, idempotencyKey), nil)
    }

    /// Makes a payment method the one that invoices and off-session charges are paid with.
    /// See https://docs.stripe.com/api/customers/update
    public func setDefaultPaymentMethod(
        _ method: String, ofCustomer id: String, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Customer> {
        let parameters = FormParameters([("invoice_settings", .object([("default_payment_method", .text(method))]))])
        return try await read(keyed(call(.post, "/v1/customers/:id", id, parameters), idempotencyKey), id)
    }

    /// Adds the bank account that a token stands for, as Plaid hands it out (`btok_…`).
    /// See https://docs.stripe.com/api/customer_bank_accounts/create
    public func addBank(
        token: String, toCustomer id: String, metadata: [(String, String)] = [], idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<BankAccount> {
        var parameters = FormParameters([("source", .text(token))])
        parameters.addMetadata(metadata)
        return try await read(keyed(call(.post, "/v1/customers/:id/sources", id, parameters), idempotencyKey), nil)
    }

    /// Takes a payment at once, off-session. A decline is an error of kind `card` with the intent's id, and leaves the
    /// intent behind. See https://docs.stripe.com/api/payment_intents/create
    /// - Throws: `invalidRequest` before any request where the amount is below ``PaymentDraft/amountMin``.
    public func createPayment(
        _ draft: PaymentDraft, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<PaymentIntent> {
        let path = "/v1/payment_intents"
        guard draft.amount >= PaymentDraft.amountMin else {
            throw error(
                .invalidRequest, "\(draft.amount) cents is below the minimum of \(PaymentDraft.amountMin)",
                Call(method: .post, template: path, path: path))
        }
        return try await post(path, draft.parameters, idempotencyKey)
    }

    private func post<Object: ListedObject>(
        _ path: String, _ parameters: FormParameters, _ key: String?
    ) async throws(StripeError) -> Retrieved<Object> {
        try await read(keyed(Call(method: .post, template: path, path: path, parameters: parameters), key), nil)
    }
}
