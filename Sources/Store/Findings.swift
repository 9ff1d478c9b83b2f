import PostgreSQL
import Reconciliation

/// Objects and rows of findings that are not closed.
public struct CarriedObjects: Sendable, Hashable {
    public var stripeIDs: [String]
    /// Keys of local rows.
    public var localIDs: [Int64]

    public init(stripeIDs: [String] = [], localIDs: [Int64] = []) {
        self.stripeIDs = stripeIDs
        self.localIDs = localIDs
    }
}

/// The rows of `trueup.finding`. They carry a difference from run to run: a difference that comes back reopens its
/// finding, one that is gone closes it and says how.
public struct Findings: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// A finding as it stands after it was written.
    public struct Recorded: Sendable, Hashable {
        public let id: Int64
        /// ``FindingState/accepted`` where a person accepted it and its facts are the same as then.
        public let state: FindingState
    }

    /// Writes what a run found; each finding is added, or updated and reopened.
    /// - Returns: how they stand, in the order of `found`.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    public func record(_ found: [FoundDifference], for fence: RunFence) async throws -> [Recorded] {
        guard !found.isEmpty else { return [] }
        return try await pool.transaction(fence) { connection in
            try await Self.record(found, runID: fence.runID, on: connection)
        }
    }

    private static func record(
        _ found: [FoundDifference], runID: Int64, on connection: Connection
    ) async throws -> [Recorded] {
        let statements = found.map { difference in
            let identity = difference.identity
            return SQLStatement(
                """
                INSERT INTO trueup.finding AS f (job, kind, account, stripe_id, local_id, action, stripe_status,
                    local_state, stripe_amount, local_amount, currency, credits, agency_id, explanation, facts,
                    first_run_id, last_run_id, comparison, state)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17,
                    CASE WHEN \(Self.isAcceptedElsewhere) THEN 'accepted' ELSE 'open' END)
                ON CONFLICT (job, kind, account, stripe_id, local_id) DO UPDATE SET
                    action = excluded.action, stripe_status = excluded.stripe_status,
                    local_state = excluded.local_state, stripe_amount = excluded.stripe_amount,
                    local_amount = excluded.local_amount, currency = excluded.currency, credits = excluded.credits,
                    agency_id = excluded.agency_id, explanation = excluded.explanation, facts = excluded.facts,
                    comparison = excluded.comparison, last_seen_at = now(), last_run_id = excluded.last_run_id,
                    runs_seen = f.runs_seen + (f.last_run_id <> excluded.last_run_id)::integer,
                    times_reopened = f.times_reopened + (f.state = 'closed')::integer,
                    state = CASE WHEN excluded.state = 'accepted' THEN 'accepted'
                        WHEN f.state = 'accepted' AND f.facts = excluded.facts THEN 'accepted' ELSE 'open' END,
                    closed_at = NULL, closed_how = NULL
                RETURNING id, state
                """, identity.job, identity.kind.rawValue, identity.account, identity.stripeID, identity.localID,
                difference.action.rawValue, difference.stripeStatus, difference.localState, difference.stripeAmount,
                difference.localAmount, difference.currency, difference.credits, difference.agencyID,
                difference.explanation, difference.facts, runID, difference.comparison.rawValue)
        }
        return try await connection.pipeline(statements).map { outcome in
            let state: String = try outcome.rows[0]["state"]
            return Recorded(id: try outcome.rows[0]["id"], state: FindingState(rawValue: state) ?? .open)
        }
    }

    /// What a person accepted of one job, or took back, is accepted of every job that sees the same fact.
    private static let isAcceptedElsewhere = """
        EXISTS (SELECT FROM trueup.finding a WHERE a.job <> $1 AND a.kind = $2 AND a.account = $3 AND a.stripe_id = $4
            AND a.local_id = $5 AND a.state = 'accepted' AND a.facts = $15::jsonb)
        """

    /// What the job's findings that are not closed are about: it is looked at in every run, whatever its age.
    public func unclosed(
        job: String, account: String, comparison: ComparisonName, limit: Int
    ) async throws -> CarriedObjects {
        try await pool.withConnection { connection in
            let ids = try await connection.query(
                """
                SELECT DISTINCT stripe_id FROM trueup.finding
                WHERE job = $1 AND account = $2 AND state <> 'closed' AND stripe_id <> '' AND comparison = $4
                ORDER BY 1 LIMIT $3
                """, job, account, limit, comparison.rawValue)
            let rows = try await connection.query(
                """
                SELECT DISTINCT local_id::bigint AS local_id FROM trueup.finding
                WHERE job = $1 AND account = $2 AND state <> 'closed' AND \(Self.isKey) AND comparison = $4
                ORDER BY 1 LIMIT $3
                """, job, account, limit, comparison.rawValue)
            return CarriedObjects(
                stripeIDs: try ids.map { try $0["stripe_id"] }, localIDs: try rows.map { try $0["local_id"] })
        }
    }

    /// Closes the findings of one comparison that a complete run no longer saw, and says how they went: another kind of
    /// difference now, the local row caught up, or Stripe's side changed.
    /// - Parameters:
    ///   - stateSQL: the local state of a finding `f` as it is now.
    ///   - seen: what the run saw. Where it went on after a stop, it may have recorded more before.
    ///   - carriedMax: the limit of ``unclosed(job:account:comparison:limit:)``: what is beyond it was not looked at,
    ///     and stays as it is.
    /// - Returns: how many were closed.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    public func closeGone(
        _ fence: RunFence, account: String, comparison: ComparisonName, stateSQL: String, seen: [Int64],
        carriedMax: Int
    ) async throws -> Int {
        try await pool.transaction(fence) { connection in
            try await connection.execute(
                """
                UPDATE trueup.finding f SET state = 'closed', closed_at = now(), closed_how = CASE
                    WHEN EXISTS (SELECT FROM trueup.finding o WHERE o.job = f.job AND o.account = f.account
                        AND o.last_run_id = $2 AND o.id = ANY($3) AND o.id <> f.id
                        AND ((o.stripe_id <> '' AND o.stripe_id = f.stripe_id)
                            OR (o.local_id <> '' AND o.local_id = f.local_id))) THEN 'reclassified'
                    WHEN coalesce(\(stateSQL) <> f.local_state, false)
                        THEN CASE WHEN f.kind = ANY($6) THEN 'late_webhook' ELSE 'changed_locally' END
                    ELSE 'changed_at_source' END
                WHERE f.job = $1 AND f.state <> 'closed' AND f.account = $4 AND f.comparison = $5
                    AND (f.last_run_id < $2 OR (f.last_run_id = $2 AND f.id <> ALL($3)))
                    AND CASE WHEN f.stripe_id <> ''
                        THEN NOT coalesce(f.stripe_id > (\(Self.lastCarried("stripe_id", "stripe_id <> ''"))), false)
                        WHEN f.\(Self.isKey)
                        THEN NOT coalesce(
                            f.local_id::bigint > (\(Self.lastCarried("local_id::bigint", Self.isKey))), false)
                        ELSE true END
                """, fence.job, fence.runID, seen, account, comparison.rawValue, Self.missedKinds, carriedMax)
        }
    }

    private static let isKey = "local_id ~ '^-?[0-9]{1,18}$'"

    /// SQL: up to which id findings were carried into the run, or somewhat less; nothing where all were. What the run
    /// itself closed was not closed then.
    private static func lastCarried(_ id: String, _ condition: String) -> String {
        """
        SELECT DISTINCT \(id) FROM trueup.finding
        WHERE job = $1 AND account = $4 AND comparison = $5 AND \(condition)
            AND (state <> 'closed' OR closed_at >= (SELECT started_at FROM trueup.run WHERE id = $2))
        ORDER BY 1 OFFSET $7 - 1 LIMIT 1
        """
    }

    /// The objects of the job's findings of these kinds that are not closed.
    public func unclosedObjects(
        job: String, account: String, comparison: ComparisonName, kinds: [FindingKind], limit: Int
    ) async throws -> [String] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT DISTINCT stripe_id FROM trueup.finding WHERE job = $1 AND account = $2 AND comparison = $3
                    AND kind = ANY($4) AND state <> 'closed' AND stripe_id <> '' ORDER BY 1 LIMIT $5
                """, job, account, comparison.rawValue, kinds.map(\.rawValue), limit
            ).map { try $0["stripe_id"] }
        }
    }

    /// What a webhook that comes late puts right.
    private static let missedKinds: [String] = [
        FindingKind.missedPaid, .missedVoid, .missedSucceeded, .missedCanceled, .missedFailed, .missedFinalizedNotice,
    ].map(\.rawValue)

    /// Findings, the oldest first.
    /// - Parameters:
    ///   - state: `nil` for all that are not closed; ``FindingState/open`` is without what only informs.
    public func list(
        job: String? = nil, state: FindingState? = nil, kind: FindingKind? = nil, runID: Int64? = nil,
        limit: Int = 1_000
    ) async throws -> [Finding] {
        var filter = FindingFilter()
        filter.job = job
        filter.state = state
        filter.kind = kind
        filter.runID = runID
        filter.limit = limit
        return try await list(filter)
    }

    /// Hands out what a run saw, closed or not, the oldest first, so that one batch is in memory.
    /// - Parameter limit: how many at most.
    public func forEachBatch(
        of run: Run, limit: Int, _ body: @Sendable ([Finding]) async throws -> Void
    ) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.forEachBatch(
                of: 1_000, "SELECT \(Finding.columns) FROM trueup.finding WHERE last_run_id = $1 ORDER BY id LIMIT $2",
                parameters: [run.id, limit]
            ) { rows in try await body(rows.map(Finding.init)) }
        }
    }

    /// One finding, or `nil`.
    public func finding(id: Int64) async throws -> Finding? {
        try await pool.withConnection { connection in
            try await connection.query("SELECT \(Finding.columns) FROM trueup.finding WHERE id = $1", id)
                .first.map(Finding.init)
        }
    }

    /// What people accepted, as the findings of this job would be named, with the facts that they accepted. What was
    /// accepted of another job counts too; of two the job's own.
    public func accepted(job: String) async throws -> [FindingIdentity: JSONText] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                "SELECT \(Finding.columns), facts FROM trueup.finding WHERE state = 'accepted' ORDER BY job = $1", job)
        }
        var accepted: [FindingIdentity: JSONText] = [:]
        for row in rows {
            var identity = try Finding(row).identity
            identity.job = job
            accepted[identity] = try row["facts"]
        }
        return accepted
    }

    /// The finding of this identity, or `nil`.
    public func finding(_ identity: FindingIdentity) async throws -> Finding? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Finding.columns) FROM trueup.finding
                WHERE job = $1 AND kind = $2 AND account = $3 AND stripe_id = $4 AND local_id = $5
                """, identity.job, identity.kind.rawValue, identity.account, identity.stripeID, identity.localID
            ).first.map(Finding.init)
        }
    }

    /// Found and open, by kind, as one run left them. Ignored findings are never written.
    public func counts(of run: Run) async throws -> [FindingKind: KindCount] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT kind, count(*)::bigint AS found,
                    count(*) FILTER (WHERE state = 'closed' AND closed_how = 'repaired')::bigint AS repaired,
                    count(*) FILTER (WHERE \(FindingState.isOpenSQL))::bigint AS open,
                    count(*) FILTER (WHERE \(FindingState.isInformationSQL))::bigint AS information,
                    count(*) FILTER (WHERE state = 'accepted')::bigint AS accepted
                FROM trueup.finding WHERE last_run_id = $1 GROUP BY kind
                """, run.id)
        }
        var counts: [FindingKind: KindCount] = [:]
        for row in rows {
            let word: String = try row["kind"]
            guard let kind = FindingKind(rawValue: word) else { throw UnknownKind(word: word) }
            counts[kind] = KindCount(
                found: try row["found"], repaired: try row["repaired"], open: try row["open"],
                accepted: try row["accepted"], information: try row["information"])
        }
        return counts
    }
}

extension Findings {
    /// Closes a finding whose difference somebody else repaired between the comparison and the repair.
    public static func closeLate(_ id: Int64, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.finding SET state = 'closed', closed_at = now(), closed_how = 'late_webhook'
            WHERE id = $1 AND state <> 'closed'
            """, id)
    }
}

/// A line in a finding's history that a person wrote or caused.
public struct FindingNote: Sendable, Hashable {
    public let writtenAt: Timestamp
    public let writtenBy: String
    /// `assigned`, `accepted`, `reopened`, `note`.
    public let what: String
    public let note: String

    /// What stands where a person took an acceptance back.
    public static let reopened = "reopened"
}

// What people do with findings.
extension Findings {
    /// Gives a finding that is not closed to a person.
    /// - Returns: `false` when there is no such finding, or it is closed.
    public func assign(_ id: Int64, to owner: String, by person: String, note: String) async throws -> Bool {
        try await change(
            id, "UPDATE trueup.finding SET owner = $2 WHERE id = $1 AND state <> 'closed' RETURNING id", owner,
            what: "assigned to \(owner)", by: person, note: note)
    }

    /// Accepts an open finding: it stays quiet until its facts change.
    /// - Returns: `false` when there is no such finding, or it is not open.
    public func accept(_ id: Int64, by person: String, note: String) async throws -> Bool {
        try await change(
            id, "UPDATE trueup.finding SET state = $2 WHERE id = $1 AND state = 'open' RETURNING id", "accepted",
            what: "accepted", by: person, note: note)
    }

    /// Takes an acceptance back, in the list of every job that has the same difference: what stays accepted of one is
    /// accepted of all. A closed finding is reopened by the difference itself, when a run sees it again.
    /// - Returns: all that are open again; none when there is no such finding, or it is not accepted.
    public func reopen(_ id: Int64, by person: String, note: String) async throws -> [Int64] {
        try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                UPDATE trueup.finding f SET state = 'open' FROM trueup.finding o
                WHERE o.id = $1 AND o.state = 'accepted' AND f.state = 'accepted' AND f.account = o.account
                    AND f.stripe_id = o.stripe_id AND f.local_id = o.local_id AND f.kind = o.kind
                RETURNING f.id
                """, id)
            let ids: [Int64] = try rows.map { try $0["id"] }
            for id in ids { try await Self.note(id, FindingNote.reopened, by: person, note, on: connection) }
            return ids.sorted()
        }
    }

    private func change(
        _ id: Int64, _ sql: String, _ value: String, what: String, by person: String, note: String
    ) async throws -> Bool {
        try await pool.transaction { connection in
            guard !(try await connection.query(sql, id, value)).isEmpty else { return false }
            try await Self.note(id, what, by: person, note, on: connection)
            return true
        }
    }

    private static func note(
        _ id: Int64, _ what: String, by person: String, _ note: String, on connection: Connection
    ) async throws {
        try await connection.execute(
            "INSERT INTO trueup.finding_note (finding_id, written_by, what, note) VALUES ($1, $2, $3, $4)", id, person,
            what, note)
    }

    /// What people wrote, the oldest first.
    public func notes(of id: Int64) async throws -> [FindingNote] {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT written_at, written_by, what, note FROM trueup.finding_note WHERE finding_id = $1 ORDER BY id",
                id
            ).map { row in
                FindingNote(
                    writtenAt: try row["written_at"], writtenBy: try row["written_by"], what: try row["what"],
                    note: try row["note"])
            }
        }
    }

    /// The repairs of a finding, the oldest first.
    public func repairs(of id: Int64) async throws -> [Repair] {
        try await pool.withConnection { try await Repair.of(findingID: id, on: $0) }
    }
}
