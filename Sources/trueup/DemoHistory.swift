import PostgreSQL
import Sandbox

/// What the demo plants, and how its tables are filled.
enum DemoHistory {
    static let orders = 24_000
    static let agencies = 212

    /// Every deviation there is, in a number that is not the same for any two neighbours.
    static let plants: [Plant: Int] = {
        var plants: [Plant: Int] = [:]
        for (index, plant) in Plant.allCases.enumerated() { plants[plant] = 2 + index % 3 }
        plants[.paidOpen] = 31
        plants[.paidOpenOld] = 6
        plants[.voidOpen] = 9
        plants[.voidOpenOld] = 3
        plants[.absentOpen] = 5
        plants[.draftStaleOpen] = 7
        plants[.openOverdue] = 6
        return plants
    }()

    /// Payment intents besides those of the invoices, of every kind.
    static let payments = Dictionary(
        uniqueKeysWithValues: PaymentPlant.allCases.enumerated().map { ($1, 2 + $0 % 3) })

    static func make(seed: UInt64, nowSeconds: Int64) throws -> CreditHistory {
        try CreditHistory(
            seed: seed, orders: orders, agencies: agencies, nowSeconds: nowSeconds, plants: plants, payments: payments)
    }

    /// What the agencies are charged, of the same agencies.
    static func charges(seed: UInt64, nowSeconds: Int64) throws -> AgencyHistory {
        let kinds = ChargePlant.allCases + ChargePlant.eventsOnly
        return try AgencyHistory(
            seed: seed, charges: 8_000, agencies: agencies, nowSeconds: nowSeconds, missedNotices: 6,
            plants: Dictionary(uniqueKeysWithValues: kinds.enumerated().map { ($1, 2 + $0 % 3) }))
    }

    /// What patients pay, and invoices of the same agencies.
    static func patients(seed: UInt64, nowSeconds: Int64) throws -> PatientHistory {
        try PatientHistory(
            seed: seed, payments: 8_000, agencies: agencies, nowSeconds: nowSeconds, missedNotices: 7,
            plants: Dictionary(uniqueKeysWithValues: PatientPlant.allCases.enumerated().map { ($1, 2 + $0 % 3) }))
    }

    /// The three accounts, with everything planted.
    static func accounts(seed: UInt64, nowSeconds: Int64) throws -> [SandboxAccount] {
        [
            .default(history: .patients(try patients(seed: seed, nowSeconds: nowSeconds))),
            .medflyt(history: .agency(try charges(seed: seed, nowSeconds: nowSeconds))),
            .taskHealth(history: .credits(try make(seed: seed, nowSeconds: nowSeconds))),
        ]
    }

    /// Fills the application's tables, which are empty.
    static func load(_ history: CreditHistory, into connection: Connection) async throws {
        try await connection.transaction { connection in
            try await loadAgencies(history, connection)
            try await loadOrders(history, connection)
            try await loadBooks(history, connection)
            try await connection.run(
                script: """
                    SELECT setval(pg_get_serial_sequence('task_credit_stripe_invoice', 'id'),
                        (SELECT max(id) FROM task_credit_stripe_invoice));
                    """)
        }
        try await connection.run(script: "ANALYZE")
    }

    private static func loadAgencies(_ history: CreditHistory, _ connection: Connection) async throws {
        var agencies = BinaryRows()
        for agency in history.agencies {
            agencies.beginRow(columns: 5)
            agencies.append(agency.id)
            agencies.append(agency.name)
            agencies.append(agency.email)
            agencies.append(agency.stripeCustomerID)
            agencies.append(agency.taskHealthStripeCustomerID)
        }
        _ = try await connection.copyIn(
            """
            COPY agency (id, name, email, "stripeCustomerId", "taskHealthStripeCustomerId") FROM STDIN (FORMAT binary)
            """, agencies)
        var members = BinaryRows()
        for member in history.members {
            members.beginRow(columns: 4)
            members.append(member.id)
            members.append(member.agencyID)
            members.append(member.name)
            members.append(member.email)
        }
        _ = try await connection.copyIn(
            "COPY agency_member (id, agency_id, name, email) FROM STDIN (FORMAT binary)", members)
        var options = BinaryRows()
        for option in history.options {
            options.beginRow(columns: 4)
            options.append(option.id)
            options.append(option.credits)
            options.append(option.priceCents)
            options.append(option.active)
        }
        _ = try await connection.copyIn(
            "COPY task_credit_order_options (id, credits, price_cents, active) FROM STDIN (FORMAT binary)", options)
    }

    private static func loadOrders(_ history: CreditHistory, _ connection: Connection) async throws {
        let sql = """
            COPY task_credit_stripe_invoice (id, agency_id, agency_member_id, order_option_id, credits, amount_cents,
                currency, stripe_invoice_id, hosted_invoice_url, paid, paid_at, cancelled_at, created_at)
            FROM STDIN (FORMAT binary)
            """
        var rows = BinaryRows()
        for row in history.localRows {
            rows.beginRow(columns: 13)
            for number in [row.id, row.agencyID, row.agencyMemberID, row.orderOptionID, row.credits, row.amountCents] {
                rows.append(number)
            }
            rows.append(row.currency)
            rows.append(row.stripeInvoiceID)
            rows.append(row.hostedInvoiceURL)
            rows.append(row.paid)
            rows.append(row.paidSeconds.map { Timestamp(seconds: $0) })
            rows.append(row.cancelledSeconds.map { Timestamp(seconds: $0) })
            rows.append(Timestamp(seconds: row.createdSeconds))
            if rows.byteCount > 1 << 20 {
                _ = try await connection.copyIn(sql, rows)
                rows.removeAll()
            }
        }
        _ = try await connection.copyIn(sql, rows)
    }

    private static func loadBooks(_ history: CreditHistory, _ connection: Connection) async throws {
        var reservations = BinaryRows()
        for row in history.reservations {
            reservations.beginRow(columns: 6)
            for number in [row.id, row.agencyID, row.taskInstanceID, row.credits] { reservations.append(number) }
            reservations.append(Timestamp(seconds: row.createdSeconds))
            reservations.append(row.releasedSeconds.map { Timestamp(seconds: $0) })
        }
        _ = try await connection.copyIn(
            """
            COPY task_credit_reservation (id, agency_id, task_instance_id, credits, created_at, released_at)
            FROM STDIN (FORMAT binary)
            """, reservations)
        var adjustments = BinaryRows()
        for row in history.adjustments {
            adjustments.beginRow(columns: 5)
            for number in [row.id, row.agencyID, row.credits] { adjustments.append(number) }
            adjustments.append(row.reason)
            adjustments.append(Timestamp(seconds: row.createdSeconds))
        }
        _ = try await connection.copyIn(
            "COPY task_credit_adjustment (id, agency_id, credits, reason, created_at) FROM STDIN (FORMAT binary)",
            adjustments)
        var balances = BinaryRows()
        for row in history.balances {
            balances.beginRow(columns: 3)
            balances.append(row.agencyID)
            balances.append(row.balance)
            balances.append(Timestamp(seconds: row.updatedSeconds))
        }
        _ = try await connection.copyIn(
            "COPY task_credit_agency_balance (agency_id, balance, updated_at) FROM STDIN (FORMAT binary)", balances)
    }
}
