import Reconciliation
import Testing

@Suite("Statement")
struct StatementTests {
    typealias Sample = StatementSamples

    @Test("a balance that is right and has nothing open is CLEAN")
    func clean() throws {
        let statement = try Sample.statement([Sample.agency()])
        #expect(statement.state == .clean)
        #expect(statement.agencies[0].computed == 125)
        #expect(statement.totals.difference == 0)
        #expect(statement.totals.agencies == 1 && statement.totals.outOfBalance == 0)
        #expect(statement.gaps.isEmpty && statement.causes.isEmpty)
    }

    @Test("a missed payment explains what it withheld, to the credit")
    func explained() throws {
        let statement = try Sample.statement([Sample.agency(difference: -7)], [Sample.item(ageDays: 9)])
        let line = statement.agencies[0]
        #expect(line.difference == -7 && line.explained == -7 && line.unexplained == 0)
        #expect(line.openItems == 1 && line.oldestDays == 9)
        #expect(statement.state == .explained)
        let cause = try #require(statement.causes.first)
        #expect(cause.kind == .missedPaid && cause.creditsEffect == -7)
        #expect(cause.amounts == [Money(minorUnits: -140_000, currency: "usd")])
        #expect(statement.largestAgencies().map(\.activity.agencyID) == [1])
    }

    @Test("what no item accounts for is UNEXPLAINED, also when two rests cancel out")
    func unexplained() throws {
        let statement = try Sample.statement([Sample.agency(1, difference: 5), Sample.agency(2, difference: -5)])
        #expect(statement.state == .unexplained)
        #expect(statement.totals.unexplained == 0)
        #expect(statement.totals.unexplainedGross == 10)
        #expect(statement.totals.outOfBalance == 2)
    }

    @Test("items that cancel out are EXPLAINED, not CLEAN")
    func offsetting() throws {
        let items = [Sample.item("a", credits: 7), Sample.item("b", credits: -7)]
        let statement = try Sample.statement([Sample.agency()], items)
        #expect(statement.totals.difference == 0)
        #expect(statement.state == .explained)
    }

    @Test("a drift is the difference itself: it explains nothing until a person accepts it", arguments: [false, true])
    func drift(_ accepted: Bool) throws {
        let item = Sample.item(kind: .balanceDrift, credits: 4, accepted: accepted)
        let statement = try Sample.statement([Sample.agency(difference: 4)], [item])
        #expect(statement.state == (accepted ? .explained : .unexplained))
        #expect(statement.agencies[0].openItems == 1)
    }

    @Test("information is shown and changes nothing")
    func information() throws {
        let item = Sample.item(kind: .overdue, credits: 9, informs: true)
        let statement = try Sample.statement([Sample.agency()], [item])
        #expect(statement.state == .clean)
        #expect(statement.items.count == 1)
        #expect(statement.agencies[0].openItems == 0)
        #expect(statement.aging.cells.isEmpty)
    }

    @Test("a tolerance hides nothing: the line is listed as within it and is not CLEAN")
    func tolerance() throws {
        let inside = try Sample.statement([Sample.agency(difference: -3)], tolerance: 3)
        #expect(inside.state == .explained)
        #expect(inside.withinTolerance.count == 1)
        #expect(inside.agencies[0].unexplained == -3)
        let outside = try Sample.statement([Sample.agency(difference: -4)], tolerance: 3)
        #expect(outside.state == .unexplained)
        #expect(outside.withinTolerance.isEmpty)
    }

    @Test("the opening must be the signed closing, or the changes since must account for it")
    func rollForward() throws {
        let right = try Sample.statement([Sample.agency(opening: 100, signed: 100)])
        #expect(right.state == .clean)
        let changed = try Sample.statement([Sample.agency(opening: 100, signed: 90, changed: 10)])
        #expect(changed.state == .explained)
        #expect(changed.agencies[0].rollForward?.unexplained == 0)
        let broken = try Sample.statement([Sample.agency(opening: 100, signed: 90, changed: 4)])
        #expect(broken.state == .unexplained)
        #expect(broken.agencies[0].rollForward?.unexplained == 6)
    }

    @Test("charges whose side at Stripe was not read have no difference and no rest, in no currency")
    func unreadCharges() throws {
        let charges = ["usd", "jpy"].map { currency in
            ChargeActivity(
                agencyID: 1, name: "Agency", currency: currency, charged: Tally(count: 1, amount: 500),
                recorded: Tally(count: 1, amount: 500))
        }
        func totals(_ unread: Set<StatementItem.Scope>) throws -> [ChargeTotals] {
            try Statement(
                StatementInput(
                    cutOff: Sample.cutOff, agencies: [], charges: charges, items: [], reads: [Sample.read],
                    unread: unread)
            ).chargeTotals
        }
        #expect(try totals([]).map(\.unexplained) == [0, 0])
        let unread = try totals([.charges])
        #expect(unread.map(\.unexplained) == [nil, nil] && unread.map(\.difference) == [nil, nil])
        #expect(unread.map(\.recorded?.amount) == [500, 500])
    }

    @Test("credits that the tables record as bought and no payment buys make a line unexplained, balance or not")
    func boughtMore() throws {
        func state(_ more: Int64, _ items: [StatementItem] = [], tolerance: Int64 = 0) throws -> StatementState {
            var agency = Sample.agency(difference: items.map(\.creditsEffect).reduce(0, +))
            agency.boughtMoreLocally = more
            return try Sample.statement([agency], items, tolerance: tolerance).state
        }
        #expect(try state(0) == .clean && state(5) == .unexplained && state(-5) == .unexplained)
        #expect(try state(5, tolerance: 5) == .explained)
        #expect(try state(-7, [Sample.item(credits: -7)]) == .explained)
        #expect(try state(0, [Sample.item(credits: -7)]) == .unexplained)
        // A drift of the balance is about no order: it explains the balance alone.
        #expect(try state(0, [Sample.item(kind: .balanceDrift, credits: -7, accepted: true)]) == .explained)
        #expect(try state(-7, [Sample.item(kind: .balanceDrift, credits: -7, accepted: true)]) == .unexplained)
    }

    @Test("what was not read is INCOMPLETE, never CLEAN")
    func incomplete() throws {
        #expect(try Sample.statement([Sample.agency()], reads: []).state == .incomplete)
        let failed = StatementRead(name: "Stripe invoices", isComplete: false, reason: "HTTP 503")
        let statement = try Sample.statement([Sample.agency()], reads: [Sample.read, failed])
        #expect(statement.state == .incomplete)
        #expect(statement.gaps == ["Stripe invoices was not read to the end: HTTP 503"])
        var unknown = Sample.agency(3)
        unknown.recorded = nil
        let half = try Sample.statement([Sample.agency(), unknown])
        #expect(half.state == .incomplete)
        #expect(half.totals.recorded == nil && half.totals.unexplained == nil)
        #expect(half.agencies.map(\.state) == [.clean, .incomplete])
    }

    @Test("an item whose agency has no figures is not dropped: the statement is INCOMPLETE")
    func orphan() throws {
        let statement = try Sample.statement([Sample.agency()], [Sample.item(agency: 77)])
        #expect(statement.state == .incomplete)
        #expect(statement.agencies.map(\.activity.agencyID) == [1, 77])
        let harmless = try Sample.statement([Sample.agency()], [Sample.item(agency: nil, credits: 0)])
        #expect(harmless.state == .explained)
    }

    @Test("the cut-off is half-open")
    func halfOpen() {
        #expect(Sample.cutOff.contains(999_999_999))
        #expect(!Sample.cutOff.contains(1_000_000_000))
    }

    @Test("sums that leave Int64 are errors that name the sum")
    func overflow() {
        let huge = AgencyActivity(
            agencyID: 9, name: "", opening: .max, boughtAtStripe: 1, boughtLocally: 0, consumed: 0, recorded: 0)
        #expect(throws: StatementError.overflow(what: "The computed balance of Agency 9")) {
            try Sample.statement([huge])
        }
        let items = [Sample.item("a", credits: 0), Sample.item("b", credits: 0)].map { item in
            var item = item
            item.creditsEffect = .max
            item.amountEffects = []
            return item
        }
        #expect(throws: StatementError.self) { try Sample.statement([Sample.agency()], items) }
    }

    @Test("a second set of figures and a second item of one identity are refused")
    func duplicates() {
        #expect(throws: StatementError.duplicateAgency("Agency 1")) {
            try Sample.statement([Sample.agency(), Sample.agency()])
        }
        #expect(throws: StatementError.duplicateItem("F-1")) {
            try Sample.statement([Sample.agency()], [Sample.item(), Sample.item()])
        }
    }

    @Test("charges: per agency and currency, with the difference explained in money")
    func charges() throws {
        let taken = Money(minorUnits: 5_200, currency: "usd")
        let effects = try StatementItem.amountEffects(atStripe: taken, locally: nil)
        #expect(effects == [Money(minorUnits: -5_200, currency: "usd")])
        let item = StatementItem(
            id: "F-9", agencyID: 1, kind: .missedSucceeded, scope: .charges, amountEffects: effects, sinceSeconds: 0)
        let activity = ChargeActivity(
            agencyID: 1, name: "A", currency: "USD", charged: Tally(count: 2, amount: 9_000),
            recorded: Tally(count: 1, amount: 3_800))
        let yen = ChargeActivity(
            agencyID: 1, name: "A", currency: "jpy", charged: Tally(count: 1, amount: 1_000),
            recorded: Tally(count: 1, amount: 1_000))
        let statement = try Statement(
            StatementInput(
                cutOff: Sample.cutOff, charges: [activity, yen], items: [item], reads: [Sample.read]))
        #expect(statement.charges.map(\.activity.currency) == ["jpy", "usd"])
        #expect(statement.charges.map(\.unexplained) == [0, 0])
        #expect(statement.charges.map(\.state) == [.clean, .explained])
        #expect(statement.chargeTotals.map(\.currency) == ["jpy", "usd"])
        #expect(statement.largestCharges("usd").count == 1)
    }

    @Test("an item that moved no money is counted once: in the line of its currency, else in its agency's first")
    func withoutAmount() throws {
        func item(_ id: String, _ currency: String?, agency: Int64 = 5, days: Int64) -> StatementItem {
            StatementItem(
                id: id, agencyID: agency, kind: .unpaidInStripe, scope: .charges, currency: currency,
                sinceSeconds: Sample.cutOff.seconds - days * 86_400)
        }
        func charges(_ agency: Int64, _ currency: String) -> ChargeActivity {
            ChargeActivity(
                agencyID: agency, name: "A", currency: currency, charged: Tally(count: 1, amount: 100),
                recorded: Tally(count: 1, amount: 100))
        }
        let statement = try Statement(
            StatementInput(
                cutOff: Sample.cutOff,
                charges: [charges(5, "usd"), charges(5, "bhd"), charges(5, "eur"), charges(6, "usd")],
                items: [
                    item("F-1", "USD", days: 8), item("F-2", "usd", days: 2), item("F-3", "jpy", days: 4),
                    item("F-4", nil, days: 3), item("F-5", "eur", agency: 6, days: 1),
                ], reads: [Sample.read]))
        #expect(statement.charges.map(\.activity.currency) == ["bhd", "eur", "usd", "usd"])
        #expect(statement.charges.map(\.openItems) == [2, 0, 2, 1])
        #expect(statement.charges.map(\.oldestDays) == [4, nil, 8, 1])
        #expect(statement.charges.map(\.state) == [.explained, .clean, .explained, .explained])
    }

    @Test("sides that differ in currency have an effect in each")
    func twoCurrencies() throws {
        let effects = try StatementItem.amountEffects(
            atStripe: Money(minorUnits: 100, currency: "eur"), locally: Money(minorUnits: 120, currency: "usd"))
        #expect(effects == [Money(minorUnits: -100, currency: "eur"), Money(minorUnits: 120, currency: "usd")])
        #expect(try StatementItem.creditsEffect(atStripe: 7, locally: 0) == -7)
    }
}
