import PostgreSQL
import Reconciliation

extension StoredReports {
    /// The report of a cut-off that counts: the last one that somebody signed and whose place none takes, and how many
    /// signed it.
    /// - Parameter asOf: as it was at that time; `nil`: as it is now.
    public static func signed(
        job: String, cutOffSeconds: Int64, otherThan id: Int64, asOf: Timestamp? = nil, on connection: Connection
    ) async throws -> (report: StoredReport, signatures: Int64)? {
        try await connection.query(
            """
            SELECT \(StoredReport.columns), s.signatures
            FROM trueup.report o CROSS JOIN LATERAL (SELECT count(*) AS signatures FROM trueup.report_sign s
                WHERE s.report_id = o.id AND ($4::timestamptz IS NULL OR s.signed_at < $4)) s
            WHERE o.job = $1 AND o.cut_off_seconds = $2 AND o.id <> $3 AND s.signatures > 0
                AND NOT EXISTS (SELECT FROM trueup.report_supersede x
                    WHERE x.supersedes = o.id AND ($4::timestamptz IS NULL OR x.at < $4))
            ORDER BY o.id DESC LIMIT 1
            """, job, cutOffSeconds, id, asOf
        ).first.map { (try StoredReport($0), try $0["signatures"]) }
    }
}
