import Reconciliation
import Testing

@Suite("Statement: controls, changes and aging")
struct StatementControlTests {
    typealias Sample = StatementSamples

    @Test(
        "the buckets' edges",
        arguments: [
            (Int64(-5), AgingBucket.upTo1), (0, .upTo1), (1, .upTo1), (2, .upTo7), (7, .upTo7), (8, .upTo30),
            (30, .upTo30),
            (31, .upTo60), (60, .upTo60), (61, .upTo90), (90, .upTo90), (91, .over90), (.max, .over90),
        ])
    func buckets(_ days: Int64, _ bucket: AgingBucket) {
        #expect(AgingBucket(days: days) == bucket)
    }

    @Test("whole days, none before the cut-off, and no overflow at the ends of time")
    func days() {
        #expect(Aging.days(sinceSeconds: 0, cutOffSeconds: 86_399) == 0)
        #expect(Aging.days(sinceSeconds: 0, cutOffSeconds: 86_400) == 1)
        #expect(Aging.days(sinceSeconds: 5, cutOffSeconds: 0) == 0)
        #expect(Aging.days(sinceSeconds: .min, cutOffSeconds: .max) == 213_503_982_334_601)
    }

    @Test("an object in no class makes the statement INCOMPLETE")
    func unaccounted() throws {
        let side = ControlSide(
            read: Tally(count: 10, amount: 1_000), matched: Tally(count: 8, amount: 800),
            open: Tally(count: 1, amount: 100))
        let whole = ControlSide(read: Tally(count: 9, amount: 900), matched: Tally(count: 9, amount: 900))
        let control = ControlTotals(
            name: "Credit invoices", account: "task_health", currency: "USD", stripe: side, local: whole)
        let statement = try Sample.statement([Sample.agency()], controls: [control])
        #expect(statement.state == .incomplete)
        #expect(
            statement.gaps == [
                "Credit invoices of task_health, Stripe side: 1 object and $1.00 were read and are in no class."
            ])
        let rest = try whole.unaccounted()
        #expect(rest == Tally())
    }

    @Test(
        "100 % is said only when everything agrees",
        arguments: [
            (Int64(0), Int64(0), Int64?.none), (0, 5, 0), (5, 5, 10_000), (199_999, 200_000, 9_999),
            (.max - 1, .max, 9_999), (-1, 5, nil), (6, 5, nil),
        ])
    func share(_ part: Int64, _ whole: Int64, _ expected: Int64?) {
        #expect(MatchRate.share(part, of: whole) == expected)
    }

    @Test("match rates are apart for each currency")
    func rates() throws {
        func control(_ currency: String, _ matched: Int64) -> ControlTotals {
            let side = ControlSide(
                read: Tally(count: 4, amount: 400), matched: Tally(count: matched, amount: matched * 100),
                open: Tally(count: 4 - matched, amount: (4 - matched) * 100))
            return ControlTotals(name: "Orders", account: "a", currency: currency, stripe: side, local: side)
        }
        let rate = try MatchRate([control("usd", 4), control("jpy", 1)])
        #expect(rate.matchedCount == 10 && rate.readCount == 16 && rate.per10000 == 6_250)
        #expect(rate.byValue.map(\.currency) == ["jpy", "usd"])
        #expect(rate.byValue.map(\.per10000) == [2_500, 10_000])
    }

    @Test("items are new, reopened, resolved, changed or unchanged since the last report")
    func changes() throws {
        let previous = PreviousStatement(
            cutOffSeconds: Sample.cutOff.seconds - 86_400, state: .explained,
            open: [
                PreviousItem(
                    id: "same", creditsEffect: -7, amountEffects: [Money(minorUnits: -140_000, currency: "usd")]),
                PreviousItem(id: "other", creditsEffect: 1), PreviousItem(id: "gone"),
            ], closed: ["back"])
        let items = [
            Sample.item("same", ageDays: 2), Sample.item("other"), Sample.item("back"), Sample.item("fresh"),
        ]
        let changes = try Sample.statement([Sample.agency(difference: -28)], items, previous: previous).changes
        #expect(changes.unchanged == ["same"])
        #expect(changes.changed == ["other"])
        #expect(changes.reopened == ["back"])
        #expect(changes.new == ["fresh"])
        #expect(changes.resolved == ["gone"])
        #expect(changes.movedBucket == ["same"])
        #expect(changes.isAny && !changes.stateChanged)
    }

    @Test("nothing moved: nothing to tell")
    func quiet() throws {
        let previous = PreviousStatement(cutOffSeconds: Sample.cutOff.seconds - 86_400, state: .clean)
        let same = try Sample.statement([Sample.agency()], previous: previous)
        #expect(!same.changes.isAny)
        let first = try Sample.statement([Sample.agency()])
        #expect(first.changes.isAny)
    }
}
