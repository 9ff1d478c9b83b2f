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
}
