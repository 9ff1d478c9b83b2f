import PostgreSQL
import Runner
import Store
import Support
import Testing

@Suite("A run that is stopped behind its end")
struct StoppedAtEndTests {
    private static let key = 81_504

    /// How often the commit of a run's end waits for the test.
    private static let waiting = """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(key) AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """

    @Test("what it found is given: it has ended, and there is nothing to go on with")
    func given() async throws {
        var setup = try NightSetup.credits(seed: 815)
        setup.changesSchema = true
        try await Night.with(setup) { night in
            try await night.pool.withConnection { connection in
                try await connection.run(
                    script: """
                        CREATE FUNCTION trueup.hold_end() RETURNS trigger LANGUAGE plpgsql AS $$
                        BEGIN
                            PERFORM pg_advisory_xact_lock(\(Self.key));
                            RETURN NULL;
                        END $$;
                        CREATE CONSTRAINT TRIGGER hold_end AFTER UPDATE ON trueup.run DEFERRABLE INITIALLY DEFERRED
                            FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION trueup.hold_end();
                        """)
            }
            let holder = try await Connection.open(night.target, applicationName: "holder")
            try await holder.run(script: "SELECT pg_advisory_lock(\(Self.key))")
            let running = Task { try await night.run() }
            while try await night.number(Self.waiting) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            running.cancel()
            try await holder.run(script: "SELECT pg_advisory_unlock(\(Self.key))")
            let result = try await running.value
            await holder.close()
            #expect(!result.findings.isEmpty)
            let stored = try await night.number("SELECT count(*) FROM trueup.finding")
            #expect(result.findings.count == stored)
            #expect(try await night.lastRun().state == result.outcome.state.rawValue)
        }
    }
}
