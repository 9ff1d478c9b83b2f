import PostgreSQL
import Reconciliation
import Synchronization

/// Reads the figures behind a statement in one REPEATABLE READ, READ ONLY snapshot.
///
/// The statement says what is known today about what happened before the cut-off. The local side comes from the
/// application's tables, by the time at which something took effect: an order by `paid_at` (which a repair sets to
/// Stripe's time), a reservation by `created_at` and `released_at`, an adjustment by `created_at`. The balance of now
/// is taken back by what happened at or after the cut-off. Stripe's side is what complete runs read of paid objects
/// (`trueup.stripe_payment`), whatever the tables say; what no run has read is named (``StatementFigures/unread``). An
/// order whose payment was read counts at the time of the payment on both sides.
///
/// PostgreSQL sums; memory grows with agencies and open items, not with orders.
public struct StatementQuery: Sendable {
    let scope: StatementScope

    public init(_ scope: StatementScope) { self.scope = scope }

    /// Reads everything, and hands the connection with its snapshot to `body`, which may read more of the same.
    /// - Throws: ``ContractError`` when a table is missing or hides rows, `StatementError` when a sum leaves `Int64`.
    public static func snapshot<T: Sendable>(
        _ pool: Pool, _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        do {
            return try await pool.withConnection { connection in
                try await connection.transaction(.repeatableRead, access: .readOnly) { connection in
                    try await connection.run(script: Connection.wholeTablesSQL)
                    return try await body(connection)
                }
            }
        } catch let error as PostgresError where error.sqlState == "22003" {
            throw StatementError.overflow(what: "A sum over the application's tables")
        }
    }

    /// The figures, inside a snapshot.
    public func figures(on connection: Connection) async throws -> StatementFigures {
        try await refuseUnusableTables(on: connection)
        var figures = StatementFigures()
        figures.previous = try await StoredReport.latest(
            job: scope.job, before: scope.cutOffSeconds, isSigned: false, on: connection)
        figures.signed = try await StoredReport.latest(
            job: scope.job, before: scope.cutOffSeconds, isSigned: true, on: connection)
        figures.fromSeconds = scope.fromSeconds ?? figures.signed?.cutOffSeconds
        if figures.signed?.cutOffSeconds != figures.fromSeconds { figures.signed = nil }
        figures.trend = try await StoredReport.trend(
            job: scope.job, before: scope.cutOffSeconds, limit: 29, on: connection)
        figures.runs = try await restedRuns(on: connection)
        let found = try await findings("f.state <> 'closed' AND f.action <> 'ignore'", on: connection)
        figures.items = found.filter { $0.item.sinceSeconds < scope.cutOffSeconds }
        try await readResolved(&figures, on: connection)
        if scope.statesCredits { try await readAgencies(&figures, on: connection) }
        try await readCharges(&figures, on: connection)
        figures.history = try await history(on: connection)
        figures.unread = try await unread(figures.history, on: connection)
        figures.unstated = try await unstated(on: connection)
        figures.readSince = try await readSince(on: connection)
        figures.readByRuns = try await RunControl.of(runs: figures.runs.map(\.run.id), on: connection)
        figures.controls = try await controls(figures, on: connection)
        figures.ties = try await ties(on: connection)
        if let previous = figures.previous {
            let leftOut = try await leftOut(since: previous, on: connection)
            figures.leftOut = Dictionary(leftOut.values.map { ($0, 1) }, uniquingKeysWith: +)
            // What is left out is not resolved.
            figures.previousItems = try await StoredReport.items(of: previous.id, on: connection)
                .filter { leftOut[$0.findingID] == nil }.map {
                    PreviousItem(
                        id: "F-\($0.findingID)", creditsEffect: $0.creditsEffect, amountEffects: $0.amountEffects)
                }
            figures.uncounted = try await uncounted(figures, on: connection)
        }
        figures.newestSeconds = try await newest(figures, on: connection)
        return figures
    }

    /// What the last report stated and nothing says the end of.
    private func uncounted(_ figures: StatementFigures, on connection: Connection) async throws -> [StatementFinding] {
        let told = Set(figures.items.map(\.item.id) + figures.resolved.map(\.finding.item.id))
        let ids = figures.previousItems.map(\.id).filter { !told.contains($0) }.compactMap { Int64($0.dropFirst(2)) }
        guard !ids.isEmpty else { return [] }
        let collected = Mutex<[StatementFinding]>([])
        try await connection.forEachBatch(
            of: 2_000, scope.findingsSQL("f.id = ANY($5)"), parameters: scope.findingsParameters + [ids]
        ) { rows in
            let batch = try rows.map { try StatementFinding($0) }
            collected.withLock { $0 += batch }
        }
        return collected.withLock { $0 }
    }

    /// Findings that the last report stated, that are open still, and whose job this one leaves out: their jobs.
    private func leftOut(since previous: StoredReport, on connection: Connection) async throws -> [Int64: String] {
        let rows = try await connection.query(
            """
            SELECT f.id, f.job FROM trueup.report_item i JOIN trueup.finding f ON f.id = i.finding_id
            WHERE i.report_id = $1 AND f.state <> 'closed' AND NOT (f.job = ANY($2))
            """, previous.id, scope.jobs)
        let found = try rows.map { (try $0["id"] as Int64, try $0["job"] as String) }
        return Dictionary(uniqueKeysWithValues: found)
    }

    /// Open findings of jobs that no part of the statement rests on, by job. A fact that one of its own jobs found,
    /// too, is stated.
    private func unstated(on connection: Connection) async throws -> [String: Int64] {
        let rows = try await connection.query(
            """
            SELECT f.job, count(*) AS n FROM trueup.finding f
            WHERE f.state <> 'closed' AND f.action <> 'ignore' AND NOT (f.job = ANY($1))
                AND (cardinality($2::text[]) = 0 OR f.account = ANY($2))
                AND NOT EXISTS (SELECT FROM trueup.finding o WHERE o.job = ANY($1) AND o.state <> 'closed'
                    AND o.kind = f.kind AND o.account = f.account AND o.stripe_id = f.stripe_id
                    AND o.local_id = f.local_id)
            GROUP BY 1
            """, scope.jobs, scope.accounts)
        let counts = try rows.map { (try $0["job"] as String, try $0["n"] as Int64) }
        return Dictionary(uniqueKeysWithValues: counts)
    }

    /// Since when the jobs that are only listed have read without a gap, up to the cut-off.
    private func readSince(on connection: Connection) async throws -> [String: Int64?] {
        let rows = try await connection.query(
            """
            WITH read AS (
                SELECT job, range_agg(int8range(period_from_seconds, period_to_seconds)) AS times
                FROM trueup.run
                WHERE job = ANY($1) AND NOT is_plan AND state IN ('clean', 'repaired', 'drift')
                    AND period_to_seconds > period_from_seconds
                GROUP BY job
            )
            SELECT job, (SELECT lower(t) FROM unnest(times) AS t WHERE lower(t) < $2 ORDER BY t DESC LIMIT 1) AS since
            FROM read
            """, scope.otherJobs, scope.cutOffSeconds)
        var since = Dictionary(uniqueKeysWithValues: scope.otherJobs.map { ($0, Int64?.none) })
        for row in rows { since[try row["job"]] = try row["since"] as Int64? }
        return since
    }

    var charges: String { "public.agency_charge" }

    /// Every table of the statement has to exist and to show all its rows: what is hidden would be missing from a sum.
    private func refuseUnusableTables(on connection: Connection) async throws {
        try await scope.orders.refuseHiddenRows(on: connection)
        var names = [
            "public.agency", "public.task_credit_reservation", "public.task_credit_adjustment",
            "public.task_credit_agency_balance",
        ]
        if !scope.chargeJobs.isEmpty { names.append(charges) }
        for name in names {
            let row = try await connection.query(
                """
                SELECT to_regclass($1) IS NOT NULL AS exists,
                    coalesce(row_security_active(to_regclass($1)), false) AS hidden
                """, name)[0]
            guard try row["exists"] else { throw ContractError.noTable(name) }
            if try row["hidden"] { throw ContractError.hiddenRows(name) }
        }
    }

    private func restedRuns(on connection: Connection) async throws -> [RestedRun] {
        let rows = try await connection.query(
            """
            SELECT r.*, (SELECT coalesce(sum(w.pages), 0) FROM trueup.window w WHERE w.run_id = r.id)::bigint AS pages
            FROM trueup.run r WHERE r.id = ANY($1) ORDER BY r.id
            """, scope.runIDs)
        return try rows.map {
            RestedRun(run: try Run($0), pages: try $0["pages"], programVersion: try $0["program_version"])
        }
    }

    // MARK: Findings

    /// Findings with what they add to the local side, by id.
    private func findings(_ filter: String, on connection: Connection) async throws -> [StatementFinding] {
        let collected = Mutex<[StatementFinding]>([])
        try await connection.forEachBatch(
            of: 2_000, scope.findingsSQL(filter), parameters: scope.findingsParameters
        ) { rows in
            let batch = try rows.map { try StatementFinding($0) }
            collected.withLock { $0 += batch }
        }
        return collected.withLock { $0 }
    }

    /// No report takes longer than this to make, in seconds.
    private static let makingSecondsMax: Int64 = 3_600

    /// Repairs that no report of an earlier cut-off told of, the oldest first: of findings that are not closed, and of
    /// the facts that are told of as resolved.
    private func repairs(since: Timestamp, resolved: [Int64], on connection: Connection) async throws -> [Repair] {
        try await connection.query(
            """
            SELECT \(Repair.columns) FROM trueup.repair r
            WHERE applied_at >= $1 AND EXISTS (SELECT FROM trueup.finding f WHERE f.id = r.finding_id
                    AND f.job = ANY($2) AND (f.state <> 'closed' OR EXISTS (SELECT FROM trueup.finding t
                        WHERE t.id = ANY($5) AND t.account = f.account AND t.stripe_id = f.stripe_id
                            AND t.local_id = f.local_id AND t.kind = f.kind)))
                AND NOT EXISTS (SELECT FROM trueup.report_repair t JOIN (\(StoredReport.basisSQL)) o
                        ON o.id = t.report_id
                    WHERE t.repair_id = r.id AND o.job = $3 AND o.cut_off_seconds < $4)
            ORDER BY id LIMIT 100000
            """, since, scope.jobs, scope.job, scope.cutOffSeconds, resolved
        ).map(Repair.init)
    }

    private func readResolved(_ figures: inout StatementFigures, on connection: Connection) async throws {
        // What ended since the last cut-off, it may not have told of: that is looked for again, and told once. Whatever
        // ended while it was made, of an earlier cut-off, as well.
        let since = figures.previous.map {
            Timestamp(seconds: min($0.createdAt.seconds, $0.cutOffSeconds) - Self.makingSecondsMax)
        }
        let collected = Mutex<[ResolvedFinding]>([])
        try await connection.forEachBatch(
            of: 2_000,
            """
            SELECT f.*, r.requested_by AS repaired_by, r.plan AS repair_plan, r.run_id AS repair_run
            FROM (\(scope.findingsSQL("f.state = 'closed' AND f.closed_at >= $5", isOrdered: false))) f
            LEFT JOIN LATERAL (SELECT requested_by, plan, run_id FROM trueup.repair r
                WHERE r.finding_id IN (SELECT o.id FROM trueup.finding o WHERE o.account = f.account
                    AND o.stripe_id = f.stripe_id AND o.local_id = f.local_id AND o.kind = f.kind)
                ORDER BY r.id DESC LIMIT 1) r ON f.closed_how = 'repaired'
            WHERE f.since_seconds < $6 AND NOT EXISTS (SELECT FROM trueup.report_resolved t
                JOIN (\(StoredReport.basisSQL)) o ON o.id = t.report_id
                WHERE t.finding_id = f.id AND t.closed_at = f.closed_at
                    AND o.job = $7 AND o.cut_off_seconds < $6)
            ORDER BY f.id
            """, parameters: scope.findingsParameters + [since ?? .negativeInfinity, scope.cutOffSeconds, scope.job]
        ) { rows in
            let batch = try rows.map { row in
                ResolvedFinding(
                    finding: try StatementFinding(row), closedAt: try row["closed_at"],
                    closedHow: ClosedHow(rawValue: try row["closed_how"]) ?? .changedAtSource,
                    repairedBy: try row["repaired_by"], plan: try row["repair_plan"], runID: try row["repair_run"])
            }
            collected.withLock { $0 += batch }
        }
        figures.resolved = collected.withLock { $0 }
        figures.repairs = try await repairs(
            since: since ?? .negativeInfinity, resolved: figures.resolved.map(\.finding.findingID), on: connection)
    }

    // MARK: Agencies

    private func readAgencies(_ figures: inout StatementFigures, on connection: Connection) async throws {
        let from = figures.fromSeconds.map { Timestamp(seconds: $0) } ?? .negativeInfinity
        let cutOff = Timestamp(seconds: scope.cutOffSeconds)
        let rows = try await connection.query(
            scope.agenciesSQL, scope.creditPriceCents, scope.creditAccounts, scope.jobs, from, cutOff)
        let purchases = try purchases(rows)
        let signed = try await figures.signed.asyncMap { try await StoredReport.lines(of: $0.id, on: connection) } ?? []
        let signedLines = Dictionary(signed.map { ($0.agencyID, $0) }, uniquingKeysWith: { first, _ in first })
        let moves = try await movesSinceSignOff(&figures, on: connection)
        for row in rows where try row["is_line"] {
            let line = try LocalLine(row)
            let signedLine = signedLines[line.agencyID]
            figures.agencies.append(
                AgencyActivity(
                    agencyID: line.agencyID, name: line.name, opening: try line.opening(),
                    signedClosing: signedLine?.computed ?? (figures.signed == nil ? nil : 0),
                    changedSinceSignOff: figures.signed == nil
                        ? 0
                        : try line.explainedMove(since: signedLine, moves[line.agencyID] ?? []),
                    boughtAtStripe: line.paid, boughtLocally: line.bought, consumed: line.consumed,
                    adjustments: line.adjustments, recorded: try line.recordedAtCutOff(),
                    purchases: purchases[line.agencyID] ?? [], boughtMoreLocally: try line.boughtMoreLocally()))
            figures.cumulative.append(try line.cumulative())
            if figures.signed != nil {
                figures.changedSinceSignOff += try line.changes(since: signedLine)
            }
        }
        figures.rowsRead[scope.orders.plainName] = try await connection.query(
            "SELECT count(*) AS n FROM \(scope.orders.name) l WHERE l.\(scope.orders.createdAt) < $1", cutOff)[0]["n"]
        for (table, filter) in [
            ("public.task_credit_reservation", "WHERE created_at < $1"),
            ("public.task_credit_adjustment", "WHERE created_at < $1"),
            ("public.task_credit_agency_balance", "WHERE $1::timestamptz IS NOT NULL"),
        ] {
            figures.rowsRead[table] = try await connection.query(
                "SELECT count(*) AS n FROM \(table) \(filter)", cutOff)[0]["n"]
        }
        addWithoutRows(&figures, purchases)
    }

    /// Lines for what items name and neither side has a figure of: an agency that never had a balance has 0.
    private func addWithoutRows(_ figures: inout StatementFigures, _ purchases: [Int64?: [PurchaseTotals]]) {
        var known = Set<Int64?>(figures.agencies.map(\.agencyID))
        func add(_ agency: Int64?, _ name: String) {
            figures.agencies.append(
                AgencyActivity(
                    agencyID: agency, name: name, signedClosing: figures.signed == nil || agency == nil ? nil : 0,
                    boughtAtStripe: 0, boughtLocally: 0, consumed: 0, recorded: 0, purchases: purchases[agency] ?? []))
            figures.cumulative.append(
                CumulativeLine(agencyID: agency, boughtAtStripe: 0, boughtLocally: 0, consumed: 0, adjustments: 0))
        }
        for found in figures.items where found.item.scope == .credits {
            let agency = found.item.agencyID
            if agency == nil, found.item.creditsEffect == 0, found.item.amountEffects.isEmpty { continue }
            guard known.insert(agency).inserted else { continue }
            let name = found.agencyName ?? agency.map { "Agency \($0), which the tables do not know" } ?? "No agency"
            add(agency, name)
        }
        // A payment that buys no whole credit, has no order and no item (its kind is ignored) is money all the same.
        for agency in purchases.keys where known.insert(agency).inserted {
            add(agency, agency.map { "Agency \($0)" } ?? "No agency")
        }
    }

    /// What was paid for credits from the beginning to the cut-off, on both sides, by agency.
    private func purchases(_ rows: [Row]) throws -> [Int64?: [PurchaseTotals]] {
        var totals: [Int64?: [PurchaseTotals]] = [:]
        for row in rows {
            let currencies: [String] = try row["currencies"]
            guard !currencies.isEmpty else { continue }
            let (atStripe, locally): ([Int64], [Int64]) = (try row["at_stripe"], try row["locally"])
            totals[try row["agency_id"], default: []] += currencies.indices.map {
                PurchaseTotals(currency: currencies[$0], atStripe: atStripe[$0], locally: locally[$0])
            }
        }
        return totals
    }

    /// By how much each named finding may have moved Stripe's figure of before the signed cut-off, by agency: by what
    /// the repair or the late webhook added locally, less what its own effect changed since it was signed. Where the
    /// tables moved and Stripe did not, Stripe's figure says so (``LocalLine/explainedMove(since:_:)``).
    private func movesSinceSignOff(
        _ figures: inout StatementFigures, on connection: Connection
    ) async throws -> [Int64?: [Int64]] {
        guard let signed = figures.signed else { return [:] }
        let then = try await StoredReport.items(of: signed.id, on: connection)
        var effectsThen = Dictionary(then.map { ($0.findingID, $0.creditsEffect) }, uniquingKeysWith: { $0 + $1 })
        var moved: [Int64?: [Int64]] = [:]
        func move(_ found: StatementFinding, by change: Int64, then: Int64?, now: Int64, closed: String = "") throws {
            guard change != 0, found.item.sinceSeconds < signed.cutOffSeconds, found.item.scope == .credits else {
                return
            }
            moved[found.item.agencyID, default: []].append(change)
            figures.changedSinceSignOff.append(
                ChangedFigure(
                    item: found.item.id, field: "effect on credits",
                    then: then.map { .credits($0) }, now: .credits(now),
                    note: ([then == nil ? "no item then" : ""] + [closed]).filter { !$0.isEmpty }
                        .joined(separator: "; ")))
        }
        for found in figures.items {
            let before = effectsThen.removeValue(forKey: found.findingID)
            let change = try (before ?? 0).minus(found.item.creditsEffect, "What changed since the sign-off")
            try move(found, by: change, then: before, now: found.item.creditsEffect)
        }
        let closed = try await closedFindings(since: signed.createdAt, on: connection)
        for (found, how) in closed {
            let before = effectsThen.removeValue(forKey: found.findingID)
            let isLocalMove = [.repaired, .lateWebhook, .changedLocally].contains(how)
            let change = try (before ?? 0).minus(
                isLocalMove ? found.item.creditsEffect : 0, "What changed since the sign-off")
            try move(
                found, by: change, then: before, now: 0, closed: "closed: " + how.rawValue.replacing("_", with: " "))
        }
        return moved
    }

    private func closedFindings(
        since: Timestamp, on connection: Connection
    ) async throws -> [(StatementFinding, ClosedHow)] {
        let collected = Mutex<[(StatementFinding, ClosedHow)]>([])
        try await connection.forEachBatch(
            of: 2_000, scope.findingsSQL("f.state = 'closed' AND f.closed_at >= $5"),
            parameters: scope.findingsParameters + [since]
        ) { rows in
            let batch = try rows.map {
                (try StatementFinding($0), ClosedHow(rawValue: try $0["closed_how"]) ?? .changedAtSource)
            }
            collected.withLock { $0 += batch }
        }
        return collected.withLock { $0 }
    }

    // MARK: Charges

    private func readCharges(_ figures: inout StatementFigures, on connection: Connection) async throws {
        guard !scope.chargeJobs.isEmpty else { return }
        let cutOff = Timestamp(seconds: scope.cutOffSeconds)
        figures.charges = try await connection.query(
            scope.chargesSQL(charges), scope.jobs, scope.chargeAccounts, cutOff
        ).map { row in
            ChargeActivity(
                agencyID: try row["agency_id"], name: try row["name"], currency: try row["currency"],
                charged: Tally(count: try row["charged_n"], amount: try row["charged"]),
                recorded: Tally(count: try row["recorded_n"], amount: try row["recorded"]))
        }
        if let signed = figures.signed { try await readChangedCharges(&figures, signed, on: connection) }
        // An item about a charge that neither side counts, such as one that Stripe no longer knows.
        struct Key: Hashable {
            let agencyID: Int64?
            let currency: String
        }
        var known = Set(figures.charges.map { Key(agencyID: $0.agencyID, currency: $0.currency) })
        for found in figures.items where found.item.scope == .charges && found.item.explains {
            for amount in found.item.amountEffects {
                let key = Key(agencyID: found.item.agencyID, currency: amount.currency)
                guard known.insert(key).inserted else { continue }
                figures.charges.append(
                    ChargeActivity(
                        agencyID: key.agencyID, name: found.agencyName ?? "No agency", currency: key.currency,
                        charged: Tally(), recorded: Tally()))
            }
        }
        figures.charges.sort { ($0.agencyID ?? .max, $0.currency) < ($1.agencyID ?? .max, $1.currency) }
        figures.rowsRead[charges] = try await connection.query(
            "SELECT count(*) AS n FROM \(charges) WHERE created_at < $1", cutOff)[0]["n"]
    }

    /// Charges up to the signed cut-off that are others today.
    private func readChangedCharges(
        _ figures: inout StatementFigures, _ signed: StoredReport, on connection: Connection
    ) async throws {
        let then = try await StoredReport.charges(of: signed.id, on: connection)
        var before = Dictionary(then.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        func change(
            _ key: StoredReport.ChargeSum.Key, _ then: StoredReport.ChargeSum?, _ charged: Int64, _ recorded: Int64
        ) throws {
            let fields = [
                ("charged by Stripe", then?.charged ?? 0, charged), ("recorded charges", then?.recorded ?? 0, recorded),
            ]
            for (field, old, new) in fields where old != new {
                let more = [Money(minorUnits: try new.minus(old, "A changed charge"), currency: key.currency)]
                let isStripe = field == fields[0].0
                figures.changedSinceSignOff.append(
                    ChangedFigure(
                        item: key.agencyID.map { "agency \($0)" } ?? "no agency",
                        field: field + " until the sign-off's cut-off",
                        then: .money(Money(minorUnits: old, currency: key.currency)),
                        now: .money(Money(minorUnits: new, currency: key.currency)),
                        move: SignedMove(moneyAtStripe: isStripe ? more : [], moneyInTables: isStripe ? [] : more)))
            }
        }
        for row in try await connection.query(
            scope.chargesSQL(charges), scope.jobs, scope.chargeAccounts, Timestamp(seconds: signed.cutOffSeconds))
        {
            let key = StoredReport.ChargeSum.Key(agencyID: try row["agency_id"], currency: try row["currency"])
            try change(key, before.removeValue(forKey: key), try row["charged"], try row["recorded"])
        }
        for (key, then) in before { try change(key, then, 0, 0) }
    }

    // MARK: What agrees

    /// Hands out the paid orders of the period that no open finding is about, in batches of at most `size`.
    public func forEachMatched(
        of size: Int, fromSeconds: Int64?, on connection: Connection,
        _ body: @Sendable ([MatchedOrder]) async throws -> Void
    ) async throws {
        try await connection.forEachBatch(
            of: size, scope.matchedSQL,
            parameters: [
                scope.creditJobs, fromSeconds.map { Timestamp(seconds: $0) } ?? .negativeInfinity,
                Timestamp(seconds: scope.cutOffSeconds), scope.creditAccounts,
            ]
        ) { rows in try await body(try rows.map { try MatchedOrder($0) }) }
    }
}

/// A paid order that agrees with its invoice.
public struct MatchedOrder: Sendable, Hashable {
    public let stripeID: String
    public let rowKey: Int64
    public let amount: Money
    public let account: String

    init(_ row: Row) throws {
        stripeID = try row["stripe_id"]
        rowKey = try row["key"]
        account = try row["account"]
        amount = Money(minorUnits: try row["amount"], currency: try row["currency"])
    }
}

extension Optional {
    /// `map` with a body that waits.
    fileprivate func asyncMap<T>(_ body: (Wrapped) async throws -> T) async throws -> T? {
        guard let self else { return nil }
        return try await body(self)
    }
}
