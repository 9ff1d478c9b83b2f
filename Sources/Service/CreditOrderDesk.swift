import Foundation
import Hummingbird
import Logging
import PostgreSQL
import Runner
import Store
import Stripe
import Synchronization

/// The endpoints of credit orders: packages, orders and balances of one agency.
struct CreditOrderDesk: Sendable {
    let door: Doorkeeper
    let pool: Pool
    /// The orders of the account that they are invoiced on.
    let table: OrderTable
    let ordering: CreditOrdering
    /// Its name.
    let account: String
    let checks: AccountChecks
    /// Packages that are active and cannot be sold.
    let complaints = Complaints()

    static let base = "/rn/agencies/{agency}/agency_members/{member}"
    private static let limitDefault = 20
    private static let limitMax = 100

    func routes(bodyBytesMax: Int) -> [Route] {
        [
            Route(.get, Self.base + "/credit_order_options") { try await options($0) },
            Route(.get, Self.base + "/credit_orders") { try await orders($0) },
            Route(.get, Self.base + "/credit_balance") { try await balance($0) },
            Route(.post, Self.base + "/credit_order", bodyBytesMax: bodyBytesMax) { try await place($0) },
            Route(.delete, Self.base + "/credit_orders/{order}") { try await cancel($0) },
        ]
    }

    // MARK: - Reading

    private struct Options: Encodable {
        struct Option: Encodable {
            var id: Int64
            var credits: Int64
            var priceCents: Int64
            var currency = "usd"
        }

        var options: [Option]
    }

    private func options(_ call: Call) async throws -> Response {
        _ = try await member(call)
        let packages = try await pool.withConnection { try await CreditPackage.all(on: $0) }
        complaints.tell(packages.compactMap(\.complaint), logger: call.logger)
        let options = packages.filter { $0.obstacle == nil }.map {
            Options.Option(id: $0.id, credits: $0.credits, priceCents: $0.priceCents)
        }
        return try JSONAnswer.make(Options(options: options))
    }

    /// An order as callers see it.
    struct Order: Encodable {
        var id: Int64
        /// open, paid or cancelled
        var state: String
        var agencyMemberId: Int64?
        var optionId: Int64?
        var credits: Int64
        var amountCents: Int64
        var currency: String
        var stripeInvoiceId: String?
        var hostedInvoiceUrl: String?
        var createdAt: String
        var paidAt: String?
        var cancelledAt: String?
    }

    private struct Orders: Encodable {
        var orders: [Order]
        /// For the next page: `?cursor=…`; null at the end.
        var nextCursor: String?

        private enum CodingKeys: String, CodingKey { case orders, nextCursor }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(orders, forKey: .orders)
            try container.encode(nextCursor, forKey: .nextCursor)
        }
    }

    private func orders(_ call: Call) async throws -> Response {
        let agency = try await member(call)
        let limit = try number("limit", call, 1...Int64(Self.limitMax)) ?? Int64(Self.limitDefault)
        let cursor = try number("cursor", call, 1...Int64.max)
        let rows = try await pool.withConnection {
            try await $0.query(
                """
                \(selection) WHERE l.\(table.agencyID) = $1 AND ($2::bigint IS NULL OR l.\(table.key) < $2)
                ORDER BY l.\(table.key) DESC LIMIT $3
                """, agency, cursor, limit + 1)
        }
        let orders = try rows.prefix(Int(limit)).map(Self.order)
        let next = rows.count > Int(limit) ? orders.last.map { String($0.id) } : nil
        return try JSONAnswer.make(Orders(orders: orders, nextCursor: next))
    }

    private struct Balance: Encodable {
        var agencyId: Int64
        /// Credits that are left; 0 for an agency that never had any.
        var balance: Int64
        var updatedAt: String?
    }

    private func balance(_ call: Call) async throws -> Response {
        let agency = try await member(call)
        let row = try await pool.withConnection {
            try await $0.query(
                """
                SELECT balance, \(Self.time("updated_at")) AS updated FROM public.task_credit_agency_balance
                WHERE agency_id = $1
                """, agency
            ).first
        }
        return try JSONAnswer.make(
            Balance(agencyId: agency, balance: try row?["balance"] ?? 0, updatedAt: try row?["updated"]))
    }

    // MARK: - Ordering

    private struct NewOrder: Decodable {
        var optionId: Int64
    }

    private struct OneOrder: Encodable {
        var order: Order
    }

    private func place(_ call: Call) async throws -> Response {
        let agency = try await member(call)
        let new: NewOrder
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            new = try decoder.decode(NewOrder.self, from: Data(call.body))
        } catch {
            throw APIError.invalid("The body must be a JSON object such as {\"option_id\":3}.")
        }
        let keys = call.head.headerFields[values: HTTPFieldName.idempotencyKey]
        guard keys.count <= 1 else { throw APIError.invalid("There may be one Idempotency-Key header.") }
        // Bytes that are no UTF-8 have become U+FFFD by now: keys that differ there would be one.
        guard
            keys.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{7f}" && $0 != "\u{fffd}" } })
        else { throw APIError.invalid("The Idempotency-Key must be text without control characters.") }
        let order = NewCreditOrder(agencyID: agency, memberID: try call.key("member"), optionID: new.optionId)
        try checks.require(account)
        let begun = Mutex<Int64?>(nil)
        let made: Order
        do {
            let placed = try await Self.translating(call.logger) {
                try await ordering.place(order, idempotencyKey: keys.first) { id in begun.withLock { $0 = id } }
            }
            made = try await self.order(placed.orderID, agency)
        } catch {
            let cut = CutOffCall.placing(order: begun.withLock { $0 }, hasKey: !keys.isEmpty)
            throw cut.fault(of: error, logger: call.logger)
        }
        // A 201 is an order that stands: who asks again must not take a cancelled one for one that can be paid.
        guard made.state != "cancelled" else {
            let when = made.stripeInvoiceId == nil ? " before it had an invoice" : ""
            throw APIError(
                .conflict, "order_cancelled",
                "Order \(made.id) of this key was cancelled\(when). Use a new key for a new order.")
        }
        return try JSONAnswer.make(OneOrder(order: made), status: .created)
    }

    private func cancel(_ call: Call) async throws -> Response {
        let agency = try await member(call)
        let key = try call.key("order")
        try checks.require(account)
        do {
            _ = try await Self.translating(call.logger) { try await ordering.cancel(orderID: key, agencyID: agency) }
            return try JSONAnswer.make(OneOrder(order: try await order(key, agency)))
        } catch {
            throw CutOffCall.cancelling(order: key).fault(of: error, logger: call.logger)
        }
    }

    /// What the caller has to know of why there is no order.
    private static func translating<T>(_ logger: Logger, _ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as OrderingError {
            let text = "\(error)"
            switch error {
            case .badKey: throw APIError.invalid(text)
            case .keyConflict: throw APIError(.conflict, "idempotency_key_reused", text)
            case .noAgency, .noMember, .noOrder: throw APIError.notFound(text)
            case .noOption, .optionUnavailable:
                throw APIError(.unprocessableContent, "option_unavailable", text)
            case .noCustomer: throw APIError(.conflict, "no_customer", "The agency has no customer at Stripe yet.")
            case .alreadyPaid: throw APIError(.conflict, "order_paid", text)
            case .busy: throw APIError.unavailable("busy", text)
            case .unexpected: throw APIError(.conflict, "needs_a_person", text)
            case .incompleteTable: throw APIError(.internalServerError, "internal_error", text)
            }
        } catch let error as StripeError where error.isFinalRefusal {
            logger.error("stripe refused", metadata: ["trueup.error": .string("\(error)")])
            throw APIError(
                .conflict, "stripe_refused",
                "Stripe refuses this, and would again; the log says why. An order that was begun is cancelled.")
        }
    }

    // MARK: - Rows

    /// The agency in the path, once the token covers it and the member in the path is one of it.
    private func member(_ call: Call) async throws -> Int64 {
        let agency = try await door.agency(of: call)
        let member = try call.key("member")
        let row = try await pool.withConnection {
            try await $0.query(
                """
                SELECT EXISTS (SELECT FROM public.agency WHERE id = $1) AS agency,
                    EXISTS (SELECT FROM public.agency_member WHERE id = $2 AND agency_id = $1) AS member
                """, agency, member)[0]
        }
        guard try row["agency"] else { throw Doorkeeper.noAgency(agency) }
        guard try row["member"] else { throw APIError.notFound("Agency \(agency) has no member \(member).") }
        return agency
    }

    private func number(_ name: String, _ call: Call, _ range: ClosedRange<Int64>) throws -> Int64? {
        guard let texts = call.query[name], let text = texts.first else { return nil }
        // Whichever was taken, the caller may have meant the other.
        guard texts.count == 1 else { throw APIError.invalid("\(name) is there more than once. Say it once.") }
        guard let number = Int64(text), range.contains(number), String(number) == text else {
            let upper = range.upperBound == .max ? "" : " to \(range.upperBound)"
            throw APIError.invalid("\(name) must be a number from \(range.lowerBound)\(upper).")
        }
        return number
    }

    private var selection: String {
        """
        SELECT l.\(table.key)::bigint AS key, l.\(table.credits)::bigint AS credits,
            l.\(table.amount)::bigint AS amount, lower(l.\(table.currency)::text) AS currency,
            l.\(table.id)::text AS invoice, \(table.memberID.map { "l.\($0)" } ?? "NULL")::bigint AS member,
            \(table.optionID.map { "l.\($0)" } ?? "NULL")::bigint AS option,
            \(table.hostedURL.map { "l.\($0)" } ?? "NULL")::text AS url,
            CASE WHEN l.\(table.paid) THEN 'paid' WHEN l.\(table.cancelledAt) IS NOT NULL THEN 'cancelled'
                ELSE 'open' END AS state,
            \(Self.time("l." + table.createdAt)) AS created, \(Self.time("l." + table.paidAt)) AS paid,
            \(Self.time("l." + table.cancelledAt)) AS cancelled
        FROM \(table.name) l
        """
    }

    /// SQL for a time as RFC 3339 has it, in UTC.
    private static func time(_ column: String) -> String {
        "to_char(\(column) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    }

    private static func order(_ row: Row) throws -> Order {
        Order(
            id: try row["key"], state: try row["state"], agencyMemberId: try row["member"],
            optionId: try row["option"], credits: try row["credits"], amountCents: try row["amount"],
            currency: try row["currency"], stripeInvoiceId: try row["invoice"], hostedInvoiceUrl: try row["url"],
            createdAt: try row["created"], paidAt: try row["paid"], cancelledAt: try row["cancelled"])
    }

    private func order(_ key: Int64, _ agency: Int64) async throws -> Order {
        let row = try await pool.withConnection {
            try await $0.query(
                "\(selection) WHERE l.\(table.key) = $1 AND l.\(table.agencyID) = $2", key, agency
            ).first
        }
        guard let row else { throw APIError.notFound("There is no order \(key).") }
        return try Self.order(row)
    }
}
