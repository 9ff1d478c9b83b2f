import Reconciliation

/// Inputs of statements: a test states only what differs.
enum StatementSamples {
    static let cutOff = StatementCutOff(
        seconds: 1_000_000_000, zone: "America/New_York", localText: "2001-09-08 21:46 -04:00",
        utcText: "2001-09-09 01:46 UTC")
    static let read = StatementRead(name: "Stripe invoices", isComplete: true, pages: 1, rows: 1)

    static func agency(
        _ id: Int64? = 1, opening: Int64 = 100, signed: Int64? = nil, changed: Int64 = 0, bought: Int64 = 50,
        consumed: Int64 = 30, adjustments: Int64 = 5, difference: Int64 = 0
    ) -> AgencyActivity {
        AgencyActivity(
            agencyID: id, name: "Agency", opening: opening, signedClosing: signed, changedSinceSignOff: changed,
            boughtAtStripe: bought, boughtLocally: bought, consumed: consumed, adjustments: adjustments,
            recorded: opening + bought - consumed + adjustments + difference)
    }

    static func item(
        _ id: String = "F-1", agency: Int64? = 1, kind: FindingKind = .missedPaid, credits: Int64 = -7,
        informs: Bool = false, accepted: Bool = false, ageDays: Int64 = 0
    ) -> StatementItem {
        StatementItem(
            id: id, agencyID: agency, kind: kind, isInformation: informs, isAccepted: accepted,
            creditsEffect: credits, amountEffects: [Money(minorUnits: credits * 20_000, currency: "usd")],
            sinceSeconds: cutOff.seconds - ageDays * 86_400)
    }

    static func statement(
        _ agencies: [AgencyActivity], _ items: [StatementItem] = [], reads: [StatementRead] = [read],
        controls: [ControlTotals] = [], tolerance: Int64 = 0, previous: PreviousStatement? = nil
    ) throws(StatementError) -> Statement {
        try Statement(
            StatementInput(
                cutOff: cutOff, agencies: agencies, items: items, reads: reads, controls: controls,
                toleranceCredits: tolerance, previous: previous))
    }

    /// Any input at all, from a seed.
    static func input(_ random: inout Seeded) -> StatementInput {
        func number(_ size: Int64) -> Int64 { Int64.random(in: -size...size, using: &random) }
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
        let ids: [Int64?] = [1, 2, 3, 4, 5, nil]
        let agencies = ids.filter { _ in number(3) != 0 }.map { id -> AgencyActivity in
            AgencyActivity(
                agencyID: id, name: "A", opening: number(1_000), signedClosing: pick([nil, 0, 10]),
                changedSinceSignOff: number(5), boughtAtStripe: number(500), boughtLocally: number(500),
                consumed: number(500), adjustments: number(9), recorded: pick([nil, 7, 500, number(2_000)]),
                purchases: [PurchaseTotals(currency: pick(["usd", "JPY"]), atStripe: number(99), locally: number(99))],
                missing: pick([[], [], [], ["reservations"]]))
        }
        let charges = ids.prefix(3).map { id in
            ChargeActivity(
                agencyID: id, name: "A", currency: pick(["usd", "bhd"]), charged: Tally(count: 3, amount: number(999)),
                recorded: pick([nil, Tally(count: 2, amount: number(999))]))
        }
        let items = (0..<Int.random(in: 0...40, using: &random)).map { index -> StatementItem in
            StatementItem(
                id: "F-\(index)", agencyID: pick(ids), kind: pick(FindingKind.allCases),
                scope: pick([.credits, .credits, .charges]), isInformation: number(4) == 0, isAccepted: number(4) == 0,
                creditsEffect: number(20),
                amountEffects: pick([[], [Money(minorUnits: number(300), currency: pick(["usd", "bhd", "jpy"]))]]),
                sinceSeconds: cutOff.seconds + number(200 * 86_400))
        }
        return StatementInput(
            cutOff: cutOff, agencies: agencies, charges: charges, items: items,
            reads: (0..<Int.random(in: 0...3, using: &random)).map {
                StatementRead(name: "read \($0)", isComplete: number(3) != 0)
            }, toleranceCredits: pick([0, 0, 5]), toleranceMinorUnits: pick([[:], ["usd": 10]]),
            previous: pick([
                nil,
                PreviousStatement(
                    cutOffSeconds: cutOff.seconds - 86_400, state: .clean, open: [PreviousItem(id: "F-1")],
                    closed: ["F-2"]),
            ]))
    }
}
