import PostgreSQL
import Reconciliation

/// The sums over one agency's rows, in credits, before any finding is taken into account.
struct LocalLine {
    let agencyID: Int64
    let name: String
    let boughtBefore: Int64
    let bought: Int64
    private let boughtAfter: Int64
    private let consumedBefore: Int64
    private let consumedAtEnd: Int64
    private let consumedNow: Int64
    private let adjustedBefore: Int64
    let adjustments: Int64
    private let adjustedAfter: Int64
    private let balance: Int64
    let consumed: Int64

    init(_ row: Row) throws {
        agencyID = try row["agency_id"]
        name = try row["name"]
        boughtBefore = try row["bought_before"]
        bought = try row["bought"]
        boughtAfter = try row["bought_after"]
        consumedBefore = try row["consumed_before"]
        consumedAtEnd = try row["consumed_at_end"]
        consumedNow = try row["consumed_now"]
        adjustedBefore = try row["adjusted_before"]
        adjustments = try row["adjusted"]
        adjustedAfter = try row["adjusted_after"]
        balance = try row["balance"]
        consumed = try consumedAtEnd.minus(consumedBefore, "What agency \(agencyID) consumed")
    }

    private var what: String { "The balance of agency \(agencyID)" }

    /// The computed balance at the start of the period, from Stripe's invoices as they are known today.
    func opening(effectBefore: Int64) throws -> Int64 {
        try boughtBefore.minus(effectBefore, what).minus(consumedBefore, what).plus(adjustedBefore, what)
    }

    /// The balance of now, less what was bought and adjusted since the cut-off, plus what was consumed since.
    func recordedAtCutOff() throws -> Int64 {
        try balance.minus(boughtAfter, what).minus(adjustedAfter, what).plus(consumedNow, what)
            .minus(consumedAtEnd, what)
    }

    func cumulative(_ effect: EffectSums.Pair) throws -> CumulativeLine {
        let locally = try boughtBefore.plus(bought, what)
        return CumulativeLine(
            agencyID: agencyID, boughtAtStripe: try locally.minus(effect.before, what).minus(effect.within, what),
            boughtLocally: locally, consumed: consumedAtEnd, adjustments: try adjustedBefore.plus(adjustments, what))
    }

    /// The figures up to the start of the period that are others than the signed report's up to its cut-off.
    func changes(since signed: StoredReport.Line?, effectBefore: Int64) throws -> [ChangedFigure] {
        let fields = [
            ("bought (Stripe)", signed?.boughtAtStripe ?? 0, try boughtBefore.minus(effectBefore, what)),
            ("consumed", signed?.consumed ?? 0, consumedBefore),
            ("adjustments", signed?.adjustments ?? 0, adjustedBefore),
        ]
        return fields.compactMap { field, then, now in
            guard then != now else { return nil }
            return ChangedFigure(
                item: "agency \(agencyID)", field: field + " until the sign-off's cut-off",
                then: Money.grouped(then), now: Money.grouped(now))
        }
    }
}

/// What the items add to the local side, by agency, before and within the period.
struct EffectSums {
    struct Pair {
        var before: Int64 = 0
        var within: Int64 = 0
    }

    private(set) var byAgency: [Int64?: Pair] = [:]

    init(_ items: [StatementFinding], fromSeconds: Int64?) throws {
        for item in items.map(\.item) where item.scope == .credits && item.explains && item.kind != .balanceDrift {
            guard item.creditsEffect != 0 else { continue }
            let isBefore = fromSeconds.map { item.sinceSeconds < $0 } ?? false
            var pair = byAgency[item.agencyID] ?? Pair()
            if isBefore {
                pair.before = try pair.before.plus(item.creditsEffect, "The effects of findings")
            } else {
                pair.within = try pair.within.plus(item.creditsEffect, "The effects of findings")
            }
            byAgency[item.agencyID] = pair
        }
    }
}

extension StatementFinding {
    init(_ row: Row) throws {
        let word: String = try row["kind"]
        guard let kind = FindingKind(rawValue: word) else { throw UnknownKind(word: word) }
        let currency: String? = try row["currency"]
        let localCurrency: String? = try row["local_currency"]
        let stripeUnits: Int64? = try row["stripe_amount"]
        let localUnits: Int64? = try row["local_amount"]
        func money(_ units: Int64?, _ currency: String?) -> Money? {
            guard let units, let currency, !currency.isEmpty else { return nil }
            return Money(minorUnits: units, currency: currency)
        }
        let isStill: Bool = try row["is_still"]
        let isCharge: Bool = try row["is_charge"]
        let stripeIsFirst: Bool? = try row["stripe_counts"]
        let localIsPaid: Bool? = try row["local_is_paid"]
        let stripeIsPaid: Bool? = try row["stripe_is_paid"]
        let stripeObject: String = try row["stripe_id"]
        let stripeCounts = !isStill && stripeIsFirst == true
        let localCounts = !isStill && localIsPaid == true
        let credits: Int64? = try row["credits"]
        let action = Action(rawValue: try row["action"]) ?? .review
        let state = FindingState(rawValue: try row["state"]) ?? .open
        findingID = try row["id"]
        stripeAmount = money(stripeUnits, currency)
        localAmount = money(localUnits, localCurrency)
        var effect: Int64 = 0
        if !isCharge {
            effect = try StatementItem.creditsEffect(
                atStripe: stripeCounts ? try row["stripe_credits"] : 0, locally: localCounts ? credits ?? 0 : 0)
            // A drift is the difference itself, in the credits that it was found with.
            if kind == .balanceDrift { effect = credits ?? 0 }
        }
        item = StatementItem(
            id: "F-\(findingID)", agencyID: try row["agency_id"], kind: kind,
            scope: isCharge || (isStill && stripeObject.hasPrefix("pi_")) ? .charges : .credits,
            isInformation: action == .inform, isAccepted: state == .accepted, creditsEffect: effect,
            amountEffects: try StatementItem.amountEffects(
                atStripe: stripeCounts ? stripeAmount : nil, locally: localCounts ? localAmount : nil),
            sinceSeconds: try row["since_seconds"])
        agencyName = try row["agency_name"]
        account = try row["account"]
        self.action = action
        explanation = try row["explanation"]
        stripeID = stripeObject
        localID = try row["local_id"]
        self.credits = credits
        stripeStatus = try row["stripe_status"]
        localState = try row["local_state"]
        paidAtSeconds = stripeIsPaid == true ? try row["stripe_paid_seconds"] : nil
        firstSeenSeconds = (try row["first_seen_at"] as Timestamp).seconds
        runsSeen = Int64(try row["runs_seen"] as Int32)
        timesReopened = Int64(try row["times_reopened"] as Int32)
        owner = try row["owner"]
        note = try row["last_note"]
    }
}

extension StatementQuery {
    /// The control totals of every account and currency that the runs read. Stripe's side was counted when each run
    /// ended; the local side is counted now, over the rows that were made in the run's period.
    func controls(
        _ items: [StatementFinding], runs: [RestedRun], on connection: Connection
    ) async throws -> [ControlTotals] {
        var totals: [ControlTotals] = []
        let stored = try await RunControl.of(runs: runs.map(\.run.id), on: connection)
        for rested in runs {
            let run = rested.run
            let isCharge = scope.chargeJobs.contains(run.job)
            guard isCharge || scope.creditJobs.contains(run.job) else { continue }
            let object: ListedObject = isCharge ? .paymentIntent : .invoice
            let controls = stored.filter { $0.runID == run.id && $0.object == object }
            let local = try await localSides(items, run: run, isCharge: isCharge, on: connection)
            let currencies = Set(controls.map(\.currency)).union(local.keys).sorted()
            for currency in currencies {
                let mine = controls.filter { $0.currency == currency }
                var read = Tally()
                var open = Tally()
                for control in mine {
                    let what = "The control total of run \(run.id)"
                    read.count = try read.count.plus(control.readCount, what)
                    read.amount = try read.amount.plus(control.readAmount, what)
                    open.count = try open.count.plus(control.openCount, what)
                    open.amount = try open.amount.plus(control.openAmount, what)
                }
                totals.append(
                    ControlTotals(
                        name: (isCharge ? "Payment intents" : "Credit invoices") + ", run \(run.id)",
                        account: Set(controls.map(\.account)).sorted().joined(separator: ", "), currency: currency,
                        stripe: try side(read: read, open: open),
                        local: local[currency] ?? ControlSide(read: Tally(), matched: Tally())))
            }
        }
        return totals
    }

    private func side(read: Tally, open: Tally) throws -> ControlSide {
        ControlSide(
            read: read,
            matched: Tally(
                count: try read.count.minus(open.count, "A control total"),
                amount: try read.amount.minus(open.amount, "A control total")), open: open)
    }

    private func localSides(
        _ items: [StatementFinding], run: Run, isCharge: Bool, on connection: Connection
    ) async throws -> [String: ControlSide] {
        let keys = items.filter { ($0.item.scope == .charges) == isCharge }.compactMap { Int64($0.localID) }
        var sides: [String: ControlSide] = [:]
        for row in try await connection.query(
            scope.localControlSQL(isCharge: isCharge), Timestamp(seconds: run.period.fromSeconds),
            Timestamp(seconds: run.period.toSeconds), keys)
        {
            sides[try row["currency"]] = try side(
                read: Tally(count: try row["n"], amount: try row["amount"]),
                open: Tally(count: try row["open_n"], amount: try row["open_amount"]))
        }
        return sides
    }
}

extension Repair {
    /// Repairs of some jobs' findings since then, the oldest first.
    static func since(
        _ time: Timestamp, jobs: [String], limit: Int, on connection: Connection
    ) async throws -> [Repair] {
        try await connection.query(
            """
            SELECT \(columns) FROM trueup.repair
            WHERE applied_at >= $1 AND finding_id IN (SELECT id FROM trueup.finding WHERE job = ANY($2))
            ORDER BY id LIMIT $3
            """, time, jobs, limit
        ).map(Repair.init)
    }
}
