import Reconciliation
import Testing

@Suite("Tie-out")
struct StatementTieTests {
    private static func statement(_ ties: [StatementTie], unread: Set<StatementItem.Scope> = []) throws -> Statement {
        let agency = AgencyActivity(
            agencyID: 1, name: "A", boughtAtStripe: 5, boughtLocally: 5, consumed: 0, recorded: 5,
            purchases: [PurchaseTotals(currency: "usd", atStripe: 100, locally: 100)])
        return try Statement(
            StatementInput(
                cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""), agencies: [agency],
                reads: [StatementRead(name: "r", isComplete: true)], ties: ties, unread: unread))
    }

    private static func tie(_ side: StatementTie.Side, _ amount: Int64, run: Int64? = 1) -> StatementTie {
        StatementTie(
            part: .credits, side: side, currency: "USD", runID: run, paid: Tally(count: 1, amount: amount))
    }

    @Test("what was paid in and before the look-back adds up to the lines")
    func ties() throws {
        let whole = try Self.statement([Self.tie(.stripe, 60), Self.tie(.stripe, 40, run: nil), Self.tie(.local, 100)])
        #expect(whole.state == .clean, "\(whole.gaps)")
        #expect(whole.stated(.credits, .stripe, "usd") == 100)
    }

    @Test("a payment that the lines count twice or not at all makes the statement INCOMPLETE, with both sums")
    func doesNotTie() throws {
        let off = try Self.statement([Self.tie(.stripe, 60), Self.tie(.local, 100)])
        #expect(off.state == .incomplete)
        #expect(off.gaps == ["Credits, Stripe side: what was paid comes to $0.60, the lines to $1.00."])
        // A currency that the lines do not have at all.
        var other = Self.tie(.local, 7)
        other.currency = "eur"
        let more = try Self.statement([Self.tie(.stripe, 100), Self.tie(.local, 100), other])
        #expect(more.gaps.count == 1 && more.gaps[0].contains("EUR"), "\(more.gaps)")
        // Of what was not read nothing is said.
        #expect(try Self.statement([Self.tie(.stripe, 60), Self.tie(.local, 100)], unread: [.credits]).gaps.isEmpty)
    }
}
