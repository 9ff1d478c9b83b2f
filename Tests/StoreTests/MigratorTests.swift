import PostgreSQL
import Store
import Support
import Testing

@Suite("Migrations")
struct MigratorTests {
    private func connection() async throws -> Connection {
        try await Connection.open(TestServer.emptyDatabase(), applicationName: "tests")
    }

    @Test("they are applied once, in order")
    func once() async throws {
        let connection = try await connection()
        let first = try await Migrator.migrate(connection)
        #expect(first == Migration.trueup.map(\.label))
        #expect(try await Migrator.migrate(connection).isEmpty)
        try await Migrator.check(connection)
        await connection.close()
    }

    @Test("numbers rise by one")
    func numbers() {
        #expect(Migration.trueup.map(\.number) == Array(1...Migration.trueup.count))
    }

    @Test("several programs may migrate at once")
    func atOnce() async throws {
        let target = try await TestServer.emptyDatabase()
        let applied = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    let connection = try await Connection.open(target, applicationName: "tests")
                    let count = try await Migrator.migrate(connection).count
                    await connection.close()
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(applied == Migration.trueup.count)
    }

    @Test("the events that an interrupted run has staged take what a newer program stages of them")
    func interruptedRun() async throws {
        let connection = try await connection()
        let before = Migration.trueup.prefix { $0.name != "event_objects" }
        _ = try await Migrator.migrate(connection, migrations: Array(before))
        try await connection.run(
            script: """
                CREATE TABLE trueup.staged_event_7 (LIKE trueup.staged_event);
                INSERT INTO trueup.staged_event_7 VALUES ('a', 'evt_1', 'invoice.paid', 1, 'in_1', false)
                """)
        _ = try await Migrator.migrate(connection)
        var rows = BinaryRows()
        StagedEvents.append(
            id: "evt_2", type: "invoice.paid", createdSeconds: 2, objectID: "in_2", objectCreatedSeconds: 1,
            account: "a", to: &rows)
        _ = try await connection.copyIn(StagingTable(.event, runID: 7).copySQL, rows)
        let seconds: [Int64?] = try await connection.query(
            "SELECT object_created_seconds AS seconds FROM trueup.staged_event_7 ORDER BY id"
        ).map { try $0["seconds"] }
        #expect(seconds == [nil, 1])
        await connection.close()
    }

    @Test("a run that an earlier program interrupted knows how many payments it has written")
    func interruptedPayments() async throws {
        let connection = try await connection()
        let before = Migration.trueup.prefix { $0.name != "payment_keys" }
        _ = try await Migrator.migrate(connection, migrations: Array(before))
        try await connection.run(
            script: """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id)
                    VALUES ('j', 'manual', false, 'interrupted', 0, 9, 'x', '0', 'tests', 'here', 1);
                INSERT INTO trueup.run_list (run_id, account, object, from_seconds, to_seconds)
                    SELECT id, 'a', object, 0, 9 FROM trueup.run, unnest(ARRAY['invoice', 'event']) AS object;
                INSERT INTO trueup.stripe_payment (account, object, id, amount, currency, created_seconds, paid_seconds,
                    run_id)
                    SELECT 'a', 'invoice', 'in_' || n, 1, 'usd', 1, 1, run.id
                    FROM trueup.run, generate_series(1, 3) AS n;
                """)
        #expect(try await Migrator.migrate(connection).first == "0027_payment_keys")
        let counted: [Int64] = try await connection.query(
            "SELECT payments FROM trueup.run_list ORDER BY object DESC"
        ).map { try $0["payments"] }
        #expect(counted == [3, 0])
        await connection.close()
    }

    @Test("what an earlier program may have had mailed is looked for before it is asked again")
    func earlierMails() async throws {
        let connection = try await connection()
        let before = Migration.trueup.prefix { $0.name != "mail_attempts" }
        _ = try await Migrator.migrate(connection, migrations: Array(before))
        try await connection.run(
            script: """
                INSERT INTO trueup.invoice_mail (account, stripe_invoice_id, idempotency_key, state, ended_at,
                    created_at)
                VALUES ('a', 'in_1', 'k1', 'waiting', NULL, now() - interval '1 hour'),
                    ('a', 'in_2', 'k2', 'waiting', NULL, now() - interval '1 day'),
                    ('a', 'in_3', 'k3+', 'waiting', NULL, now() - interval '1 hour'),
                    ('a', 'in_4', 'k4+', 'sent', now(), now());
                """)
        #expect(try await Migrator.migrate(connection).first == "0032_mail_attempts")
        // What is under way while the program is changed has time to end.
        try await connection.execute(
            "UPDATE trueup.invoice_mail SET last_attempt_at = last_attempt_at - interval '1 hour'")
        for (id, step) in [("in_1", .send), ("in_2", .look), ("in_3", .look)] as [(String, InvoiceMails.Step)] {
            let waiting = try await InvoiceMails.waiting(id, account: "a", on: connection)
            #expect(waiting?.next == step, "\(id)")
        }
        #expect(try await InvoiceMails.waiting("in_4", account: "a", on: connection) == nil)
        await connection.close()
    }

    @Test("a database that was never migrated is refused with the command that helps")
    func missing() async throws {
        let connection = try await connection()
        await #expect(throws: MigrationError.missing) { try await Migrator.check(connection) }
        #expect(MigrationError.missing.description.contains("trueup db migrate"))
        await connection.close()
    }

    @Test("a database of a newer program is refused and left alone")
    func newer() async throws {
        let connection = try await connection()
        _ = try await Migrator.migrate(connection)
        try await connection.execute(
            "INSERT INTO trueup.migration (number, name, checksum) VALUES (999, 'from_the_future', 'x')")
        let expected = MigrationError.newer(999, name: "from_the_future", known: Migration.trueup.count)
        await #expect(throws: expected) { try await Migrator.check(connection) }
        await #expect(throws: expected) { try await Migrator.migrate(connection) }
        await connection.close()
    }

    @Test("a released step that was edited is refused")
    func changed() async throws {
        let connection = try await connection()
        _ = try await Migrator.migrate(connection)
        var edited = Migration.trueup
        edited[0] = Migration(1, edited[0].name, edited[0].sql + " ")
        await #expect(throws: MigrationError.changed("0001_runs")) {
            try await Migrator.migrate(connection, migrations: edited)
        }
        await connection.close()
    }

    @Test("a step that fails leaves nothing of itself")
    func failing() async throws {
        let connection = try await connection()
        let broken =
            Migration.trueup + [
                Migration(
                    Migration.trueup.count + 1, "broken", "CREATE TABLE trueup.half (x integer); SELECT 1 / 0;")
            ]
        await #expect(throws: PostgresError.self) { try await Migrator.migrate(connection, migrations: broken) }
        let half: String? = try await connection.query("SELECT to_regclass('trueup.half')::text AS name")[0]["name"]
        #expect(half == nil)
        try await Migrator.check(connection)
        await connection.close()
    }

    @Test("the application's tables are made when asked and never altered")
    func application() async throws {
        let connection = try await connection()
        try await connection.run(script: "CREATE TABLE public.agency (id bigint PRIMARY KEY, mine text)")
        let made = try await ApplicationTables.create(on: connection)
        #expect(made == ApplicationTables.names.filter { $0 != "agency" })
        #expect(try await ApplicationTables.create(on: connection).isEmpty)
        let columns = try await connection.query(
            "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'agency'")
        #expect(try columns[0]["n"] as Int64 == 2)
        await connection.close()
    }

    @Test("the audit takes inserts only")
    func auditIsAppendOnly() async throws {
        let connection = try await connection()
        _ = try await Migrator.migrate(connection)
        try await connection.run(
            script: """
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
                    program_version, requested_by, host, process_id)
                VALUES ('j', 'manual', false, 0, 1, '', '', '', '', 1);
                INSERT INTO trueup.finding (job, kind, account, stripe_id, action, explanation, facts, first_run_id,
                    last_run_id) VALUES ('j', 'missed_paid', 'a', 'in_1', 'apply', '', '{}', 1, 1);
                INSERT INTO trueup.repair (run_id, finding_id, kind, effect, account, stripe_id, stripe_status,
                    stripe_request_id, local_table, local_id, before, after, requested_by)
                VALUES (1, 1, 'missed_paid', 'grant', 'a', 'in_1', 'paid', 'req_1', 't', '1', '{}', '{}', 'me');
                """)
        for statement in [
            "UPDATE trueup.repair SET effect = 'x'", "DELETE FROM trueup.repair", "TRUNCATE trueup.repair",
        ] {
            let error = await #expect(throws: PostgresError.self) { try await connection.execute(statement) }
            #expect(error?.sqlState == "42501", "\(statement)")
        }
        await connection.close()
    }
}
