import PostgreSQL

/// A process that schedules or works.
public struct Worker: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case schedule, work
    }

    /// Unique among all processes, for example `host:4711:k3f9`.
    public var name: String
    public var kind: Kind
    public var host: String
    public var processID: Int32
    public var programVersion: String

    public init(name: String, kind: Kind, host: String, processID: Int32, programVersion: String) {
        self.name = name
        self.kind = kind
        self.host = host
        self.processID = processID
        self.programVersion = programVersion
    }
}

/// The rows of `trueup.worker`: who is there, for people to look at. Nothing depends on them; leases decide.
public struct Workers: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// Says that the worker lives and how many occurrences it runs. Rows of workers that were not heard of for a day
    /// go.
    public func beat(_ worker: Worker, running: Int) async throws {
        _ = try await pool.withConnection { connection in
            try await connection.pipeline([
                Statement(
                    """
                    INSERT INTO trueup.worker (name, kind, host, process_id, program_version, running)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT (name) DO UPDATE SET running = excluded.running, heartbeat_at = now()
                    """, worker.name, worker.kind.rawValue, worker.host, worker.processID, worker.programVersion,
                    Int32(running)),
                Statement("DELETE FROM trueup.worker WHERE heartbeat_at < now() - interval '1 day'"),
            ])
        }
    }

    /// Takes the worker's row away, when it stops in order.
    public func leave(_ worker: Worker) async throws {
        _ = try await pool.withConnection { connection in
            try await connection.execute("DELETE FROM trueup.worker WHERE name = $1", worker.name)
        }
    }

    /// Those that were heard of within so many seconds, by name.
    public func alive(withinSeconds seconds: Double) async throws -> [Worker] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT name, kind, host, process_id, program_version FROM trueup.worker
                WHERE heartbeat_at > now() - $1::double precision * interval '1 second' ORDER BY name
                """, seconds
            ).map { row in
                Worker(
                    name: try row["name"], kind: Worker.Kind(rawValue: try row["kind"]) ?? .work,
                    host: try row["host"], processID: try row["process_id"],
                    programVersion: try row["program_version"])
            }
        }
    }
}
