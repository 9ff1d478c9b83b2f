import Credits
import PostgreSQL
import Reconciliation
import Store
import Stripe

// The rows of an order: made once for each key.
extension CreditOrdering {
    /// The row of an order, and whether this call made it.
    struct OrderRow: Sendable {
        var orderID: Int64
        var isNew: Bool
    }

    /// Makes the order's row together with the note of the caller's key, or finds what an earlier call made. Of two at
    /// once under one key, one waits for the other.
    func record(_ order: NewCreditOrder, key: String, on connection: Connection) async throws -> OrderRow {
        let request = ClientRequest(
            kind: .order, agencyID: order.agencyID, key: key, words: "\(order.memberID) \(order.optionID)")
        if let known = try await request.row(on: connection) { return OrderRow(orderID: known, isNew: false) }
        let package = try await package(of: order, on: connection)
        return try await connection.transaction { connection in
            if let known = try await request.claim(on: connection) { return OrderRow(orderID: known, isNew: false) }
            let orderID = try await insert(order, package, on: connection)
            try await request.fill(orderID, on: connection)
            return OrderRow(orderID: orderID, isNew: true)
        }
    }

    /// Everything that has to be there before a row is made.
    private func package(of order: NewCreditOrder, on connection: Connection) async throws -> CreditPackage {
        let agencies = try await connection.query(
            """
            SELECT \(table.customer)::text AS customer FROM public.agency a WHERE a.id = $1
            """, order.agencyID)
        guard let agency = agencies.first else { throw OrderingError.noAgency(order.agencyID) }
        let isMember: Bool = try await connection.query(
            "SELECT EXISTS (SELECT FROM public.agency_member WHERE id = $1 AND agency_id = $2) AS found",
            order.memberID, order.agencyID)[0]["found"]
        guard isMember else { throw OrderingError.noMember(order.memberID, agencyID: order.agencyID) }
        let customer: String? = try agency["customer"]
        guard let customer, !customer.isEmpty else {
            throw OrderingError.noCustomer(agencyID: order.agencyID, account: client.account.name)
        }
        guard let package = try await CreditPackage.find(order.optionID, on: connection) else {
            throw OrderingError.noOption(order.optionID)
        }
        if let reason = package.obstacle { throw OrderingError.optionUnavailable(order.optionID, reason: reason) }
        return package
    }

    private func insert(
        _ order: NewCreditOrder, _ package: CreditPackage, on connection: Connection
    ) async throws -> Int64 {
        guard let member = table.memberID, let optionColumn = table.optionID, table.hostedURL != nil else {
            throw OrderingError.incompleteTable(table.plainName)
        }
        return try await connection.query(
            """
            INSERT INTO \(table.name) (\(table.agencyID), \(member), \(optionColumn), \(table.credits),
                \(table.amount), \(table.currency), \(table.paid), \(table.createdAt))
            VALUES ($1, $2, $3, $4, $5, 'usd', false, now()) RETURNING \(table.key)::bigint AS key
            """, order.agencyID, order.memberID, order.optionID, package.credits,
            package.priceCents)[0]["key"]
    }

    /// What the steps at Stripe need of a row beside what is compared.
    struct PlacedRow: Sendable {
        var order: OrderFacts
        var memberID: Int64?
        var hostedURL: String?
        /// What the idempotency keys begin with: no other row, also of a restored database, has the same.
        var identity: String

        var placed: PlacedOrder {
            PlacedOrder(
                orderID: order.rowID, invoiceID: order.invoiceID, hostedInvoiceURL: hostedURL, state: order.state)
        }
    }

    /// The order as it is now; `nil` when there is none.
    func row(_ orderID: Int64, on connection: Connection) async throws -> PlacedRow? {
        guard let member = table.memberID, let hosted = table.hostedURL else {
            throw OrderingError.incompleteTable(table.plainName)
        }
        let effects = CreditEffects(table: table)
        return try await connection.transaction { connection in
            guard let order = try await effects.orderWithCustomer(orderID, on: connection) else { return nil }
            let row = try await connection.query(
                """
                SELECT \(member)::bigint AS member, \(hosted)::text AS url,
                    'trueup-order-' || \(table.key)::text || '-'
                        || (extract(epoch FROM \(table.createdAt)) * 1000000)::bigint::text AS identity
                FROM \(table.name) WHERE \(table.key) = $1
                """, orderID)[0]
            return PlacedRow(
                order: order, memberID: try row["member"], hostedURL: try row["url"], identity: try row["identity"])
        }
    }

    /// Applies one effect in a transaction of its own.
    /// - Throws: ``OrderingError/unexpected(orderID:reason:)`` where the row is not what the order was.
    func apply(_ effect: OrderEffect, to order: OrderFacts, on connection: Connection) async throws {
        let effects = CreditEffects(table: table)
        let outcome = try await connection.transaction { connection in
            try await effects.apply(effect, toOrder: order.rowID, expecting: OrderExpectation(order), on: connection)
        }
        if case .refused(let reason) = outcome {
            throw OrderingError.unexpected(orderID: order.rowID, reason: reason + ".")
        }
    }

    /// Applies what the invoice says of itself, by the rules of the nightly run. Nobody has told that it was paid, nor
    /// how long ago that was: what was taken back of it since, Stripe is asked.
    func apply(_ invoice: Invoice, on connection: Connection) async throws -> ObjectOutcome {
        var reversed = Reversed()
        if invoice.status == .paid {
            reversed = try await Reversals(client).total(of: invoice)
        }
        let (effects, facts, taken) = (
            ObjectEffects(account: client.account.name, orders: table), InvoiceFacts(invoice), reversed
        )
        return try await connection.transaction { try await effects.apply(facts, reversed: taken, on: $0) }
    }

    /// Writes where the invoice is paid, once.
    func store(_ url: String, ofOrder key: Int64, on connection: Connection) async throws {
        guard let hosted = table.hostedURL else { throw OrderingError.incompleteTable(table.plainName) }
        try await connection.execute(
            "UPDATE \(table.name) SET \(hosted) = $2 WHERE \(table.key) = $1 AND \(hosted) IS DISTINCT FROM $2", key,
            url)
    }
}
