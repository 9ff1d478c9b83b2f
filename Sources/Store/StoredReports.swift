import PostgreSQL
import Reconciliation

/// The rows of `trueup.report` and what belongs to them. They are written once and never changed.
public struct StoredReports: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// The last report of a job: the one that the next one's hash chain goes on from.
    public func last(job: String) async throws -> StoredReport? {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT \(StoredReport.columns) FROM trueup.report WHERE job = $1 ORDER BY id DESC LIMIT 1", job
            ).first.map(StoredReport.init)
        }
    }

    /// Reports, the newest first.
    public func list(job: String? = nil, limit: Int = 20) async throws -> [StoredReport] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(StoredReport.columns) FROM trueup.report WHERE $1::text IS NULL OR job = $1
                ORDER BY id DESC LIMIT $2
                """, job, limit
            ).map(StoredReport.init)
        }
    }

    /// One report, or `nil`.
    public func report(id: Int64) async throws -> StoredReport? {
        try await pool.withConnection { connection in
            try await connection.query("SELECT \(StoredReport.columns) FROM trueup.report WHERE id = $1", id)
                .first.map(StoredReport.init)
        }
    }

    /// The files of a report, by name; the manifest is not one of them.
    public func files(of id: Int64) async throws -> [StoredReport.File] {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT name, bytes, sha256 FROM trueup.report_file WHERE report_id = $1 ORDER BY name", id
            ).map { row in
                StoredReport.File(name: try row["name"], bytes: try row["bytes"], sha256: try row["sha256"])
            }
        }
    }

    /// The reports that a file of this hash is part of, or whose manifest it is; the newest first.
    public func reports(withFileOf sha256: String) async throws -> [(report: StoredReport, file: String)] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(StoredReport.columns.split(separator: ", ").map { "r.\($0)" }.joined(separator: ", ")),
                    f.name AS file
                FROM trueup.report r JOIN (SELECT report_id, name FROM trueup.report_file WHERE sha256 = $1
                    UNION ALL SELECT id, 'manifest.json' FROM trueup.report WHERE manifest_sha256 = $1) f
                    ON f.report_id = r.id
                ORDER BY r.id DESC
                """, sha256
            ).map { (try StoredReport($0), try $0["file"]) }
        }
    }

    /// The figures of a report by agency.
    public func lines(of id: Int64) async throws -> [StoredReport.Line] {
        try await pool.withConnection { try await StoredReport.lines(of: id, on: $0) }
    }

    /// The charges of a report by agency and currency.
    public func charges(of id: Int64) async throws -> [StoredReport.ChargeSum] {
        try await pool.withConnection { try await StoredReport.charges(of: id, on: $0) }
    }

    /// The open items of a report.
    public func items(of id: Int64) async throws -> [StoredReport.Item] {
        try await pool.withConnection { try await StoredReport.items(of: id, on: $0) }
    }

    /// What a report told of as resolved.
    public func told(of id: Int64) async throws -> [StoredReport.Told] {
        try await pool.withConnection { try await StoredReport.told(of: id, on: $0) }
    }

    /// How many repairs a report told of.
    public func repairCount(of id: Int64) async throws -> Int64 {
        try await pool.withConnection {
            try await $0.query("SELECT count(*) AS n FROM trueup.report_repair WHERE report_id = $1", id)[0]["n"]
        }
    }

    /// What became of a report, the oldest first.
    public func deliveries(of id: Int64) async throws -> [StoredReport.Delivery] {
        try await pool.withConnection { try await Self.deliveries(of: id, on: $0) }
    }

    /// The same inside a transaction.
    public static func deliveries(of id: Int64, on connection: Connection) async throws -> [StoredReport.Delivery] {
        try await connection.query(
            """
            SELECT destination, address, outcome, detail FROM trueup.report_delivery
            WHERE report_id = $1 ORDER BY id
            """, id
        ).map { row in
            StoredReport.Delivery(
                destination: try row["destination"], address: try row["address"],
                outcome: DeliveryOutcome(rawValue: try row["outcome"]) ?? .failed, detail: try row["detail"])
        }
    }

    /// Messages of the outbox by their keys.
    public func messages(keys: [String]) async throws -> [OutboxMessage] {
        try await pool.withConnection { try await Outbox.messages(keys: keys, on: $0) }
    }

    /// Says that a report was made by its job or sent: later ones are compared with it.
    /// - Parameter at: when it was made; `nil`: it is one from now on.
    public static func markRegular(_ id: Int64, at: Timestamp? = nil, on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report_regular (report_id, at) VALUES ($1, coalesce($2, now())) ON CONFLICT DO NOTHING
            """, id, at)
    }

    /// Adds to what became of a report.
    public func record(_ delivery: StoredReport.Delivery, of id: Int64) async throws {
        try await pool.withConnection { try await Self.record(delivery, of: id, on: $0) }
    }

    /// Adds to what became of a report, inside a transaction.
    public static func record(_ delivery: StoredReport.Delivery, of id: Int64, on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report_delivery (report_id, destination, address, outcome, detail)
            VALUES ($1, $2, $3, $4, $5)
            """, id, delivery.destination, delivery.address, delivery.outcome.rawValue, delivery.detail)
    }
}
