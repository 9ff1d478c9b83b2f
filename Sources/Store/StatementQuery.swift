import PostgreSQL
import Reconciliation
import Synchronization

/// Reads the figures behind a statement in one REPEATABLE READ, READ ONLY snapshot.
///
/// The statement says what is known today about what happened before the cut-off. The local side comes from the
/// application's tables, by the time at which something took effect: an order by `paid_at` (which a repair sets to
/// Stripe's time), a reservation by `created_at` and `released_at`, an adjustment by `created_at`. The balance of now
/// is taken back by what happened at or after the cut-off. Stripe's side is the local side less what the open findings
/// add to it: everything else was compared and agrees, and whether it was compared is what the runs and the control
/// totals say.
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
                try await connection.transaction(.repeatableRead, access: .readOnly) { try await body($0) }
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
        try await readAgencies(&figures, on: connection)
        try await readCharges(&figures, on: connection)
        figures.controls = try await controls(figures.items, runs: figures.runs, on: connection)
        if let previous = figures.previous {
            figures.previousItems = try await StoredReport.items(of: previous.id, on: connection).map {
                PreviousItem(
                    id: "F-\($0.findingID)", creditsEffect: $0.creditsEffect, amountEffects: $0.amountEffects)
            }
        }
        return figures
    }

    private var charges: String { "public.agency_charge" }

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

    private func readResolved(_ figures: inout StatementFigures, on connection: Connection) async throws {
        let since = figures.previous?.createdAt ?? .negativeInfinity
        let collected = Mutex<[ResolvedFinding]>([])
        try await connection.forEachBatch(
            of: 2_000,
            """
            SELECT f.*, r.requested_by AS repaired_by, r.plan AS repair_plan
            FROM (\(scope.findingsSQL("f.state = 'closed' AND f.closed_at >= $5", isOrdered: false))) f
            LEFT JOIN LATERAL (SELECT requested_by, plan FROM trueup.repair r WHERE r.finding_id = f.id
                ORDER BY r.id DESC LIMIT 1) r ON f.closed_how = 'repaired'
            WHERE f.since_seconds < $6
            ORDER BY f.id
            """, parameters: scope.findingsParameters + [since, scope.cutOffSeconds]
        ) { rows in
            let batch = try rows.map { row in
                ResolvedFinding(
                    finding: try StatementFinding(row), closedSeconds: (try row["closed_at"] as Timestamp).seconds,
                    closedHow: ClosedHow(rawValue: try row["closed_how"]) ?? .changedAtSource,
                    repairedBy: try row["repaired_by"], plan: try row["repair_plan"])
            }
            collected.withLock { $0 += batch }
        }
        figures.resolved = collected.withLock { $0 }
        figures.repairs = try await Repair.since(since, jobs: scope.jobs, limit: 100_000, on: connection)
    }

    // MARK: Agencies

    private func readAgencies(_ figures: inout StatementFigures, on connection: Connection) async throws {
        let from = figures.fromSeconds.map { Timestamp(seconds: $0) } ?? .negativeInfinity
        let cutOff = Timestamp(seconds: scope.cutOffSeconds)
        let rows = try await connection.query(scope.agenciesSQL, from, cutOff)
        let purchases = try await purchases(figures.items, on: connection)
        let signed = try await figures.signed.asyncMap { try await StoredReport.lines(of: $0.id, on: connection) } ?? []
        let signedLines = Dictionary(signed.map { ($0.agencyID, $0) }, uniquingKeysWith: { first, _ in first })
        var moved = try await movedSinceSignOff(&figures, on: connection)
        let effects = try EffectSums(figures.items, fromSeconds: figures.fromSeconds)
        for row in rows {
            let line = try LocalLine(row)
            let effect = effects.byAgency[line.agencyID] ?? EffectSums.Pair()
            let opening = try line.opening(effectBefore: effect.before)
            let boughtAtStripe = try line.bought.minus(effect.within, "What agency \(line.agencyID) bought")
            let signedLine = signedLines[line.agencyID]
            figures.agencies.append(
                AgencyActivity(
                    agencyID: line.agencyID, name: line.name, opening: opening,
                    signedClosing: signedLine?.computed ?? (figures.signed == nil ? nil : 0),
                    changedSinceSignOff: moved.removeValue(forKey: line.agencyID) ?? 0,
                    boughtAtStripe: boughtAtStripe, boughtLocally: line.bought, consumed: line.consumed,
                    adjustments: line.adjustments, recorded: try line.recordedAtCutOff(),
                    purchases: purchases[line.agencyID] ?? []))
            let cumulative = try line.cumulative(effect)
            figures.cumulative.append(cumulative)
            if figures.signed != nil {
                figures.changedSinceSignOff += try line.changes(since: signedLine, effectBefore: effect.before)
            }
        }
        figures.rowsRead[scope.orders.plainName] = try await connection.query(
            "SELECT count(*) AS n FROM \(scope.orders.name) l WHERE l.\(scope.orders.createdAt) < $1", cutOff)[0]["n"]
        try addWithoutRows(&figures, effects, purchases)
    }

    /// Lines for what items name and the tables have no figure of: an agency that never had a balance, and credits
    /// that Stripe took money for and no agency claims. An agency without a balance has 0.
    private func addWithoutRows(
        _ figures: inout StatementFigures, _ effects: EffectSums, _ purchases: [Int64?: [PurchaseTotals]]
    ) throws {
        var known = Set<Int64?>(figures.agencies.map(\.agencyID))
        for found in figures.items where found.item.scope == .credits {
            let agency = found.item.agencyID
            let effect = effects.byAgency[agency] ?? EffectSums.Pair()
            if agency == nil, effect.before == 0, effect.within == 0 { continue }
            guard known.insert(agency).inserted else { continue }
            let what = "What no agency claims"
            let name = found.agencyName ?? agency.map { "Agency \($0), which the tables do not know" } ?? "No agency"
            figures.agencies.append(
                AgencyActivity(
                    agencyID: agency, name: name, opening: try Int64(0).minus(effect.before, what),
                    signedClosing: figures.signed == nil || agency == nil ? nil : 0,
                    changedSinceSignOff: try Int64(0).minus(effect.before, what),
                    boughtAtStripe: try Int64(0).minus(effect.within, what), boughtLocally: 0, consumed: 0,
                    recorded: 0, purchases: purchases[agency] ?? []))
            figures.cumulative.append(
                CumulativeLine(
                    agencyID: agency,
                    boughtAtStripe: try Int64(0).minus(effect.before, what).minus(effect.within, what),
                    boughtLocally: 0, consumed: 0, adjustments: 0))
        }
    }

    /// What was paid for credits from the beginning to the cut-off, on both sides, by agency.
    private func purchases(
        _ items: [StatementFinding], on connection: Connection
    ) async throws -> [Int64?: [PurchaseTotals]] {
        var totals: [Int64?: [String: PurchaseTotals]] = [:]
        for row in try await connection.query(scope.purchasesSQL, Timestamp(seconds: scope.cutOffSeconds)) {
            let agency: Int64? = try row["agency_id"]
            let currency: String = try row["currency"]
            let paid: Int64 = try row["paid"]
            totals[agency, default: [:]][currency] = PurchaseTotals(currency: currency, atStripe: paid, locally: paid)
        }
        for item in items.map(\.item) where item.scope == .credits && item.explains {
            for amount in item.amountEffects {
                var total =
                    totals[item.agencyID]?[amount.currency]
                    ?? PurchaseTotals(currency: amount.currency, atStripe: 0, locally: 0)
                total.atStripe = try total.atStripe.minus(
                    amount.minorUnits, "What was paid for credits in \(amount.currency.uppercased())")
                totals[item.agencyID, default: [:]][amount.currency] = total
            }
        }
        return totals.mapValues { $0.values.sorted { $0.currency < $1.currency } }
    }

    /// By how much named findings moved Stripe's figure of before the signed cut-off, by agency. A finding moves it by
    /// what the repair or the late webhook added locally, less what its own effect changed since it was signed.
    private func movedSinceSignOff(
        _ figures: inout StatementFigures, on connection: Connection
    ) async throws -> [Int64?: Int64] {
        guard let signed = figures.signed else { return [:] }
        let then = try await StoredReport.items(of: signed.id, on: connection)
        var effectsThen = Dictionary(then.map { ($0.findingID, $0.creditsEffect) }, uniquingKeysWith: { $0 + $1 })
        var moved: [Int64?: Int64] = [:]
        func move(_ found: StatementFinding, by change: Int64, then: Int64?, now: String) throws {
            guard change != 0, found.item.sinceSeconds < signed.cutOffSeconds, found.item.scope == .credits else {
                return
            }
            let agency = found.item.agencyID
            moved[agency] = try moved[agency, default: 0].plus(change, "What changed since the sign-off")
            figures.changedSinceSignOff.append(
                ChangedFigure(
                    item: found.item.id, field: "effect on credits",
                    then: then.map { Money.grouped($0) } ?? "not known", now: now))
        }
        for found in figures.items {
            let before = effectsThen.removeValue(forKey: found.findingID)
            let change = try (before ?? 0).minus(found.item.creditsEffect, "What changed since the sign-off")
            try move(found, by: change, then: before, now: Money.grouped(found.item.creditsEffect))
        }
        let closed = try await closedFindings(since: signed.createdAt, on: connection)
        for (found, how) in closed {
            let before = effectsThen.removeValue(forKey: found.findingID)
            let isLocalMove = [.repaired, .lateWebhook, .changedLocally].contains(how)
            let change = try (before ?? 0).minus(
                isLocalMove ? found.item.creditsEffect : 0, "What changed since the sign-off")
            try move(found, by: change, then: before, now: how.rawValue)
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
        struct Key: Hashable {
            let agencyID: Int64?
            let currency: String
        }
        var lines: [Key: ChargeActivity] = [:]
        let from = figures.fromSeconds.map { Timestamp(seconds: $0) } ?? .negativeInfinity
        for row in try await connection.query(
            scope.chargesSQL(charges), from, Timestamp(seconds: scope.cutOffSeconds))
        {
            let key = Key(agencyID: try row["agency_id"], currency: try row["currency"])
            let tally = Tally(count: try row["n"], amount: try row["amount"])
            lines[key] = ChargeActivity(
                agencyID: key.agencyID, name: try row["name"], currency: key.currency, charged: tally, recorded: tally)
        }
        for found in figures.items where found.item.scope == .charges && found.item.explains {
            for amount in found.item.amountEffects {
                let key = Key(agencyID: found.item.agencyID, currency: amount.currency)
                var line =
                    lines[key]
                    ?? ChargeActivity(
                        agencyID: key.agencyID, name: found.agencyName ?? "No agency", currency: key.currency,
                        charged: Tally(), recorded: Tally())
                let what = "The charges in \(key.currency.uppercased())"
                line.charged.amount = try line.charged.amount.minus(amount.minorUnits, what)
                line.charged.count = try line.charged.count.minus(amount.minorUnits.signum(), what)
                lines[key] = line
            }
        }
        figures.charges = lines.values.sorted {
            ($0.agencyID ?? .max, $0.currency) < ($1.agencyID ?? .max, $1.currency)
        }
        figures.rowsRead[charges] = try await connection.query(
            "SELECT count(*) AS n FROM \(charges) WHERE created_at < $1", Timestamp(seconds: scope.cutOffSeconds))[0][
                "n"]
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
                Timestamp(seconds: scope.cutOffSeconds),
            ]
        ) { rows in try await body(try rows.map { try MatchedOrder($0) }) }
    }
}

/// A paid order that agrees with its invoice.
public struct MatchedOrder: Sendable, Hashable {
    public let stripeID: String
    public let rowKey: Int64
    public let amount: Money

    init(_ row: Row) throws {
        stripeID = try row["stripe_id"]
        rowKey = try row["key"]
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
