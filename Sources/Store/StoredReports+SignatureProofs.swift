import PostgreSQL
import Reconciliation

/// Signatures held against the hashes that were kept when they were given.
extension StoredReports {
    /// What is wrong with signatures, of whatever reports, in words.
    public struct SignatureFault: Sendable, Hashable {
        /// The report that was signed, and the one whose place it takes.
        public let reports: Set<Int64>
        public let words: String
    }

    /// What of the signatures of all reports, and of which takes another's place, is not what was signed. A chain that
    /// is broken concerns all of them.
    public func signatureFaults() async throws -> [SignatureFault] {
        try await pool.withConnection { connection in
            try await Self.proofFaults(on: connection) + Self.unprovenFaults(on: connection)
        }
    }

    /// Since when the signatures of a report are proven that were given before there were proofs; `nil`: there are
    /// none of these.
    public func provenSince(_ id: Int64) async throws -> Timestamp? {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT at FROM trueup.report_sign_proof WHERE report_id = $1 AND is_late ORDER BY id LIMIT 1", id
            ).first.map { try $0["at"] }
        }
    }

    /// Whether a report has signatures whose proofs are of before a proof's own time was part of its hash: since when
    /// they are proven is held against the times of the signature and of the report alone.
    public func hasUntimedProofs(_ id: Int64) async throws -> Bool {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT EXISTS (SELECT FROM trueup.report_sign_proof WHERE report_id = $1 AND NOT is_timed) AS yes", id
            )[0]["yes"]
        }
    }

    /// A proof is written in the transaction that signs, and a late one after it; none of before its hash had its time
    /// is younger than that change.
    private static let isAtWrong = """
        (p.at < s.signed_at OR p.is_late <> (p.at > s.signed_at) OR p.at < r.created_at
            OR (NOT p.is_timed AND p.at > (SELECT applied_at FROM trueup.migration WHERE name = 'proof_times')))
        """

    /// What is proven and is not there, or is another.
    private static func proofFaults(on connection: Connection) async throws -> [SignatureFault] {
        try await connection.query(
            """
            SELECT p.report_id, p.role, p.supersedes, x.supersedes AS supersedes_now, s.person,
                p.previous_sha256 IS DISTINCT FROM lag(p.sha256) OVER (ORDER BY p.id) AS is_unchained,
                s.report_id IS NULL AS is_gone,
                trueup.proof_hash(s, p) IS DISTINCT FROM p.sha256 AS is_changed, p.is_timed,
                coalesce(\(isAtWrong), false) AS is_at_wrong
            FROM trueup.report_sign_proof p
                LEFT JOIN trueup.report_sign s ON s.report_id = p.report_id AND s.role = p.role
                LEFT JOIN trueup.report_supersede x ON x.report_id = p.report_id AND p.role = 'preparer'
                LEFT JOIN trueup.report r ON r.id = p.report_id
            ORDER BY p.id
            """
        ).flatMap { row -> [SignatureFault] in
            let id: Int64 = try row["report_id"]
            let role: String = try row["role"]
            let (then, now): (Int64?, Int64?) = (try row["supersedes"], try row["supersedes_now"])
            let isUnchained: Bool = try row["is_unchained"]
            let isGone: Bool = try row["is_gone"]
            let isChanged: Bool = try row["is_changed"]
            let (isTimed, isAtWrong): (Bool, Bool) = (try row["is_timed"], try row["is_at_wrong"])
            let reports = Set([id] + [then, now].compactMap { $0 })
            var words: [String] = []
            if isGone {
                words.append("the \(role)'s signature of report \(id) was taken out of the tables")
            } else if then != now {
                let (before, after) = (then.map { "report \($0)" } ?? "none", now.map { "report \($0)" } ?? "none")
                words.append("report \(id) was signed in the place of \(before), and the tables say of \(after)")
            } else if isChanged {
                let person: String = try row["person"]
                words.append(
                    "the \(role)'s signature of report \(id), by \(person) in the tables, is not what was signed: its "
                        + "name, note, reason, time, logins or what it takes the place of was changed"
                        + (isTimed ? ", or since when it is proven" : ""))
            }
            if isAtWrong, !isGone {
                words.append(
                    "since when the \(role)'s signature of report \(id) is proven does not follow from when it was "
                        + "given: the proof's time, or that it was late, was changed")
            }
            if isUnchained {
                words.append("the chain of signatures is broken at the \(role)'s of report \(id): proofs were changed")
            }
            return words.map { SignatureFault(reports: reports, words: $0) }
        }
    }

    /// What is there and was never proven: each signature is, in its own transaction.
    private static func unprovenFaults(on connection: Connection) async throws -> [SignatureFault] {
        let unproven = try await connection.query(
            """
            SELECT s.report_id, s.role, s.person FROM trueup.report_sign s
            WHERE NOT EXISTS (SELECT FROM trueup.report_sign_proof p
                WHERE p.report_id = s.report_id AND p.role = s.role)
            ORDER BY 1, 2
            """
        ).map { row in
            let id: Int64 = try row["report_id"]
            let (role, person): (String, String) = (try row["role"], try row["person"])
            return SignatureFault(
                reports: [id],
                words: "the \(role)'s signature of report \(id), by \(person) in the tables, has no proof of being "
                    + "given")
        }
        let unsigned = try await connection.query(
            """
            SELECT x.report_id, x.supersedes FROM trueup.report_supersede x
            WHERE NOT EXISTS (SELECT FROM trueup.report_sign_proof p
                WHERE p.report_id = x.report_id AND p.role = 'preparer')
            ORDER BY 1
            """
        ).map { row in
            let (id, older): (Int64, Int64) = (try row["report_id"], try row["supersedes"])
            return SignatureFault(
                reports: [id, older], words: "nobody signed that report \(id) takes the place of report \(older)")
        }
        return unproven + unsigned
    }
}
