import PostgreSQL
import Sandbox

/// The local side of the accounts that charge and invoice agencies, and take patients' payments.
public enum AgencyTables {
    /// The agencies. Those of every history of one seed are the same.
    public static func load(_ agencies: [CreditAgency], into connection: Connection) async throws {
        var rows = BinaryRows()
        for agency in agencies {
            rows.beginRow(columns: 5)
            rows.append(agency.id)
            rows.append(agency.name)
            rows.append(agency.email)
            rows.append(agency.stripeCustomerID)
            rows.append(agency.taskHealthStripeCustomerID)
        }
        try await connection.copyIn(
            """
            COPY agency (id, name, email, "stripeCustomerId", "taskHealthStripeCustomerId") FROM STDIN (FORMAT binary)
            """, rows)
    }

    /// The charges of an ``AgencyHistory`` and the notices of its invoices; not the agencies.
    public static func load(_ history: AgencyHistory, into connection: Connection) async throws {
        try await connection.transaction { connection in
            try await loadCharges(history, connection)
            try await load(history.notices, into: connection)
        }
        try await connection.run(script: "ANALYZE public.agency_charge, public.agency_invoice_notice")
    }

    /// The patients' customers of a ``PatientHistory`` and the notices of its invoices; not the agencies.
    public static func load(_ history: PatientHistory, into connection: Connection) async throws {
        try await connection.transaction { connection in
            var rows = BinaryRows()
            for customer in history.customers {
                rows.beginRow(columns: 3)
                rows.append(customer.stripeCustomerID)
                rows.append(customer.patientID)
                rows.append(customer.agencyID)
            }
            try await connection.copyIn(
                """
                COPY stripe_customer_patient_assoc (stripe_customer_id, patient_id, agency_id)
                FROM STDIN (FORMAT binary)
                """, rows)
            try await load(history.notices, into: connection)
        }
        try await connection.run(script: "ANALYZE public.stripe_customer_patient_assoc, public.agency_invoice_notice")
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
            for text in [row.currency, row.description, row.status] { rows.append(text) }
            rows.append(Timestamp(seconds: row.createdSeconds))
            rows.append(row.succeededSeconds.map { Timestamp(seconds: $0) })
        }
        try await connection.copyIn(
            """
            COPY agency_charge (id, agency_id, purpose, stripe_payment_intent_id, amount_cents, currency, description,
                status, created_at, succeeded_at) FROM STDIN (FORMAT binary)
            """, rows)
    }

    private static func load(_ notices: some Sequence<AgencyNotice>, into connection: Connection) async throws {
        var rows = BinaryRows()
        for notice in notices {
            rows.beginRow(columns: 4)
            rows.append(notice.stripeInvoiceID)
            rows.append(notice.account)
            rows.append(notice.agencyID)
            rows.append(Timestamp(seconds: notice.sentSeconds))
        }
        try await connection.copyIn(
            "COPY agency_invoice_notice (stripe_invoice_id, account, agency_id, sent_at) FROM STDIN (FORMAT binary)",
            rows)
    }
}
