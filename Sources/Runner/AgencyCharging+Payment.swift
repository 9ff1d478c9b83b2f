import Credits
import PostgreSQL
import Reconciliation
import Store
import Stripe

// The row of a charge, and its payment.
extension AgencyCharging {
    private static let keysMax = 4
    private static let pagesMax = 200

    /// Makes the row, or finds the one that the key led to before.
    func record(_ new: NewCharge, key: String, on connection: Connection) async throws -> (Int64, Bool) {
        let request = ClientRequest(
            kind: .charge, agencyID: new.agencyID, key: key,
            words: "\(new.amount) \(new.purpose ?? "") \(new.description)")
        if let known = try await request.row(on: connection) { return (known, false) }
        // What cannot be charged leaves no row.
        _ = try await method(ofAgency: new.agencyID, on: connection)
        return try await connection.transaction { connection in
            if let known = try await request.claim(on: connection) { return (known, false) }
            var columns = [table.agencyID, table.amount, table.currency, table.status, table.createdAt]
            var values = ["$1", "$2", "'usd'", "'pending'", "now()"]
            var parameters: [any PostgresEncodable] = [new.agencyID, new.amount]
            for (column, value) in [(table.purpose, new.purpose), (table.description, new.description)] {
                guard let column, let value else { continue }
                parameters.append(value)
                columns.append(column)
                values.append("$\(parameters.count)")
            }
            let row: Int64 = try await connection.query(
                """
                INSERT INTO \(table.name) (\(columns.joined(separator: ", ")))
                VALUES (\(values.joined(separator: ", "))) RETURNING \(table.key)::bigint AS key
                """, parameters: parameters)[0]["key"]
            try await request.fill(row, on: connection)
            return (row, true)
        }
    }

    private func customer(ofAgency id: Int64, on connection: Connection) async throws -> String {
        let rows = try await connection.query(
            "SELECT \(table.customer)::text AS customer FROM public.agency a WHERE a.id = $1", id)
        guard let row = rows.first else { throw ChargingError.noAgency(id) }
        guard let customer: String = try row["customer"] as String?, !customer.isEmpty else {
            throw ChargingError.noCustomer(agencyID: id, account: client.account.name)
        }
        return customer
    }

    /// The agency's customer and what it pays with.
    private func method(
        ofAgency id: Int64, on connection: Connection
    ) async throws -> (customer: String, method: String) {
        let customer = try await customer(ofAgency: id, on: connection)
        let found = try await client.customer(customer).value
        guard let method = found.defaultPaymentMethod ?? found.defaultSource else {
            throw ChargingError.noPaymentMethod(agencyID: id, customer: customer)
        }
        return (customer, method)
    }

    /// Takes the money of a pending charge that has no payment yet; otherwise looks at the one that it has.
    func take(
        _ rowID: Int64, _ new: NewCharge, isNew: Bool, on connection: Connection
    ) async throws -> ChargeResult {
        let row = try await facts(rowID, on: connection)
        if let id = row.intentID {
            return try await settleEarlier(try await client.paymentIntent(id, expandingCharge: true), row, connection)
        }
        guard row.status == .pending else {
            return try await result(rowID, row.status == .failed ? .refused : .unknown, nil, nil, on: connection)
        }
        let attempts = try await ChargeAttempts.read(
            ofCharge: rowID, identity: identity(rowID, on: connection), on: connection)
        if !isNew || !attempts.isEmpty {
            let present = [row.customer].compactMap { $0 }.filter { !$0.isEmpty }
            if let found = try await existing(rowID, attempts.customers.union(present)) {
                return try await settleEarlier(found, row, connection)
            }
        }
        let (customer, method) = try await method(ofAgency: row.agencyID, on: connection)
        let draft = PaymentDraft(
            customer: customer, paymentMethod: method, amount: row.amount, currency: row.currency,
            description: new.description,
            metadata: [("charge_id", String(rowID)), ("agency_id", String(row.agencyID))])
        return try await ask(for: draft, rowID, attempts, on: connection)
    }

    /// Asks for the payment, once a look has found none.
    private func ask(
        for draft: PaymentDraft, _ rowID: Int64, _ before: ChargeAttempts, on connection: Connection
    ) async throws -> ChargeResult {
        var attempts = before
        for _ in 0..<Self.keysMax {
            let key = attempts.nextKey
            let isRepeated = attempts.hasBegun(key)
            let noted = try await attempts.begin(key, customer: draft.customer, on: connection)
            try await checkpoint(.begun)
            let made: Retrieved<PaymentIntent>
            do {
                made = try await client.createPayment(draft, idempotencyKey: key)
            } catch {
                let customers = attempts.customers
                if error.isKeptFailure { try await attempts.useUp(key, on: connection) }
                // Whatever was made under the key, this attempt did not.
                if error.isKeyOfOther, !error.outcomeIsUnknown { try await attempts.withdraw(noted, on: connection) }
                if let end = try await failed(error, rowID, customers, on: connection) { return end }
                guard Self.leadsOn(error, isRepeated: isRepeated, isOneCustomer: customers == [draft.customer]) else {
                    let detail = error.isKeyOfOther ? Self.otherParameters : "\(error)"
                    return try await note(rowID, .unknown, nil, error.requestID, detail, on: connection)
                }
                if error.isKeyOfOther { try await attempts.useUp(key, on: connection) }
                continue
            }
            try await checkpoint(.intent)
            return try await look(at: made.value.id, rowID, on: connection)
        }
        let detail = "Stripe keeps a failure for each key that was tried."
        return try await note(rowID, .unknown, nil, nil, detail, on: connection)
    }

    private static let otherParameters = """
        An earlier attempt, with another customer or payment method, may have made a payment, and none is to be seen. \
        Nothing else was tried.
        """

    /// Whether another key may follow at once, after a look that has found no payment.
    /// - Parameters:
    ///   - isRepeated: the key was that of an earlier attempt, whose customer is known.
    ///   - isOneCustomer: all attempts were about this one's customer: the look has seen whatever they made.
    private static func leadsOn(_ error: StripeError, isRepeated: Bool, isOneCustomer: Bool) -> Bool {
        // A failure of just now may have made a payment that is not listed yet: whoever asks again looks once more.
        if error.isKeptFailure { return error.isReplayed }
        // The attempt that the key belongs to was about another payment method, and has failed.
        return error.isKeyOfOther && isRepeated && isOneCustomer
    }

    /// Reads a payment that was made, for when its charge says that the money came. There is one now: whatever fails
    /// from here on, no second one is made.
    private func look(at id: String, _ rowID: Int64, on connection: Connection) async throws -> ChargeResult {
        let read: Retrieved<PaymentIntent>
        do {
            read = try await client.paymentIntent(id, expandingCharge: true)
        } catch {
            return try await note(rowID, .unknown, id, error.requestID, "\(error)", on: connection)
        }
        return try await settle(read, rowID, on: connection)
    }

    /// What an error has come to; `nil` where a look finds no payment, or was not worth it.
    /// - Parameter customers: whose payments are looked at.
    private func failed(
        _ error: StripeError, _ rowID: Int64, _ customers: Set<String>, on connection: Connection
    ) async throws -> ChargeResult? {
        if case .card = error.kind {
            let found: Retrieved<PaymentIntent>?
            if let id = error.paymentIntent {
                found = try await client.paymentIntent(id, expandingCharge: true)
            } else {
                found = try await existing(rowID, customers)
            }
            if let found { return try await settle(found, rowID, error, on: connection) }
        }
        // Nobody answered, or an answer that says nothing: what is there decides.
        if error.outcomeIsUnknown || error.kind == .idempotency {
            let found: Retrieved<PaymentIntent>?
            do {
                found = try await existing(rowID, customers)
            } catch let second as StripeError {
                return try await note(rowID, .unknown, nil, second.requestID, "\(error)", on: connection)
            }
            guard let found else { return nil }
            return try await settle(found, rowID, on: connection)
        }
        switch error.kind {
        case .card, .invalidRequest:
            // No payment was made, and none will be. A 404 is about something else, and says nothing of the payment.
            let row = try await facts(rowID, on: connection)
            let effects = ChargeEffects(table: table)
            _ = try await connection.transaction { connection in
                try await effects.apply(.fail, toCharge: rowID, expecting: ChargeExpectation(row), on: connection)
            }
            return try await note(rowID, .refused, nil, error.requestID, error.message, on: connection)
        default: return nil
        }
    }

    /// The payment that names the row, of whichever of these customers. Their payments are listed, since a search lags.
    private func existing(_ rowID: Int64, _ customers: Set<String>) async throws -> Retrieved<PaymentIntent>? {
        for customer in customers.sorted() {
            if let found = try await existing(rowID, customer: customer) { return found }
        }
        return nil
    }

    private func existing(_ rowID: Int64, customer: String) async throws -> Retrieved<PaymentIntent>? {
        var query = ListQuery(filters: [("customer", customer)])
        for _ in 0..<Self.pagesMax {
            let page = try await client.paymentIntents(query)
            let named = page.objects.first {
                $0.metadata.chargeID == String(rowID) && $0.status != .canceled
            }
            if let named { return try await client.paymentIntent(named.id, expandingCharge: true) }
            guard page.hasMore, let last = page.objects.last else { return nil }
            query.startingAfter = last.id
        }
        throw ChargingError.noCharge(rowID)
    }

    /// The same of a payment that an earlier call made, however long ago: a charge that does not count as succeeded yet
    /// does not begin to where the money was given back since.
    private func settleEarlier(
        _ read: Retrieved<PaymentIntent>, _ row: ChargeFacts, _ connection: Connection
    ) async throws -> ChargeResult {
        var reversed = Reversed()
        if read.value.status == .succeeded, row.status != .succeeded {
            reversed = try await Reversals(client).total(ofIntent: read.value.id)
        }
        return try await settle(read, row.rowID, reversed: reversed, on: connection)
    }

    /// Writes down what the payment says of itself, by the rules and effects of the nightly run.
    private func settle(
        _ read: Retrieved<PaymentIntent>, _ rowID: Int64, _ decline: StripeError? = nil,
        reversed: Reversed = Reversed(), on connection: Connection
    ) async throws -> ChargeResult {
        let intent = read.value
        let effects = ObjectEffects(account: client.account.name, charges: table)
        let applied = try await connection.transaction {
            try await effects.apply(IntentFacts(intent), reversed: reversed, on: $0)
        }
        try await checkpoint(.stored)
        let outcome: ChargeResult.Outcome =
            switch intent.status {
            case .succeeded: .succeeded
            case .processing, .requiresCapture: .processing
            case .requiresAction: .requiresAction
            case .canceled: .canceled
            case .requiresPaymentMethod, .requiresConfirmation:
                intent.lastPaymentError != nil || decline != nil ? .declined : .unknown
            case .unknown: .unknown
            }
        // What Stripe says of the payment is not what the row says, and neither is the answer then.
        let (answer, detail): (ChargeResult.Outcome, String?) =
            switch applied {
            case .review(let kind, let reason): (.needsPerson, "\(kind.rawValue): \(reason)")
            case .accepted: (.needsPerson, Self.accepted)
            case .applied, .agrees, .unknown: (outcome, Self.decline(intent, decline))
            }
        return try await note(rowID, outcome, as: answer, intent.id, read.requestID, detail, on: connection)
    }

    private static let accepted =
        "A person has accepted this difference, or taken its repair back: the row's status stays as it is."

    /// Why the last attempt failed, in the bank's words.
    private static func decline(_ intent: PaymentIntent, _ error: StripeError?) -> String? {
        if let error {
            let code = error.declineCode ?? error.code
            return error.message + (code.map { " (\($0))" } ?? "")
        }
        return intent.lastPaymentError.map { failure in
            let code = failure.declineCode ?? failure.code
            return (failure.message ?? "declined") + (code.map { " (\($0))" } ?? "")
        }
    }

    /// - Parameter answer: what the caller is told; `nil`: the same.
    private func note(
        _ rowID: Int64, _ outcome: ChargeResult.Outcome, as answer: ChargeResult.Outcome? = nil, _ intent: String?,
        _ request: String?, _ detail: String?, on connection: Connection
    ) async throws -> ChargeResult {
        try await connection.execute(
            """
            INSERT INTO trueup.charge_attempt (charge_id, outcome, stripe_payment_intent_id, request_id, detail)
            VALUES ($1, $2, $3, $4, $5)
            """, rowID, outcome.rawValue, intent, request, detail)
        return try await result(rowID, answer ?? outcome, intent, detail, on: connection)
    }

    private func result(
        _ rowID: Int64, _ outcome: ChargeResult.Outcome, _ intent: String?, _ detail: String?,
        on connection: Connection
    ) async throws -> ChargeResult {
        let row = try await facts(rowID, on: connection)
        return ChargeResult(
            chargeID: rowID, intentID: row.intentID ?? intent, outcome: outcome, status: row.status, detail: detail)
    }

    private func facts(_ rowID: Int64, on connection: Connection) async throws -> ChargeFacts {
        let effects = ChargeEffects(table: table)
        let found = try await connection.transaction { try await effects.chargeWithCustomer(rowID, on: $0) }
        guard let found else { throw ChargingError.noCharge(rowID) }
        return found
    }

    /// What the idempotency keys begin with: no other row, also of a restored database, has the same.
    private func identity(_ rowID: Int64, on connection: Connection) async throws -> String {
        try await connection.query(
            """
            SELECT 'trueup-charge-' || \(table.key)::text || '-'
                || (extract(epoch FROM \(table.createdAt)) * 1000000)::bigint::text AS identity
            FROM \(table.name) WHERE \(table.key) = $1
            """, rowID)[0]["identity"]
    }
}

extension StripeError {
    /// The Idempotency-Key came with other parameters before, and what that made is not said.
    fileprivate var isKeyOfOther: Bool { kind == .idempotency && status == 400 }
}
