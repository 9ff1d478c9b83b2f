import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Effects that meet")
struct OrderEffectRaceTests {
    @Test("of fifty grants of one order at once, one grants", arguments: [true, false])
    func fifty(hasBalance: Bool) async throws {
        try await Shop.with(size: 50) { shop in
            let expectation = try await shop.order(balance: hasBalance ? 10 : nil)
            let outcomes = try await Self.atOnce((0..<50).map { _ in .grant(paidAtSeconds: 1) }, shop, expectation)
            #expect(outcomes.count(where: \.isDone) == 1)
            #expect(outcomes.count { $0 == .alreadyDone } == 49)
            #expect(try await shop.balance() == (hasBalance ? 60 : 50))
        }
    }

    @Test("a grant that meets a cancellation: one of them is done, the other refused")
    func grantMeetsCancel() async throws {
        try await Shop.with { shop in
            for round in 0..<40 {
                try await shop.empty()
                let expectation = try await shop.order()
                var effects: [OrderEffect] = [.grant(paidAtSeconds: 1), .cancel(atSeconds: 1)]
                if round.isMultiple(of: 2) { effects.reverse() }
                let outcomes = try await Self.atOnce(effects, shop, expectation)
                #expect(outcomes.count(where: \.isDone) == 1)
                #expect(outcomes.count { $0.refusal != nil } == 1)
                let paid = try await shop.value("paid") == "true"
                let isCancelled = try await shop.value("cancelled_at") != nil
                #expect(paid != isCancelled)
                #expect(try await shop.balance() == (paid ? 60 : 10))
            }
        }
    }

    @Test("many orders of many agencies in random order end without a deadlock")
    func noDeadlock() async throws {
        try await Shop.with(size: 16) { shop in
            for seed in 1...3 as ClosedRange<UInt64> { try await Self.crowd(seed, shop) }
        }
    }

    private static func crowd(_ seed: UInt64, _ shop: Shop) async throws {
        try await shop.empty()
        var seeded = Seeded(seed)
        var work: [(order: Int64, agency: Int64, expectation: OrderExpectation)] = []
        for order in 1...60 as ClosedRange<Int64> {
            let agency = order % 5 + 1
            // Two of the five agencies have no balance yet.
            let expectation = try await shop.order(
                order, agency: agency, credits: order, invoice: "in_\(order)", balance: agency > 2 ? 0 : nil)
            work += [(order, agency, expectation), (order, agency, expectation)]
        }
        work.shuffle(using: &seeded)
        let outcomes = try await withThrowingTaskGroup(of: (Int64, EffectOutcome).self) { group in
            for item in work {
                group.addTask {
                    // Without retries: a deadlock would be thrown.
                    let outcome = try await shop.pool.transaction(attempts: 1) { connection in
                        try await CreditEffects(table: shop.table).apply(
                            .grant(paidAtSeconds: 1), toOrder: item.order, expecting: item.expectation,
                            on: connection)
                    }
                    return (item.agency, outcome)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count(where: \.1.isDone) == 60)
        for agency in 1...5 as ClosedRange<Int64> {
            let credits = (1...60 as ClosedRange<Int64>).filter { $0 % 5 + 1 == agency }.reduce(0, +)
            #expect(try await shop.balance(of: agency) == credits)
        }
    }

    @Test("grants of one agency tell balances that follow one another", arguments: [nil, 100] as [Int64?])
    func balancesFollow(balance: Int64?) async throws {
        try await Shop.with(size: 20) { shop in
            for order in 1...20 as ClosedRange<Int64> {
                _ = try await shop.order(order, credits: order, invoice: "in_\(order)", balance: balance)
            }
            let told = try await withThrowingTaskGroup(of: [String].self) { group in
                for order in 1...20 as ClosedRange<Int64> {
                    let expectation = OrderExpectation(
                        OrderFacts(
                            rowID: order, invoiceID: "in_\(order)", agencyID: 7, credits: order,
                            amount: order * CreditEffects.pricePerCreditCents, currency: "usd", createdSeconds: 0))
                    group.addTask {
                        guard
                            case .done(let before, let after) = try await shop.apply(
                                .grant(paidAtSeconds: 1), to: order, expectation)
                        else { return [] }
                        return try await [shop.balance(in: before), shop.balance(in: after)]
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // A chain: every balance after is the balance before of another grant, but for the last.
            let before = Set(told.map { $0[0] })
            let after = Set(told.map { $0[1] })
            let start = balance.map(String.init) ?? "null"
            #expect(before.count == 20, "two grants told the same balance before: \(told)")
            #expect(before.subtracting(after) == [start])
            #expect(after.subtracting(before) == [String((balance ?? 0) + 210)])
        }
    }

    private static func atOnce(
        _ effects: [OrderEffect], _ shop: Shop, _ expectation: OrderExpectation
    ) async throws -> [EffectOutcome] {
        try await withThrowingTaskGroup(of: EffectOutcome.self) { group in
            for effect in effects { group.addTask { try await shop.apply(effect, expectation) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}

extension Shop {
    /// The balance that one side of an audit row tells.
    func balance(in json: JSONText) async throws -> String {
        try await pool.withConnection {
            try await $0.query("SELECT coalesce(($1::jsonb)->>'balance', 'null') AS text", json)[0]["text"]
        }
    }
}
