import PostgreSQL
import Synchronization

/// Brings schema `trueup` to this program's version.
public enum Migrator {
    /// Any two programs that migrate at once wait for each other here.
    private static let lockKey: Int64 = 0x7472_7565_7570

    /// Applies what is missing, each step in a transaction of its own.
    /// - Returns: the labels of the steps that were applied, oldest first.
    /// - Throws: ``MigrationError`` when the database is newer than the program or a released step differs.
    public static func migrate(
        _ connection: Connection, migrations: [Migration] = Migration.trueup
    ) async throws -> [String] {
        // Nearly always nothing is missing: nobody has to wait then, and every command begins with it.
        if let none = try await known(connection, migrations), none.isEmpty { return [] }
        try await connection.execute("SELECT pg_advisory_lock($1)", lockKey)
        do {
            let applied = try await applyMissing(connection, migrations)
            try await connection.execute("SELECT pg_advisory_unlock($1)", lockKey)
            return applied
        } catch {
            // The session may be gone with its lock; the first error is the one to tell.
            _ = try? await connection.execute("SELECT pg_advisory_unlock($1)", lockKey)
            throw error
        }
    }

    /// Refuses a database that this program cannot work with, without changing it.
    /// - Throws: ``MigrationError``: not migrated yet, newer than the program, or changed.
    public static func check(_ connection: Connection, migrations: [Migration] = Migration.trueup) async throws {
        guard let pending = try await known(connection, migrations) else { throw MigrationError.missing }
        if let first = pending.first { throw MigrationError.behind(pending.count, next: first.label) }
    }

    /// The steps that are missing; `nil` where the schema is not there at all.
    private static func known(_ connection: Connection, _ migrations: [Migration]) async throws -> [Migration]? {
        do {
            return try await pending(connection, migrations)
        } catch let error as PostgresError where ["3F000", "42P01"].contains(error.sqlState) {
            // No such schema, no such table: https://www.postgresql.org/docs/15/errcodes-appendix.html
            return nil
        }
    }

    private static func applyMissing(_ connection: Connection, _ migrations: [Migration]) async throws -> [String] {
        try await connection.run(
            script: """
                CREATE SCHEMA IF NOT EXISTS trueup;
                CREATE TABLE IF NOT EXISTS trueup.migration (
                    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now());
                """)
        var applied: [String] = []
        for migration in try await pending(connection, migrations) {
            try await connection.transaction { connection in
                try await connection.run(script: migration.sql)
                try await connection.execute(
                    """
                    INSERT INTO trueup.migration (number, name, checksum)
                    VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'))
                    """, migration.number, migration.name, migration.sql)
            }
            applied.append(migration.label)
        }
        return applied
    }

    private static func pending(_ connection: Connection, _ migrations: [Migration]) async throws -> [Migration] {
        let rows = try await connection.query("SELECT number, name, checksum FROM trueup.migration ORDER BY number")
        var checksums: [Int: String] = [:]
        for row in rows {
            let number = Int(try row["number"] as Int32)
            guard number <= migrations.last?.number ?? 0 else {
                throw MigrationError.newer(number, name: try row["name"], known: migrations.last?.number ?? 0)
            }
            checksums[number] = try row["checksum"]
        }
        let applied = migrations.filter { checksums[$0.number] != nil }
        for (migration, sum) in zip(applied, try await sums(of: applied, on: connection))
        where sum != checksums[migration.number] {
            throw MigrationError.changed(migration.label)
        }
        return migrations.filter { checksums[$0.number] == nil }
    }

    /// The checksums of the program's own steps. PostgreSQL computes them, all at once, and once for a process.
    private static func sums(of migrations: [Migration], on connection: Connection) async throws -> [String] {
        let texts = migrations.map(\.sql)
        let known = knownSums.withLock { known in texts.compactMap { known[$0] } }
        if known.count == texts.count { return known }
        let rows = try await connection.query(
            """
            SELECT encode(sha256(convert_to(step.sql, 'UTF8')), 'hex') AS sum
            FROM unnest($1::text[]) WITH ORDINALITY AS step (sql, place) ORDER BY step.place
            """, texts)
        let sums: [String] = try rows.map { try $0["sum"] }
        knownSums.withLock { known in
            for (text, sum) in zip(texts, sums) { known[text] = sum }
        }
        return sums
    }

    private static let knownSums = Mutex<[String: String]>([:])
}

/// Why a database is refused.
public enum MigrationError: AdvisesCommand, Equatable {
    case missing
    case behind(Int, next: String)
    case newer(Int, name: String, known: Int)
    case changed(String)

    public var advice: Advice {
        switch self {
        case .missing:
            "This database has no schema trueup yet. Run: \(command: "trueup db migrate")"
        case .behind(let count, let next):
            "This database lacks \(count) migration(s), \(next) first. Run: \(command: "trueup db migrate")"
        case .newer(let number, let name, let known):
            """
            This database was migrated by a newer Trueup (it has migration \(number), \(name); this program knows \
            \(known)). Use that version, or a copy of the database.
            """
        case .changed(let label):
            """
            Migration \(label) of this database is not the one this program has: the schema may differ. Compare \
            trueup.migration with the version that made it.
            """
        }
    }
}
