import PostgreSQL
import Sandbox

/// How the demo's tables are filled.
enum DemoTables {
    /// Fills the application's tables, which are empty.
    static func load(_ history: DemoHistory, into connection: Connection) async throws {
        try await connection.transaction { connection in
            try await loadAgencies(history.credits, connection)
            try await loadOrders(history.credits, connection)
            try await loadBooks(history.credits, connection)
            try await loadCharges(history.charges, connection)
            try await loadNotices(Array(history.charges.notices) + Array(history.patients.notices), connection)
            try await loadPatients(history.patients, connection)
            for table in ["task_credit_stripe_invoice", "agency_charge"] {
                try await connection.run(
                    script: "SELECT setval(pg_get_serial_sequence('\(table)', 'id'), (SELECT max(id) FROM \(table)));")
            }
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

    private static func loadCharges(_ history: AgencyHistory, _ connection: Connection) async throws {
        var rows = BinaryRows()
        for row in history.localRows {
            rows.beginRow(columns: 10)
            rows.append(row.id)
            rows.append(row.agencyID)
            rows.append(row.purpose)
            rows.append(row.stripePaymentIntentID)
            rows.append(row.amountCents)
            rows.append(row.currency)
            rows.append(row.description)
            rows.append(row.status)
            rows.append(Timestamp(seconds: row.createdSeconds))
            rows.append(row.succeededSeconds.map { Timestamp(seconds: $0) })
        }
        _ = try await connection.copyIn(
            """
            COPY agency_charge (id, agency_id, purpose, stripe_payment_intent_id, amount_cents, currency, description,
                status, created_at, succeeded_at)
            FROM STDIN (FORMAT binary)
            """, rows)
    }

    private static func loadNotices(_ notices: [AgencyNotice], _ connection: Connection) async throws {
        var rows = BinaryRows()
        for row in notices {
            rows.beginRow(columns: 4)
            rows.append(row.stripeInvoiceID)
            rows.append(row.account)
            rows.append(row.agencyID)
            rows.append(Timestamp(seconds: row.sentSeconds))
        }
        _ = try await connection.copyIn(
            "COPY agency_invoice_notice (stripe_invoice_id, account, agency_id, sent_at) FROM STDIN (FORMAT binary)",
            rows)
    }

    private static func loadPatients(_ history: PatientHistory, _ connection: Connection) async throws {
        var rows = BinaryRows()
        for row in history.customers {
            rows.beginRow(columns: 3)
            rows.append(row.stripeCustomerID)
            rows.append(row.patientID)
            rows.append(row.agencyID)
        }
        _ = try await connection.copyIn(
            """
            COPY stripe_customer_patient_assoc (stripe_customer_id, patient_id, agency_id) FROM STDIN (FORMAT binary)
            """, rows)
    }
}
