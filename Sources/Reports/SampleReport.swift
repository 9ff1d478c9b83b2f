import Reconciliation
import Schedule

/// Reports made from a seed, of any size and always consistent: for the tests, the benchmark and the sample in the
/// documentation. The same numbers give the same report.
package struct SampleReport {
    package var seed: UInt64 = 1
    package var agencies = 212
    package var items = 60
    /// How many agencies differ; only they have items that move credits.
    package var outOfBalance = 3
    package var charged = 0
    package var zone = Zone.utc
    package var isComplete = true
    /// An unexplained rest, in credits, of the first agency.
    package var unexplained: Int64 = 0

    static let cutOffSeconds: Int64 = 1_773_028_800  // 2026-03-09 04:00 UTC, midnight in New York
    private static let creditPrice: Int64 = 20_000
    private static let kindsThatMove: [FindingKind] = [
        .missedPaid, .missingLocally, .unpaidInStripe, .paidAfterCancel, .voidAfterPaid, .missingInStripe,
    ]
    private static let people = ["Dana Levi", "Miriam Okafor", "J. Whitfield"]

    package init() {}

    package func make() throws -> DiscrepancyReport {
        var random = SampleNumbers(state: seed)
        let names = (0..<agencies).map { _ in random.agencyName() }
        let items = makeItems(names, &random)
        let activities = makeActivities(names, items, &random)
        let statement = try Statement(input(activities, items, makeCharges(items, names, &random)))
        var accounts = [ReportAccount(name: "task_health", stripeID: "acct_1SampleTaskHealth", isLive: true)]
        if charged > 0 {
            accounts.append(ReportAccount(name: "medflyt", stripeID: "acct_1SampleMedflyt", isLive: true))
        }
        let change = SignedChange(
            item: "agency 1003", field: "bought (Stripe) until the sign-off's cut-off", then: .credits(12_000),
            now: .credits(11_000),
            move: SignedMove(creditsAtStripe: -1_000))
        let signOff = SignOff(
            role: .preparer, name: "Dana Levi", atSeconds: Self.cutOffSeconds + 36_000,
            note: "Two drafts are with the agency.")
        return DiscrepancyReport(
            id: "balance-report/2026-03-09T04:00:00Z", accounts: accounts,
            periodFromSeconds: Self.cutOffSeconds - 35 * 86_400, generatedSeconds: Self.cutOffSeconds + 8_100,
            zone: zone, statement: statement, items: items, resolved: makeResolved(names, &random),
            changedSinceSignOff: [change], repairs: makeRepairs(&random), run: run,
            trend: makeTrend(statement, &random), signOffs: [signOff], basis: basis)
    }

    private var run: ReportSource {
        let queries = [
            ReportQuery(
                name: "bought (local)",
                text: "select agency_id, sum(credits) from task_credit_stripe_invoice where paid and paid_at < $1 "
                    + "group by agency_id"),
            ReportQuery(
                name: "consumed",
                text: "select agency_id, sum(credits) from task_credit_reservation where released_at is null "
                    + "group by agency_id"),
        ]
        return ReportSource(
            id: "run-1842", job: "balance-report", programVersion: "1.0.0",
            jobFileHash: String(repeating: "5e", count: 32), queries: queries,
            runs: [
                SourceRun(
                    id: 1_842, job: "credit-invoices", state: "drift", programVersion: "1.0.0",
                    jobFileHash: String(repeating: "6f", count: 32), fromSeconds: Self.cutOffSeconds - 35 * 86_400,
                    toSeconds: Self.cutOffSeconds + 7_800, requests: 483)
            ], previousReportHash: String(repeating: "a7", count: 32))
    }

    private func makeTrend(_ statement: Statement, _ random: inout SampleNumbers) -> [TrendPoint] {
        let open = Int64(statement.items.count)
        var points: [TrendPoint] = []
        for day in 0..<29 {
            let count = max(0, open + random.int(-8...12) + Int64(20 - day))
            points.append(
                TrendPoint(
                    atSeconds: Self.cutOffSeconds - Int64(29 - day) * 86_400, openItems: count,
                    state: day % 9 == 4 ? .incomplete : .explained))
        }
        points.append(TrendPoint(atSeconds: Self.cutOffSeconds, openItems: open, state: statement.state))
        return points
    }

    /// Pairs that agree, `count` of them, in batches.
    package func matched(_ count: Int, batch: Int = 5_000, _ body: ([MatchedRow]) throws -> Void) rethrows {
        var start = 0
        while start < count {
            let end = min(start + batch, count)
            let rows = (start..<end).map { index -> MatchedRow in
                let units = Int64(index % 40 + 1) * 500_000
                return MatchedRow(
                    stripeID: "in_1Sample\(1_000_000 + index)", localRow: String(40_000 + index),
                    amount: Money(minorUnits: units, currency: "usd"),
                    rule: index % 50 == 0 ? "metadata.order_id" : "exact id", account: "task_health")
            }
            try body(rows)
            start = end
        }
    }

    private func agencyID(_ index: Int) -> Int64 { 1_001 + Int64(index) }

    private func makeItems(_ names: [String], _ random: inout SampleNumbers) -> [ReportItem] {
        let still = FindingKind.allCases.filter { !Self.kindsThatMove.contains($0) }
        return (0..<items).map { index in
            // Every kind in turn; those that move credits only at agencies that are out of balance.
            let moves = outOfBalance > 0 && index % 5 < 2
            let kinds = moves ? Self.kindsThatMove : still
            let kind = kinds[(moves ? index / 5 * 2 + index % 5 : index) % kinds.count]
            let isCharge = charged > 0 && FindingKind.chargeKinds.contains(kind)
            let agency = Int(random.int(0...Int64((moves ? outOfBalance : agencies) - 1)))
            return SampleItem(
                index: index, kind: kind, agencyID: agencyID(agency), agency: names[agency], moves: moves,
                isCharge: isCharge, cutOffSeconds: Self.cutOffSeconds, creditPrice: Self.creditPrice
            ).make(&random)
        }
    }

    private func makeActivities(
        _ names: [String], _ items: [ReportItem], _ random: inout SampleNumbers
    ) -> [AgencyActivity] {
        var effects: [Int64: Int64] = [:]
        for item in items where item.item.scope == .credits && item.item.explains {
            effects[item.item.agencyID ?? 0, default: 0] += item.item.creditsEffect
        }
        return names.indices.map { index in
            let id = agencyID(index)
            let opening = random.int(0...900) * 10
            let bought = random.int(1...40) * 1_000
            let consumed = random.int(0...bought)
            let adjustments = random.int(0...9) == 0 ? random.int(-50...50) : 0
            let effect = effects[id] ?? 0
            let rest = index == 0 ? unexplained : 0
            return AgencyActivity(
                agencyID: id, name: names[index], opening: opening, signedClosing: opening, boughtAtStripe: bought,
                boughtLocally: bought + effect, consumed: consumed, adjustments: adjustments,
                recorded: opening + bought - consumed + adjustments + effect + rest,
                purchases: [
                    PurchaseTotals(
                        currency: "usd", atStripe: bought * Self.creditPrice,
                        locally: (bought + effect) * Self.creditPrice)
                ])
        }
    }

    private func makeCharges(
        _ items: [ReportItem], _ names: [String], _ random: inout SampleNumbers
    ) -> [ChargeActivity] {
        var effects: [Int64: Int64] = [:]
        for item in items where item.item.scope == .charges && item.item.explains {
            for amount in item.item.amountEffects {
                effects[item.item.agencyID ?? 0, default: 0] += amount.minorUnits
            }
        }
        return names.indices.compactMap { index in
            let id = agencyID(index)
            guard index < charged || effects[id] != nil else { return nil }
            let charged = Tally(count: random.int(10...80), amount: random.int(100_000...9_000_000))
            return ChargeActivity(
                agencyID: id, name: names[index], currency: "usd", charged: charged,
                recorded: Tally(count: charged.count, amount: charged.amount + (effects[id] ?? 0)))
        }
    }

    private func input(
        _ activities: [AgencyActivity], _ items: [ReportItem], _ charges: [ChargeActivity]
    ) -> StatementInput {
        let open = Tally(count: Int64(items.count), amount: Int64(items.count) * 2_000_000)
        let matched = Tally(count: 48_211, amount: 4_821_100_000_000)
        let side = ControlSide(
            read: Tally(count: matched.count + open.count, amount: matched.amount + open.amount), matched: matched,
            open: open)
        let before = items.filter { $0.runsSeen > 1 }.map {
            PreviousItem(
                id: $0.item.id, creditsEffect: $0.item.creditsEffect, amountEffects: $0.item.amountEffects)
        }
        return StatementInput(
            cutOff: StatementCutOff(
                seconds: Self.cutOffSeconds, zone: "America/New_York", localText: "2026-03-09 00:00 -04:00",
                utcText: "2026-03-09 04:00 UTC"), agencies: activities, charges: charges, items: items.map(\.item),
            reads: [
                StatementRead(
                    name: "Stripe invoices of task_health", isComplete: isComplete,
                    reason: isComplete ? nil : "window 14 of 35 failed: HTTP 503, five attempts", pages: 483,
                    rows: 48_271),
                StatementRead(name: "Local credit orders", isComplete: true, rows: 48_269),
            ],
            controls: [
                ControlTotals(
                    name: "Credit invoices, run 1842", runID: 1_842, account: "task_health", currency: "usd",
                    stripe: side, local: side)
            ],
            ties: Self.ties(activities, charges),
            previous: PreviousStatement(
                cutOffSeconds: Self.cutOffSeconds - 86_400, state: .explained,
                open: before + [PreviousItem(id: "F-90001"), PreviousItem(id: "F-90002")],
                closed: Set(items.filter { $0.runsSeen == 1 && $0.item.id.hasSuffix("7") }.map(\.item.id))))
    }

    private func makeResolved(_ names: [String], _ random: inout SampleNumbers) -> [ResolvedItem] {
        let ways = ["repaired", "late webhook", "accepted", "changed at source"]
        return (0..<min(12, agencies)).map { index in
            ResolvedItem(
                id: index < 2 ? "F-9000\(index + 1)" : "F-9\(1_000 + index)",
                kind: [.missedPaid, .missedVoid, .staleDraft][index % 3],
                agencyID: agencyID(index), agency: names[index],
                amount: Money(minorUnits: random.int(1...40) * 20_000_000 / 10, currency: "usd"),
                credits: random.int(1...40) * 100, closedSeconds: Self.cutOffSeconds - random.int(1...80_000),
                how: ways[index % 4], by: index % 4 == 1 ? nil : Self.people[index % 3],
                plan: index % 4 == 0 ? "plan-\(300 + index)" : nil, wasStated: index < 2)
        }
    }

    private func makeRepairs(_ random: inout SampleNumbers) -> [RepairEntry] {
        (0..<6).map { index in
            RepairEntry(
                plan: "plan-\(300 + index)", action: index % 2 == 0 ? "mark paid, add credits" : "cancel the order",
                before: "paid=false, balance=\(1_000 + index)",
                after: index % 2 == 0 ? "paid=true, balance=\(2_000 + index)" : "cancelled_at set",
                requestedBy: "nightly run", approvedBy: index % 2 == 0 ? nil : Self.people[index % 3],
                appliedSeconds: Self.cutOffSeconds - random.int(1...50_000), outcome: "applied")
        }
    }
}

extension FindingKind {
    /// Kinds of the comparison of charges.
    static let chargeKinds: Set<FindingKind> = [.missedSucceeded, .missedCanceled, .missedFailed, .staleIntent]
}
