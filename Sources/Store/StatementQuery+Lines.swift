import PostgreSQL
import Reconciliation

/// The sums over one agency's payments and rows, in credits.
struct LocalLine {
    /// `nil`: what no agency claims.
    let agencyID: Int64?
    let name: String
    /// Of what runs read at Stripe.
    let paidBefore: Int64
    let paid: Int64
    private let boughtBefore: Int64
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
        paidBefore = try row["paid_before"]
        paid = try row["paid"]
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
        consumed = try consumedAtEnd.minus(consumedBefore, "What agency \(agencyID ?? 0) consumed")
    }

    private var what: String { agencyID.map { "The balance of agency \($0)" } ?? "What no agency claims" }

    /// The computed balance at the start of the period, from Stripe's invoices as they are known today.
    func opening() throws -> Int64 { try paidBefore.minus(consumedBefore, what).plus(adjustedBefore, what) }

    /// The balance of now, less what was bought and adjusted since the cut-off, plus what was consumed since.
    func recordedAtCutOff() throws -> Int64 {
        try balance.minus(boughtAfter, what).minus(adjustedAfter, what).plus(consumedNow, what)
            .minus(consumedAtEnd, what)
    }

    /// Credits bought by the tables' words less those of Stripe's payments, from the beginning to the cut-off.
    func boughtMoreLocally() throws -> Int64 {
        try boughtBefore.plus(bought, what).minus(paidBefore, what).minus(paid, what)
    }

    func cumulative() throws -> CumulativeLine {
        CumulativeLine(
            agencyID: agencyID, boughtAtStripe: try paidBefore.plus(paid, what),
            boughtLocally: try boughtBefore.plus(bought, what), consumed: consumedAtEnd,
            adjustments: try adjustedBefore.plus(adjustments, what))
    }

    /// How many sums of moves are looked at.
    private static let sumsMax = 10_000

    /// What named findings account for of the move of Stripe's figure of before the signed cut-off: all of it where
    /// some of their moves add up to it, as none do where only the tables moved; else what they add up to together,
    /// which leaves a rest that nothing accounts for.
    func explainedMove(since signed: StoredReport.Line?, _ moves: [Int64]) throws -> Int64 {
        let move = try paidBefore.minus(signed?.boughtAtStripe ?? 0, what)
        guard move != 0 else { return 0 }
        var sums: Set<Int64> = [0]
        var total: Int64 = 0
        for each in moves {
            total = try total.plus(each, what)
            guard sums.count < Self.sumsMax else { continue }
            for sum in sums { sums.insert(try sum.plus(each, what)) }
        }
        return sums.contains(move) ? move : total
    }

    /// The recorded balance at the signed cut-off, as the tables have it today.
    private func recordedAtSignOff() throws -> Int64 {
        try recordedAtCutOff().minus(bought, what).plus(consumed, what).minus(adjustments, what)
    }

    /// The figures up to the start of the period that are others than the signed report's up to its cut-off.
    func changes(since signed: StoredReport.Line?) throws -> [ChangedFigure] {
        let fields: [(name: String, then: Int64, now: Int64, move: (Int64) -> SignedMove)] = [
            (
                "bought (Stripe)", signed?.boughtAtStripe ?? 0, paidBefore,
                { SignedMove(creditsAtStripe: $0) }
            ),
            (
                "bought (local)", signed?.boughtLocally ?? 0, boughtBefore,
                { SignedMove(creditsInTables: $0) }
            ),
            ("consumed", signed?.consumed ?? 0, consumedBefore, { SignedMove(consumed: $0) }),
            ("adjustments", signed?.adjustments ?? 0, adjustedBefore, { SignedMove(adjustments: $0) }),
        ]
        let item = agencyID.map { "agency \($0)" } ?? "no agency"
        var changes: [ChangedFigure] = []
        for field in fields where field.then != field.now {
            let more = try field.now.minus(field.then, what)
            changes.append(
                ChangedFigure(
                    item: item, field: field.name + " until the sign-off's cut-off", then: .credits(field.then),
                    now: .credits(field.now), move: field.move(more)))
        }
        // A balance that moved with what is listed above says nothing of its own.
        let (then, now) = (signed?.recorded ?? 0, try recordedAtSignOff())
        let moved = try boughtBefore.minus(signed?.boughtLocally ?? 0, what)
            .minus(try consumedBefore.minus(signed?.consumed ?? 0, what), what)
            .plus(try adjustedBefore.minus(signed?.adjustments ?? 0, what), what)
        let rest = try now.minus(then, what).minus(moved, what)
        if now != then, rest != 0 {
            changes.append(
                ChangedFigure(
                    item: item, field: "closing recorded at the sign-off's cut-off", then: .credits(then),
                    now: .credits(now), move: SignedMove(creditsInTables: rest)))
        }
        return changes
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
        let comparison = ComparisonName(rawValue: try row["comparison"])
        let stripeCounts = !isStill && stripeIsFirst == true
        let localCounts = !isStill && localIsPaid == true
        let credits: Int64? = try row["credits"]
        let action = Action(rawValue: try row["action"]) ?? .review
        let state = FindingState(rawValue: try row["state"]) ?? .open
        findingID = try row["id"]
        stripeAmount = money(stripeUnits, currency)
        localAmount = money(localUnits, localCurrency)
        let paidUnits: Int64? = try row["paid_amount"]
        let taken = stripeCounts ? money(paidUnits, try row["paid_currency"]) : nil
        var effect: Int64 = 0
        if !isCharge {
            effect = try StatementItem.creditsEffect(
                atStripe: stripeCounts ? try row["stripe_credits"] : 0, locally: localCounts ? credits ?? 0 : 0)
            // A drift is the difference itself, in the credits that it was found with.
            if kind == .balanceDrift { effect = credits ?? 0 }
        }
        item = StatementItem(
            id: "F-\(findingID)", agencyID: try row["agency_id"], kind: kind,
            scope: isCharge || (isStill && stripeObject.hasPrefix("pi_") && comparison != .payments)
                ? .charges : .credits,
            isInformation: action == .inform, isAccepted: state == .accepted, creditsEffect: effect,
            amountEffects: try StatementItem.amountEffects(
                atStripe: taken, locally: localCounts ? localAmount : nil),
            currency: (stripeAmount ?? localAmount)?.currency, sinceSeconds: try row["since_seconds"])
        self.isCharge = isCharge
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
        _ figures: StatementFigures, on connection: Connection
    ) async throws -> [ControlTotals] {
        var totals: [ControlTotals] = []
        let (items, stored) = (figures.items, figures.readByRuns)
        for rested in figures.runs {
            let run = rested.run
            let isCharge = scope.chargeJobs.contains(run.job)
            guard isCharge || scope.creditJobs.contains(run.job) else { continue }
            let object: ListedObject = isCharge ? .paymentIntent : .invoice
            let controls = stored.filter { $0.runID == run.id && $0.object == object }
            let local = try await localSides(items, run: run, isCharge: isCharge, on: connection)
            let currencies = Set(controls.map(\.currency)).union(local.keys).sorted()
            for currency in currencies {
                totals.append(
                    ControlTotals(
                        name: (isCharge ? "Payment intents" : "Credit invoices") + ", run \(run.id)",
                        runID: run.id, part: isCharge ? .charges : .credits,
                        account: Set(controls.map(\.account)).sorted().joined(separator: ", "), currency: currency,
                        stripe: try stripeSide(controls.filter { $0.currency == currency }, run),
                        local: local[currency] ?? ControlSide(read: Tally(), matched: Tally()),
                        isCovered: run.period.fromSeconds < scope.cutOffSeconds))
            }
        }
        return totals
    }

    /// What a run read, and the classes in which its comparison counted it. What was found and is open no more was put
    /// right: it agrees now. A run of an earlier version counted no classes: all that it read is in none.
    private func stripeSide(_ controls: [RunControl], _ run: Run) throws -> ControlSide {
        let what = "The control total of run \(run.id)"
        var side = ControlSide(read: Tally(), matched: Tally())
        for control in controls {
            let open = Tally(count: control.openCount, amount: control.openAmount)
            let classes = control.classes ?? ComparedClasses()
            let right = try classes.agreed.plus(classes.differing, what).minus(open, what)
            side.read = try side.read.plus(Tally(count: control.readCount, amount: control.readAmount), what)
            side.matched = try side.matched.plus(right, what)
            side.open = try side.open.plus(open, what)
            side.ignored = try side.ignored.plus(classes.ignored, what)
        }
        return side
    }

    private func localSides(
        _ items: [StatementFinding], run: Run, isCharge: Bool, on connection: Connection
    ) async throws -> [String: ControlSide] {
        let keys = items.filter { $0.isCharge == isCharge }.compactMap { Int64($0.localID) }
        var sides: [String: ControlSide] = [:]
        for row in try await connection.query(
            scope.localControlSQL(isCharge: isCharge), Timestamp(seconds: run.period.fromSeconds),
            Timestamp(seconds: run.period.toSeconds), keys, Timestamp(seconds: scope.cutOffSeconds),
            isCharge ? scope.chargeAccounts : scope.creditAccounts)
        {
            sides[try row["currency"]] = ControlSide(
                read: Tally(count: try row["n"], amount: try row["amount"]),
                matched: Tally(count: try row["matched_n"], amount: try row["matched_amount"]),
                open: Tally(count: try row["open_n"], amount: try row["open_amount"]))
        }
        return sides
    }
}

extension Tally {
    fileprivate func plus(_ other: Tally, _ what: String) throws -> Tally {
        Tally(count: try count.plus(other.count, what), amount: try amount.plus(other.amount, what))
    }

    fileprivate func minus(_ other: Tally, _ what: String) throws -> Tally {
        Tally(count: try count.minus(other.count, what), amount: try amount.minus(other.amount, what))
    }
}
