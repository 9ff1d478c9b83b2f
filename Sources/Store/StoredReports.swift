import PostgreSQL
import Reconciliation

/// The rows of `trueup.report` and what belongs to them. They are written once and never changed.
public struct StoredReports: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// The number of the next report: its files stand in a folder of that number before its row is written.
    public func takeNumber() async throws -> Int64 {
        try await pool.withConnection { connection in
            try await connection.query("SELECT nextval(pg_get_serial_sequence('trueup.report', 'id')) AS id")[0]["id"]
        }
    }

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

    public func signatures(of id: Int64) async throws -> [StoredReport.Signature] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT role, person, note, manifest_sha256, signed_at FROM trueup.report_sign
                WHERE report_id = $1 ORDER BY signed_at, role
                """, id
            ).map { row in
                StoredReport.Signature(
                    role: try row["role"], person: try row["person"], note: try row["note"],
                    manifestHash: try row["manifest_sha256"], signedAt: try row["signed_at"])
            }
        }
    }

    /// What became of a report, the oldest first.
    public func deliveries(of id: Int64) async throws -> [StoredReport.Delivery] {
        try await pool.withConnection { connection in
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

    /// Signs a report.
    /// - Throws: ``SignError``: there is no such report, it is incomplete, its role is signed, or the reviewer is the
    ///   preparer or comes before the preparer.
    public func sign(_ id: Int64, as role: String, by person: String, note: String) async throws {
        guard let report = try await report(id: id) else { throw SignError.noReport(id) }
        guard report.state != .incomplete else { throw SignError.incomplete(id) }
        do {
            try await pool.withConnection { connection in
                _ = try await connection.execute(
                    """
                    INSERT INTO trueup.report_sign (report_id, role, person, note, manifest_sha256)
                    VALUES ($1, $2, $3, $4, $5)
                    """, id, role, person, note, report.manifestHash)
            }
        } catch let error as PostgresError where error.sqlState == "23505" {
            throw SignError.signed(id, role: role)
        } catch let error as PostgresError where error.sqlState == "23514" {
            let preparer = try await signatures(of: id).first { $0.role == "preparer" }
            throw preparer.map { SignError.samePerson(id, person: $0.person) } ?? SignError.notPrepared(id)
        }
    }
}

/// Why a report is not signed.
public enum SignError: Error, Sendable, Hashable, CustomStringConvertible {
    case noReport(Int64)
    case incomplete(Int64)
    case signed(Int64, role: String)
    case notPrepared(Int64)
    case samePerson(Int64, person: String)

    public var description: String {
        switch self {
        case .noReport(let id): "There is no report \(id). See: trueup report list"
        case .incomplete(let id):
            "Report \(id) is INCOMPLETE: its figures are not a statement and cannot be signed. Make it again when the "
                + "runs that it rests on are complete."
        case .signed(let id, let role): "Report \(id) has been signed by a \(role) already; a signature is not changed."
        case .notPrepared(let id):
            "Report \(id) has no preparer yet: a reviewer signs what somebody prepared. See: trueup report sign \(id) "
                + "--as preparer"
        case .samePerson(let id, let person):
            "Report \(id) was prepared by \(person), who cannot review it as well: another person has to."
        }
    }
}
