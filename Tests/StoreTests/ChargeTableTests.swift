import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("The table of charges")
struct ChargeTableTests {
    private static func resolve(
        _ connection: Connection, table: String = "agency_charge", columns: [String: String] = [:],
        customer: String = "stripeCustomerId"
    ) async throws -> ChargeTable {
        try await ChargeTable.resolve(
            schema: "public", table: table, columns: columns, customerColumn: customer, on: connection)
    }

    @Test("its columns are found and quoted, and the agency's customer is joined where the tables know it")
    func found() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            let table = try await Self.resolve(connection)
            #expect(table.name == "\"public\".\"agency_charge\"")
            #expect(table.id == "\"stripe_payment_intent_id\"")
            #expect(table.customer == "a.\"stripeCustomerId\"")
            #expect(table.agencyJoin.contains("a.id = l.\"agency_id\""))
            let stranger = try await Self.resolve(connection, customer: "nobodysCustomerId")
            #expect(stranger.customer == "NULL::text")
            #expect(stranger.agencyJoin.isEmpty)
        }
        await pool.close()
    }

    @Test("what is missing or of another type is named, with what there is")
    func refused() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            await #expect(throws: ContractError.noTable("public.charges")) {
                try await Self.resolve(connection, table: "charges")
            }
            let injected = "status\" FROM x; --"
            let missing = await #expect(throws: ContractError.self) {
                try await Self.resolve(connection, columns: ["status": injected])
            }
            #expect(missing?.description.contains("“\(injected)”") == true)
            #expect(missing?.description.contains("amount_cents, created_at, currency") == true)
            let expected = ContractError.wrongType(
                "purpose", role: "amount", table: "public.agency_charge", type: "text", expected: ["bigint", "integer"])
            await #expect(throws: expected) { try await Self.resolve(connection, columns: ["amount": "purpose"]) }
        }
        await pool.close()
    }

    @Test("a table that hides rows from this role is refused")
    func hidden() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            let table = try await Self.resolve(connection)
            try await table.refuseHiddenRows(on: connection)
            try await connection.run(
                script: """
                    CREATE ROLE narrow_charges; GRANT ALL ON agency_charge TO narrow_charges;
                    ALTER TABLE agency_charge ENABLE ROW LEVEL SECURITY;
                    SET ROLE narrow_charges
                    """)
            await #expect(throws: ContractError.hiddenRows("public.agency_charge")) {
                try await table.refuseHiddenRows(on: connection)
            }
            try await connection.run(script: "RESET ROLE")
        }
        await pool.close()
    }

    @Test("rows that can still change are found by an index, whatever their age")
    func index() async throws {
        let pool = try await TestServer.pool(size: 1)
        let plan: [String] = try await pool.withConnection { connection in
            try await connection.run(
                script: """
                    INSERT INTO agency_charge (agency_id, amount_cents, currency, status, created_at)
                        SELECT 1, 50, 'usd', CASE WHEN n % 500 = 0 THEN 'pending' ELSE 'succeeded' END,
                            timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 20000) n;
                    ANALYZE agency_charge
                    """)
            return try await connection.query(
                """
                EXPLAIN SELECT FROM agency_charge l WHERE l.created_at >= '2026-01-14' OR (l.status IS NULL
                    OR l.status NOT IN ('succeeded', 'failed', 'canceled')) OR l.id = ANY(ARRAY[1, 2])
                    OR l.stripe_payment_intent_id = ANY(ARRAY['pi_1'])
                """
            ).map { try $0[0] }
        }
        #expect(plan.contains { $0.contains("agency_charge_open") }, "\(plan.joined(separator: "\n"))")
        #expect(plan.contains { $0.contains("agency_charge_created") }, "\(plan.joined(separator: "\n"))")
        await pool.close()
    }

    /// Every event counts.
    private static let noTime = Window(fromSeconds: 0, toSeconds: 0)

    /// The last event of an intent, the charge's status, and whether the intent has to be read.
    static let hints: [(event: String, status: String, isRead: Bool)] = [
        ("payment_intent.succeeded", "succeeded", false), ("payment_intent.succeeded", "pending", true),
        ("payment_intent.succeeded", "failed", true), ("payment_intent.succeeded", "canceled", true),
        ("payment_intent.canceled", "canceled", false), ("payment_intent.canceled", "failed", false),
        ("payment_intent.canceled", "pending", true), ("payment_intent.canceled", "succeeded", true),
        ("payment_intent.payment_failed", "failed", false), ("payment_intent.payment_failed", "pending", true),
        ("payment_intent.payment_failed", "succeeded", true),
    ]

    @Test("an event is followed where the charge does not say already what it says")
    func events() async throws {
        let pool = try await TestServer.pool(size: 2)
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0")
        let run = try await Runs(pool: pool).begin(
            job: "agency-charges", definitionHash: "x", isPlan: false, period: ChargeCase.period,
            lists: [RunList(account: "task_health", object: .paymentIntent): ChargeCase.period], origin: origin)
        try await pool.withConnection { connection in
            var rows = BinaryRows()
            for (number, hint) in Self.hints.enumerated() {
                try await connection.execute(
                    """
                    INSERT INTO agency_charge (agency_id, amount_cents, currency, status, stripe_payment_intent_id)
                    VALUES (1, 50, 'usd', $1, $2)
                    """, hint.status, "pi_\(number)")
                // An earlier event does not matter.
                for (seconds, type) in [(1, "payment_intent.payment_failed"), (2, hint.event)] as [(Int64, String)] {
                    StagedEvents.append(
                        id: "evt_\(number)_\(seconds)", type: type, createdSeconds: seconds, objectID: "pi_\(number)",
                        objectCreatedSeconds: nil,
                        account: "task_health", to: &rows)
                }
            }
            let events = StagingTable(.event, runID: run.id)
            try await events.replace([], account: "task_health", with: rows, for: RunFence(run), on: connection)
            let intents = StagingTable(.paymentIntent, runID: run.id)
            let hints = try await Self.resolve(connection).eventHints
            let unread = try await hints.unread(
                events: events, objects: intents, listed: Self.noTime, account: "task_health", undeliveredToo: false,
                waitingToo: true, on: connection)
            let expected = Self.hints.indices.filter { Self.hints[$0].isRead }
            #expect(Set(unread) == Set(expected.map { "pi_\($0)" }))
            // Where rows of any age are compared, those that can still change are read for their own sake.
            let settled = try await hints.unread(
                events: events, objects: intents, listed: Self.noTime, account: "task_health", undeliveredToo: false,
                waitingToo: false, on: connection)
            #expect(Set(settled) == Set(expected.filter { Self.hints[$0].status != "pending" }.map { "pi_\($0)" }))
        }
        await pool.close()
    }

    @Test("the status of the row that a finding is about, and nothing where it is gone")
    func state() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            try await connection.run(
                script: "INSERT INTO agency_charge (id, agency_id, amount_cents, currency, status) "
                    + "VALUES (5, 1, 50, 'usd', 'failed')")
            let sql = try await Self.resolve(connection).stateSQL
            let states: [String?] = try await connection.query(
                "SELECT \(sql) AS state FROM (VALUES ('5'), ('6'), ('no number')) f (local_id) ORDER BY local_id"
            ).map { try $0["state"] }
            #expect(states == ["failed", nil, nil])
        }
        await pool.close()
    }
}
