import PostgreSQL
import Reconciliation
import Store
import Testing

/// Which objects events make a run read.
@Suite("Objects that events name")
struct EventHintsTests {
    private static let listed = StagedWorld.period

    private struct Case {
        let id: String
        let type: String
        let objectCreatedSeconds: Int64?
        let isRead: Bool
    }

    /// No row says anything of these invoices, and nothing is listed.
    private static let cases = [
        Case(id: "in_1", type: "invoice.paid", objectCreatedSeconds: listed.fromSeconds, isRead: false),
        Case(id: "in_2", type: "invoice.paid", objectCreatedSeconds: listed.toSeconds - 1, isRead: false),
        Case(id: "in_3", type: "invoice.paid", objectCreatedSeconds: listed.fromSeconds - 1, isRead: true),
        Case(id: "in_4", type: "invoice.paid", objectCreatedSeconds: listed.toSeconds, isRead: true),
        Case(id: "in_5", type: "invoice.paid", objectCreatedSeconds: nil, isRead: true),
        // A list does not show what was deleted; this one has a row.
        Case(id: "in_6", type: "invoice.deleted", objectCreatedSeconds: listed.fromSeconds, isRead: true),
        Case(id: "in_7", type: "invoice.deleted", objectCreatedSeconds: listed.fromSeconds, isRead: false),
    ]

    @Test("what a list of the same run shows is not asked for, but what was deleted is")
    func listed() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = try await Runs(pool: world.pool).begin(
                job: "credit-invoices", definitionHash: "x", isPlan: false, period: Self.listed,
                lists: [RunList(account: "task_health", object: .invoice): Self.listed],
                origin: RunOrigin(
                    trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
            try await world.pool.withConnection { connection in
                try await connection.execute(
                    """
                    INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                        stripe_invoice_id, paid, created_at)
                    VALUES (6, 1, 1, 20000, 'usd', 'in_6', true, to_timestamp($1))
                    """, Self.listed.fromSeconds)
                var rows = BinaryRows()
                for one in Self.cases {
                    StagedEvents.append(
                        id: "evt_\(one.id)", type: one.type, createdSeconds: Self.listed.toSeconds - 10,
                        objectID: one.id, objectCreatedSeconds: one.objectCreatedSeconds, account: "task_health",
                        to: &rows)
                }
                let events = StagingTable(.event, runID: run.id)
                try await events.add(rows, for: RunFence(run), on: connection)
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                let unread = try await table.eventHints.unread(
                    events: events, objects: StagingTable(.invoice, runID: run.id), listed: Self.listed,
                    account: "task_health", undeliveredToo: false, waitingToo: false, on: connection)
                #expect(unread == Self.cases.filter(\.isRead).map(\.id))
            }
        }
    }

    @Test("a payment that no run has read is asked for though its row agrees, where statements rest on it")
    func unreadPayments() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            let run = world.run
            try await world.pool.withConnection { connection in
                // Rows that say what the events say. The payment of the first is known; of the others something else.
                try await connection.run(
                    script: """
                        INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                            stripe_invoice_id, paid, cancelled_at, created_at)
                        SELECT n, 1, 1, 20000, 'usd', 'in_' || n, n <> 4, CASE WHEN n = 4 THEN now() END, now()
                        FROM generate_series(1, 5) n;
                        INSERT INTO trueup.stripe_payment (account, object, id, amount, currency, created_seconds,
                            paid_seconds, run_id)
                        VALUES ('task_health', 'invoice', 'in_1', 20000, 'usd', 0, 0, 1),
                            ('medflyt', 'invoice', 'in_2', 20000, 'usd', 0, 0, 1),
                            ('task_health', 'payment_intent', 'in_3', 20000, 'usd', 0, 0, 1);
                        INSERT INTO trueup.stripe_reading (run_id, account, object, from_seconds, to_seconds)
                        VALUES (1, 'task_health', 'invoice', 0, \(Self.listed.fromSeconds)),
                            (1, 'medflyt', 'invoice', 0, \(Self.listed.toSeconds))
                        """)
                var rows = BinaryRows()
                // The time of the last was never read: no statement counts on it.
                for number in 1...5 {
                    StagedEvents.append(
                        id: "evt_\(number)", type: number == 4 ? "invoice.voided" : "invoice.paid",
                        createdSeconds: Self.listed.toSeconds - 10, objectID: "in_\(number)",
                        objectCreatedSeconds: number == 5 ? -1 : Self.listed.fromSeconds - 1, account: "task_health",
                        to: &rows)
                }
                let events = StagingTable(.event, runID: run.id)
                try await events.add(rows, for: RunFence(run), on: connection)
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                for (isStated, expected) in [(false, []), (true, ["in_2", "in_3"])] as [(Bool, [String])] {
                    let unread = try await table.eventHints.unread(
                        events: events, objects: StagingTable(.invoice, runID: run.id), listed: Self.listed,
                        account: "task_health", undeliveredToo: false, waitingToo: false,
                        unreadPaymentsToo: isStated, on: connection)
                    #expect(unread == expected)
                }
            }
        }
    }
}
