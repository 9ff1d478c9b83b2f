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

    /// Connections to a database of its own for `body`; both are given back after it. One that a test has failed in is
    /// not used again.
    public static func withPool<Value>(size: Int, _ body: (Pool) async throws -> Value) async throws -> Value {
        try await Room.worlds.enter {
            let target = try await take()
            let pool = Pool(target, size: size, applicationName: "tests")
            do {
                let value = try await body(pool)
                await pool.close()
                await giveBack(target)
                return value
            } catch {
                await pool.close()
                throw error
            }
        }
    }

    /// Empties the database for the next test. One that cannot be emptied is not used again.
    public static func giveBack(_ target: ConnectionTarget) async {
        do {
            let connection = try await Connection.open(target, applicationName: "empty")
            // Rows of the audit refuse to go while triggers fire. Deleting the few rows of the few tables that have
            // some is much cheaper than TRUNCATE, which makes new files for every table and index.
            try await connection.run(
                script: """
                    SET lock_timeout = '5s';
                    SET session_replication_role = replica;
                    DO $$ DECLARE name text; isUsed boolean; start bigint; BEGIN
                        FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                            WHERE schemaname = 'trueup' AND tablename ~ '^staged_[a-z_]+_[0-9]+$'
                        LOOP EXECUTE 'DROP TABLE ' || name; END LOOP;
                        FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
                            WHERE schemaname IN ('public', 'trueup') AND tablename <> 'migration'
                        LOOP
                            EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO isUsed;
                            IF isUsed THEN EXECUTE 'DELETE FROM ' || name; END IF;
                        END LOOP;
                        FOR name, start IN SELECT format('%I.%I', schemaname, sequencename), start_value
                            FROM pg_sequences
                            WHERE schemaname IN ('public', 'trueup') AND last_value IS NOT NULL
                        LOOP PERFORM setval(name::regclass, start, false); END LOOP;
                    END $$;
                    """)
            await connection.close()
            free.withLock { $0.append(target) }
        } catch {
            // Left as it is, for the server's end.
        }
    }
}
