import PostgreSQL
import Reconciliation

extension StoredReports {
    /// The report of a cut-off that counts, how many signed it, and when the last of them did: the last one that two
    /// people signed and whose place none takes that two people signed; where there is none, the last one that its
    /// preparer signed.
    /// - Parameter asOf: as it was at that time; `nil`: as it is now.
    public static func signed(
        job: String, cutOffSeconds: Int64, otherThan id: Int64, asOf: Timestamp? = nil, on connection: Connection
    ) async throws -> (report: StoredReport, signatures: Int64, signedAt: Timestamp)? {
        try await connection.query(
            """
            SELECT \(StoredReport.columns), s.signatures, s.last_signed_at
            FROM trueup.report o CROSS JOIN LATERAL (SELECT count(*) AS signatures, max(signed_at) AS last_signed_at
                FROM trueup.report_sign s
                WHERE s.report_id = o.id AND ($4::timestamptz IS NULL OR s.signed_at < $4)) s
            WHERE o.job = $1 AND o.cut_off_seconds = $2 AND o.id <> $3 AND s.signatures > 0
                AND NOT EXISTS (SELECT FROM trueup.report_supersede x
                    WHERE x.supersedes = o.id AND ($4::timestamptz IS NULL OR x.at < $4)
                        AND (SELECT count(*) FROM trueup.report_sign n WHERE n.report_id = x.report_id
                            AND ($4::timestamptz IS NULL OR n.signed_at < $4)) = 2)
            ORDER BY s.signatures DESC, o.id DESC LIMIT 1
            """, job, cutOffSeconds, id, asOf
        ).first.map { (try StoredReport($0), try $0["signatures"], try $0["last_signed_at"]) }
    }

    /// The last signed report of a cut-off, whose place none takes or is about to take: the one that another statement
    /// has to supersede.
    static func lastSigned(
        job: String, cutOffSeconds: Int64, otherThan id: Int64, on connection: Connection
    ) async throws -> Int64? {
        try await connection.query(
            """
            SELECT o.id FROM trueup.report o
            WHERE o.job = $1 AND o.cut_off_seconds = $2 AND o.id <> $3
                AND EXISTS (SELECT FROM trueup.report_sign s WHERE s.report_id = o.id)
                AND NOT EXISTS (SELECT FROM trueup.report_supersede x WHERE x.supersedes = o.id)
            ORDER BY o.id DESC LIMIT 1
            """, job, cutOffSeconds, id
        ).first.map { try $0["id"] }
    }
}
