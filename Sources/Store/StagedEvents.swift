import PostgreSQL

/// Events as rows of a ``StagingTable``: hints that objects have changed.
public enum StagedEvents {
    /// Encodes one event for COPY.
    /// - Parameter objectCreatedSeconds: when the object that it is about was created, Unix seconds; `nil` where the
    ///   event does not say.
    public static func append(
        id: String, type: String, createdSeconds: Int64, objectID: String, objectCreatedSeconds: Int64?,
        account: String, to rows: inout BinaryRows
    ) {
        rows.beginRow(columns: 7)
        rows.append(account)
        rows.append(id)
        rows.append(type)
        rows.append(createdSeconds)
        rows.append(objectID)
        rows.append(false)
        rows.append(objectCreatedSeconds)
    }

    /// Notes that these events have not reached every endpoint.
    public static func markUndelivered(
        _ ids: [String], account: String, in staged: StagingTable, on connection: Connection
    ) async throws {
        try await connection.execute(
            "UPDATE \(staged.name) SET is_undelivered = true WHERE account = $1 AND id = ANY($2)", account, ids)
    }

    /// How many events were staged, and how many of them have not reached every endpoint.
    public static func count(
        account: String, in staged: StagingTable, on connection: Connection
    ) async throws -> (all: Int64, undelivered: Int64) {
        let row = try await connection.query(
            """
            SELECT count(*) AS all, count(*) FILTER (WHERE is_undelivered) AS undelivered FROM \(staged.name)
            WHERE account = $1
            """, account)[0]
        return (try row["all"], try row["undelivered"])
    }
}

/// What joins invoices and intents, as rows of a ``StagingTable``.
public enum StagedInvoicePayments {
    /// Encodes one invoice payment for COPY.
    public static func append(
        id: String, createdSeconds: Int64, invoiceID: String, paymentIntent: String?, account: String,
        to rows: inout BinaryRows
    ) {
        rows.beginRow(columns: 5)
        rows.append(account)
        rows.append(id)
        rows.append(createdSeconds)
        rows.append(invoiceID)
        rows.append(paymentIntent)
    }

    /// Writes to the staged intents of an account which invoices they pay.
    public static func join(
        _ payments: StagingTable, to intents: StagingTable, account: String, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            UPDATE \(intents.name) i SET invoice_id = p.invoice_id FROM \(payments.name) p
            WHERE i.account = $1 AND p.account = $1 AND p.payment_intent = i.id AND i.invoice_id IS NULL
                -- Asked once: in versions without such a list nothing is read for it.
                AND EXISTS (SELECT FROM \(payments.name))
            """, account)
    }
}
