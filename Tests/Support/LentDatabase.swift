import PostgreSQL
import Synchronization

/// Databases that are emptied and used again: making and removing one for each of a hundred tests takes longer than
/// the tests.
public enum LentDatabase {
    private static let free = Mutex<[ConnectionTarget]>([])

    /// A database with schema `trueup` and the application's tables, all of them empty.
    public static func take() async throws -> ConnectionTarget {
        if let target = free.withLock({ $0.popLast() }) { return target }
        return try await TestServer.database()
    }

    /// Empties the database for the next test. One that cannot be emptied is not used again.
    public static func giveBack(_ target: ConnectionTarget) async {
        do {
            let connection = try await Connection.open(target, applicationName: "empty")
            // Rows of the audit refuse to go while triggers fire.
            try await connection.run(
                script: """
                    SET lock_timeout = '5s';
                    SET session_replication_role = replica;
                    DO $$ DECLARE names text; BEGIN
                        FOR names IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                            WHERE schemaname = 'trueup' AND tablename ~ '^staged_[a-z_]+_[0-9]+$'
                        LOOP EXECUTE 'DROP TABLE ' || names; END LOOP;
                        SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO names FROM pg_tables
                        WHERE schemaname IN ('public', 'trueup') AND tablename <> 'migration';
                        EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY';
                    END $$;
                    """)
            await connection.close()
            free.withLock { $0.append(target) }
        } catch {
            // Left as it is, for the server's end.
        }
    }
}
