import PostgreSQL

/// Numbers that are no report.
extension StoredReports {
    /// A number that is no report.
    public struct Unmade: Sendable, Hashable {
        public let id: Int64
        public let job: String
        public let takenAt: Timestamp
        public let requestedBy: String
        /// `nil`: its process was killed, or is at work, or ``trace`` says more.
        public let why: String?
        /// What says that it was a report all the same.
        public let trace: Trace?
    }

    /// What says that a report was there which the tables have no more.
    public enum Trace: Sendable, Hashable {
        /// Rows of it in these tables.
        case rows([String])
        /// A later report goes on from a manifest that no report has, and one of these numbers had it.
        case named(by: Int64, manifestHash: String, numbers: [Int64])
    }

    /// Numbers that became no report, the newest first; not those of reports that were taken out (``removed(job:)``).
    public func unmade(job: String? = nil, limit: Int = 20) async throws -> [Unmade] {
        try await pool.withConnection { connection in
            let orphans = try await Self.orphans(on: connection)
            return try await connection.query(
                """
                SELECT n.id, n.job, n.taken_at, n.requested_by, f.why, ARRAY(\(Self.traces)) AS traces
                FROM trueup.report_number n LEFT JOIN trueup.report_failure f ON f.report_id = n.id
                WHERE ($1::text IS NULL OR n.job = $1) AND NOT EXISTS (SELECT FROM trueup.report r WHERE r.id = n.id)
                    AND NOT EXISTS (SELECT FROM trueup.report_made m WHERE m.report_id = n.id)
                ORDER BY n.id DESC LIMIT $2
                """, job, limit
            ).map { row in
                let (id, why): (Int64, String?) = (try row["id"], try row["why"])
                let tables: [String] = try row["traces"]
                var trace: Trace? = tables.isEmpty ? nil : .rows(tables)
                if trace == nil, why == nil {
                    trace = orphans.first { $0.numbers.contains(id) }.map {
                        .named(by: $0.id, manifestHash: $0.manifestHash, numbers: $0.numbers)
                    }
                }
                return Unmade(
                    id: id, job: try row["job"], takenAt: try row["taken_at"], requestedBy: try row["requested_by"],
                    why: why, trace: trace)
            }
        }
    }

    /// The tables that only reports which were made have rows in, and that have some of number `n.id`.
    private static let traces = [
        "report_file", "report_line", "report_charge", "report_item", "report_resolved", "report_repair",
        "report_regular", "report_marked", "report_delivery", "report_sign", "report_sign_proof", "report_sign_page",
    ].map { "SELECT '\($0)' WHERE EXISTS (SELECT FROM trueup.\($0) WHERE report_id = n.id)" }
        .joined(separator: " UNION ALL ")

    /// A report that goes on from one that the tables have no more, in neither place.
    private struct Orphan {
        let id: Int64
        let manifestHash: String
        /// Those that the report which is gone may have had: between the one before and this one, of the same job or
        /// of a row that is gone as well, and not known to have failed.
        let numbers: [Int64]
    }

    private static func orphans(on connection: Connection) async throws -> [Orphan] {
        try await connection.query(
            """
            SELECT r.id, r.previous_sha256, ARRAY(SELECT n FROM generate_series(1 + coalesce((
                    SELECT max(p.id) FROM trueup.report p WHERE p.job = r.job AND p.id < r.id), 0), r.id - 1) AS n
                WHERE NOT EXISTS (SELECT FROM trueup.report_number x WHERE x.id = n AND x.job <> r.job)
                    AND NOT EXISTS (SELECT FROM trueup.report_failure f WHERE f.report_id = n)
                    AND NOT EXISTS (SELECT FROM trueup.report_made m WHERE m.report_id = n)
                ORDER BY n) AS numbers
            FROM trueup.report r
            WHERE r.previous_sha256 IS NOT NULL
                AND NOT EXISTS (SELECT FROM trueup.report p WHERE p.manifest_sha256 = r.previous_sha256)
                AND NOT EXISTS (SELECT FROM trueup.report_made m WHERE m.manifest_sha256 = r.previous_sha256)
            """
        ).map {
            Orphan(id: try $0["id"], manifestHash: try $0["previous_sha256"], numbers: try $0["numbers"])
        }
    }
}
