import PostgreSQL

extension StoredReports {
    /// How a report stands to the other signed ones of its cut-off.
    public struct Superseding: Sendable, Hashable {
        /// The report whose place it takes, once two people have signed it.
        public let supersedes: Int64?
        /// Why.
        public let note: String
        /// Whether two people have signed it: before that, the one whose place it takes goes on counting.
        public let isWhole: Bool
        /// The report that takes its place, or is to take it.
        public let supersededBy: Int64?
        /// Two people have signed that one: this one counts no more.
        public let isSuperseded: Bool

        /// That another is about to take its place, in words; `nil` where none is.
        public var pending: String? {
            guard !isSuperseded else { return nil }
            return supersededBy.map { "to be superseded by report \($0), once its reviewer signs" }
        }
    }

    /// Which statements of its cut-off a report takes the place of, and which takes its place.
    public func superseding(_ id: Int64) async throws -> Superseding {
        try await pool.withConnection { try await Self.superseding(id, on: $0) }
    }

    /// The reports whose place a signature under this one takes or is to take, the nearest first: the page of each says
    /// by which report it is, or is to be, superseded.
    public func places(of id: Int64) async throws -> [Int64] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                WITH RECURSIVE older AS (
                    SELECT supersedes, 1 AS step FROM trueup.report_supersede WHERE report_id = $1
                    UNION ALL
                    SELECT x.supersedes, o.step + 1 FROM trueup.report_supersede x
                        JOIN older o ON x.report_id = o.supersedes
                    WHERE o.step < 1000
                )
                SELECT supersedes FROM older WHERE supersedes <> $1 ORDER BY step
                """, id
            ).map { try $0["supersedes"] }
        }
    }

    /// The same as ``superseding(_:)`` inside a transaction.
    public static func superseding(_ id: Int64, on connection: Connection) async throws -> Superseding {
        let older = try await connection.query(
            """
            SELECT supersedes, note, (SELECT count(*) FROM trueup.report_sign s WHERE s.report_id = x.report_id) = 2
                AS is_whole
            FROM trueup.report_supersede x WHERE report_id = $1
            """, id
        ).first
        // What takes the place of the one that was to take this one's place takes this one's as well: the nearest that
        // two people signed, else the last. The limit is for a ring, which no command makes.
        let newer = try await connection.query(
            """
            WITH RECURSIVE later AS (
                SELECT report_id, 1 AS step FROM trueup.report_supersede WHERE supersedes = $1
                UNION ALL
                SELECT x.report_id, l.step + 1 FROM trueup.report_supersede x JOIN later l ON x.supersedes = l.report_id
                WHERE l.step < 1000
            )
            SELECT report_id, is_whole FROM later, LATERAL (SELECT count(*) = 2 AS is_whole
                FROM trueup.report_sign s WHERE s.report_id = later.report_id) signs
            ORDER BY is_whole DESC, CASE WHEN is_whole THEN step ELSE -step END LIMIT 1
            """, id
        ).first
        return Superseding(
            supersedes: try older.map { try $0["supersedes"] }, note: try older.map { try $0["note"] } ?? "",
            isWhole: try older.map { try $0["is_whole"] } ?? false,
            supersededBy: try newer.map { try $0["report_id"] },
            isSuperseded: try newer.map { try $0["is_whole"] } ?? false)
    }
}
