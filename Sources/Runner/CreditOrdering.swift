import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// What an agency orders.
public struct NewCreditOrder: Sendable, Hashable {
    public var agencyID: Int64
    /// Who orders: a member of the agency.
    public var memberID: Int64
    /// The package, a row of `task_credit_order_options`.
    public var optionID: Int64

    public init(agencyID: Int64, memberID: Int64, optionID: Int64) {
        self.agencyID = agencyID
        self.memberID = memberID
        self.optionID = optionID
    }
}

/// An order as it stands now.
public struct PlacedOrder: Sendable, Hashable {
    public var orderID: Int64
    /// `nil` only for an order that was cancelled before it had an invoice.
    public var invoiceID: String?
    /// Where it is paid (https://docs.stripe.com/invoicing/hosted-invoice-page).
    public var hostedInvoiceURL: String?
    /// `open`: to be paid.
    public var state: OrderState

    public init(orderID: Int64, invoiceID: String?, hostedInvoiceURL: String?, state: OrderState) {
        self.orderID = orderID
        self.invoiceID = invoiceID
        self.hostedInvoiceURL = hostedInvoiceURL
        self.state = state
    }
}

/// Places and cancels credit orders: a row, its invoice at Stripe, and the way back.
///
/// The row comes first and every step at Stripe carries a key made from it, so that whoever comes after a crash goes on
/// where it stopped: the same caller under the same `Idempotency-Key`, or the nightly run, which links the draft and
/// lets it go when nobody finishes it. Of several at once on one order, one works and the others wait.
///
/// One connection of the pool is held for the whole of an order, the calls to Stripe included, since it carries the
/// order's lock. A pool of as many connections as orders may be under way is enough.
///
/// ```swift
/// let ordering = try await CreditOrdering.open(jobs: set.jobs, clients: clients, pool: pool)
/// let order = NewCreditOrder(agencyID: 7, memberID: 12, optionID: 3)
/// let placed = try await ordering.place(order, idempotencyKey: request.headers[.idempotencyKey])
/// ```
public struct CreditOrdering: Sendable {
    let table: OrderTable
    let client: StripeClient
    let pool: Pool
    /// How long a call waits for another one at the same order before ``OrderingError/busy(_:)``; `nil`: to its end.
    package var turnSeconds: Int?
    /// Called after each step, for tests that stop it there.
    package var checkpoint: @Sendable (OrderStep) async throws -> Void = { _ in }

    /// - Parameters:
    ///   - table: the orders of the client's account.
    ///   - client: the account that is invoiced on: Task Health's.
    public init(table: OrderTable, client: StripeClient, pool: Pool) {
        self.table = table
        self.client = client
        self.pool = pool
    }

    /// The ordering on the table and account of the job that compares credit orders.
    /// - Parameter clients: by the accounts' names.
    /// - Throws: ``RunError`` where no job compares credit orders, or its account has no client; `ContractError`.
    public static func open(
        jobs: [JobDefinition], clients: [String: StripeClient], pool: Pool
    ) async throws -> CreditOrdering {
        let tables = try await LiveTables.resolve(jobs, pool: pool).byAccount
        guard let (name, found) = tables.filter({ $0.value.orders != nil }).min(by: { $0.key < $1.key }),
            let table = found.orders
        else { throw RunError.noTable("no reconcile job compares credit orders") }
        guard let client = clients[name] else { throw RunError.noAccount(name) }
        return CreditOrdering(table: table, client: client, pool: pool)
    }

    /// Places an order, or goes on with the one that was placed under this key before.
    /// - Parameters:
    ///   - idempotencyKey: the caller's, 1 to 255 characters, valid within the agency; `nil`: each call is a new order.
    ///   - begun: told of the order's row once it is there: what fails after that leaves it behind.
    /// - Returns: the order; the same one for the same key, with the state that it has by now.
    /// - Throws: ``OrderingError``, `StripeError`, `PostgresError`.
    public func place(
        _ order: NewCreditOrder, idempotencyKey: String? = nil, begun: @Sendable (Int64) -> Void = { _ in }
    ) async throws -> PlacedOrder {
        let once = OnceForKey(badKey: OrderingError.badKey, keyConflict: OrderingError.keyConflict)
        return try await once(idempotencyKey) { try await attempt(order, key: $0, begun) }
    }

    private func attempt(
        _ order: NewCreditOrder, key: String, _ begun: @Sendable (Int64) -> Void
    ) async throws -> PlacedOrder {
        try await pool.withConnection { connection in
            let row = try await record(order, key: key, on: connection)
            begun(row.orderID)
            try await checkpoint(.row)
            return try await turn(row.orderID, on: connection) {
                try await invoice(row.orderID, isNew: row.isNew, on: connection)
            }
        }
    }

    private func turn<T: Sendable>(
        _ orderID: Int64, on connection: Connection, _ body: () async throws -> T
    ) async throws -> T {
        do {
            return try await RowTurn.hold(.order, orderID, on: connection, waitSeconds: turnSeconds, body)
        } catch is RowTurn.Taken {
            throw OrderingError.busy(orderID)
        }
    }

    /// Cancels an order: at Stripe first, where the invoice is deleted or voided, the row after.
    /// - Returns: the order; one that was cancelled before is answered the same.
    /// - Throws: ``OrderingError/alreadyPaid(_:)`` where the customer was faster: the credits are then granted.
    ///   ``OrderingError``, `StripeError`, `PostgresError`.
    public func cancel(orderID: Int64, agencyID: Int64) async throws -> PlacedOrder {
        try await againAfterLostCommit {
            try await pool.withConnection { connection in
                try await turn(orderID, on: connection) {
                    try await cancelInvoice(orderID, agencyID: agencyID, on: connection)
                }
            }
        }
    }
}

/// Where placing or cancelling an order may be cut off.
package enum OrderStep: String, Sendable, Hashable, CaseIterable {
    case row, draft, linked, line, finalized, stored, mailed
    /// Cancelling: the invoice was read; it has been taken away.
    case looked, voided
}
