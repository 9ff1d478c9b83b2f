import Reconciliation
import Testing

@Suite("Statement: properties")
struct StatementPropertyTests {
    @Test("the identities hold for any input", arguments: 0..<40)
    func identities(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        for _ in 0..<25 {
            let input = StatementSamples.input(&random)
            let statement = try Statement(input)
            for line in statement.agencies {
                let figures = line.activity
                #expect(
                    figures.opening + figures.boughtAtStripe - figures.consumed + figures.adjustments == line.computed)
                let items = input.items.filter {
                    $0.scope == .credits && $0.agencyID == figures.agencyID && $0.explains
                }
                #expect(items.reduce(0) { $0 + $1.creditsEffect } == line.explained)
                guard let recorded = figures.recorded else { continue }
                #expect(line.difference == recorded - line.computed)
                #expect(line.explained + (line.unexplained ?? .min) == line.difference)
                let roll = line.rollForward
                #expect(roll.map { $0.signedClosing + $0.changes + $0.unexplained == $0.opening } ?? true)
            }
            // Every line adds up to the totals, and so do the causes.
            let totals = statement.totals
            #expect(statement.agencies.reduce(0) { $0 + $1.computed } == totals.computed)
            let credits = statement.causes.filter { $0.scope == .credits }
            #expect(credits.reduce(0) { $0 + $1.creditsEffect } == totals.explained)
            if let recorded = totals.recorded, let unexplained = totals.unexplained {
                #expect(totals.computed + totals.explained + unexplained == recorded)
            }
            for line in statement.charges {
                guard let recorded = line.activity.recorded else { continue }
                #expect(recorded.amount - line.activity.charged.amount == line.explained + (line.unexplained ?? .min))
            }
            #expect(statement.aging.cells.reduce(0) { $0 + $1.count } == input.items.count { !$0.isInformation })
        }
    }

    @Test("the order of the input does not matter", arguments: 0..<40)
    func permutation(_ seed: UInt64) throws {
        var random = Seeded(state: seed &+ 1_000)
        let input = StatementSamples.input(&random)
        var other = input
        other.agencies.shuffle(using: &random)
        other.charges.shuffle(using: &random)
        other.items.shuffle(using: &random)
        other.reads.shuffle(using: &random)
        #expect(try Statement(input) == Statement(other))
    }

    @Test("a missing read is never CLEAN, whatever else is there", arguments: 0..<40)
    func missingRead(_ seed: UInt64) throws {
        var random = Seeded(state: seed &+ 2_000)
        var input = StatementSamples.input(&random)
        input.reads.append(StatementRead(name: "x", isComplete: false))
        #expect(try Statement(input).state == .incomplete)
        input.reads = []
        #expect(try Statement(input).state == .incomplete)
    }

    @Test("a statement is CLEAN only when there is nothing to say", arguments: 0..<40)
    func cleanIsEarned(_ seed: UInt64) throws {
        var random = Seeded(state: seed &+ 3_000)
        for _ in 0..<25 {
            let statement = try Statement(StatementSamples.input(&random))
            #expect(statement.gaps.isEmpty == (statement.state != .incomplete))
            guard statement.state == .clean else { continue }
            #expect(statement.items.allSatisfy { $0.isInformation })
            #expect(statement.agencies.allSatisfy { $0.difference == 0 && $0.unexplained == 0 })
        }
    }
}
