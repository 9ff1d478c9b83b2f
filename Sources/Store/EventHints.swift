import PostgreSQL
import Reconciliation

/// What a local table says about objects that events name: which of them have to be looked at (pass c of DESIGN
/// section 2).
///
/// An event is a hint. Where the local row says already what the last event of its object says, nothing was missed;
/// every other object is read by id and compared like a listed one.
public struct EventHints: Sendable {
    /// The types of events that matter to the comparison.
    public let types: [String]
    /// SQL for the ids of objects whose local rows agree with `e`, the last event of the object.
    let agreeing: String
    /// SQL for the ids of objects whose local rows are not terminal: where rows of any age are compared, these are read
    /// for their own sake.
    var waiting = "SELECT WHERE false"

    /// After these an object is a payment.
    private static let paymentTypes = ["invoice.paid", "invoice.payment_succeeded", "payment_intent.succeeded"]

    /// Nothing that an event could say matters.
    public static let none = EventHints(types: [], agreeing: "SELECT WHERE false")

    /// The same for these types alone.
    public func only(_ wanted: [String]) -> EventHints {
        EventHints(types: types.filter(wanted.contains), agreeing: agreeing, waiting: waiting)
    }

    /// What is to be read of the events staged in a run.
    /// - Parameters:
    ///   - listed: the run lists all objects that were created in it, Unix seconds: what their events say, the list
    ///     says better, unless the object was deleted. Of no length: every event counts.
    ///   - undeliveredToo: also where the local row agrees, if an event did not reach every endpoint.
    ///   - waitingToo: also where the local row is not terminal.
    ///   - unreadPaymentsToo: also where the local row agrees that the object is paid, and no run has read the payment
    ///     although one has read its time: statements rest on what was read.
    public func unread(
        events: StagingTable, objects: StagingTable, listed: Window, account: String, undeliveredToo: Bool,
        waitingToo: Bool, unreadPaymentsToo: Bool = false, on connection: Connection
    ) async throws -> [String] {
        try await connection.transaction(access: .readOnly) { connection in
            // Of events under so many conditions the planner expects one, and would read all objects for each.
            try await connection.run(script: Connection.hashJoinsSQL)
            return try await connection.query(
                """
                WITH e AS MATERIALIZED (
                    SELECT DISTINCT ON (object_id) object_id, type, object_created_seconds AS made,
                        bool_or(is_undelivered) OVER (PARTITION BY object_id) AS is_undelivered
                    FROM \(events.name)
                    WHERE account = $1 AND type = ANY($2)
                        AND (object_created_seconds IS NULL OR object_created_seconds < $5
                            OR object_created_seconds >= $6 OR type LIKE '%.deleted')
                        AND \(StagingTable.isReadable("object_id"))
                    ORDER BY object_id, created_seconds DESC, id DESC),
                listed AS MATERIALIZED (
                    SELECT s.id FROM \(objects.name) s WHERE s.account = $1 AND s.id IN (SELECT object_id FROM e)),
                -- First what no list showed: of that there is little, and only of that the table is asked.
                unlisted AS MATERIALIZED (
                    SELECT * FROM e WHERE NOT EXISTS (SELECT FROM listed l WHERE l.id = e.object_id))
                SELECT e.object_id FROM unlisted e
                WHERE (($3 AND e.is_undelivered) OR NOT EXISTS (\(agreeing)) OR ($7 AND e.type = ANY($8)
                    AND NOT EXISTS (SELECT FROM trueup.stripe_payment p
                        WHERE p.account = $1 AND p.object = $9 AND p.id = e.object_id)
                    AND EXISTS (SELECT FROM trueup.stripe_reading r WHERE r.account = $1 AND r.object = $9
                        AND e.made >= r.from_seconds AND e.made < r.to_seconds)))
                  AND ($4 OR NOT EXISTS (\(waiting)))
                ORDER BY 1
                """, account, types, undeliveredToo, waitingToo, listed.fromSeconds, listed.toSeconds,
                unreadPaymentsToo, Self.paymentTypes, objects.object.rawValue
            ).map { try $0["object_id"] }
        }
    }
}

extension OrderTable {
    /// Events of invoices and the orders that they are about.
    public var eventHints: EventHints {
        EventHints(
            types: [
                "invoice.paid", "invoice.payment_succeeded", "invoice.voided", "invoice.marked_uncollectible",
                "invoice.deleted",
            ],
            // Of a draft that was deleted and that no order names, nothing is left to look at.
            agreeing: """
                SELECT WHERE e.type = 'invoice.deleted'
                    AND NOT EXISTS (SELECT FROM \(name) l WHERE l.\(id) = e.object_id)
                UNION ALL
                SELECT FROM \(name) l WHERE l.\(id) = e.object_id AND CASE e.type
                    WHEN 'invoice.paid' THEN l.\(paid)
                    WHEN 'invoice.payment_succeeded' THEN l.\(paid)
                    ELSE NOT l.\(paid) AND l.\(cancelledAt) IS NOT NULL END
                """,
            waiting: """
                SELECT FROM \(name) l WHERE l.\(id) = e.object_id AND NOT l.\(paid) AND l.\(cancelledAt) IS NULL
                """)
    }
}

extension ChargeTable {
    /// Events of payment intents and the charges that they are about.
    public var eventHints: EventHints {
        EventHints(
            types: ["payment_intent.succeeded", "payment_intent.canceled", "payment_intent.payment_failed"],
            agreeing: """
                SELECT FROM \(name) l WHERE l.\(id) = e.object_id AND CASE e.type
                    WHEN 'payment_intent.succeeded' THEN l.\(status) = 'succeeded'
                    WHEN 'payment_intent.canceled' THEN l.\(status) IN ('canceled', 'failed')
                    ELSE l.\(status) IN ('failed', 'canceled') END
                """,
            waiting: "SELECT FROM \(name) l WHERE l.\(id) = e.object_id AND \(isOpen)")
    }

    /// SQL for the state of the row that a finding `f` is about, `NULL` where it is gone.
    public var stateSQL: String {
        "(SELECT coalesce(l.\(status)::text, '') FROM \(name) l WHERE l.\(key)::text = f.local_id)"
    }
}

extension NoticeTable {
    /// Events of finalized invoices and the notices about them.
    public var eventHints: EventHints {
        EventHints(
            types: ["invoice.finalized"], agreeing: "SELECT FROM \(name) n WHERE n.\(id) = e.object_id")
    }

    /// SQL for the state of the notice that a finding `f` is about, `absent` where there is none.
    public var stateSQL: String {
        "(CASE WHEN EXISTS (SELECT FROM \(name) n WHERE n.\(id) = f.stripe_id) THEN 'noticed' ELSE 'absent' END)"
    }
}

extension CustomerTable {
    /// Events of payments: no row of a customer says anything of one.
    public static let eventHints = EventHints(types: ["payment_intent.succeeded"], agreeing: "SELECT WHERE false")
}

extension OrderTable {
    /// Events of payments, which no row of an order says anything of.
    public static let paymentEventHints = CustomerTable.eventHints
}
