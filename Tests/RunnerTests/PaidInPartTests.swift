import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

@Suite("Invoices that Stripe calls paid though a part of them is not")
struct PaidInPartTests {
    @Test(
        "a run leaves them to a person, as a webhook does, and keeps of them what was settled",
        arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func run(version: String) async throws {
        var setup = try NightSetup.credits(seed: 771, orders: 300, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let open: [String] = try await night.query(
                """
                SELECT stripe_invoice_id AS id FROM task_credit_stripe_invoice
                WHERE NOT paid AND cancelled_at IS NULL AND stripe_invoice_id IS NOT NULL ORDER BY id
                """
            ).map { try $0["id"] as String }.filter { night.world.invoice($0)?.status == .open }
            try #require(open.count >= 2)
            let (part, whole) = (open[0], open[1])
            try night.world.payPartly(part, amount: 5_000)
            try night.world.pay(whole, outOfBand: true)
            let before = try await night.balances().values.reduce(0, +)
            let result = try await night.run()
            let finding = try #require(result.findings.first { $0.stripeID == part })
            #expect(finding.kind == .amountMismatch && finding.action == .review && finding.closedHow == nil)
            #expect(finding.stripeAmount == 5_000, "\(finding)")
            #expect(finding.explanation.contains("credited before it was paid, or never paid"), "\(finding)")
            #expect(try await night.number("SELECT amount FROM trueup.stripe_payment WHERE id = '\(part)'") == 5_000)
            // What was paid elsewhere is paid.
            let granted = try #require(result.findings.first { $0.stripeID == whole })
            #expect(granted.kind == .missedPaid && granted.closedHow == .repaired)
            let after = try await night.balances().values.reduce(0, +)
            #expect(after - before == (granted.credits ?? 0) && result.tallies.repaired == ["missed_paid": 1])
        }
    }
}

@Suite("What takes off an invoice before it is paid")
struct TakenOffTests {
    struct Amounts: Sendable {
        var credit: Int64 = 0
        var due: Int64 = 200_000
        var paid: Int64 = 200_000
        var remaining: Int64 = 0
        var isPaid = true
        var expected: Int64
    }

    static let amounts: [Amounts] = [
        Amounts(expected: 0),
        Amounts(credit: 50_000, due: 150_000, paid: 150_000, expected: 50_000),
        Amounts(paid: 50_000, remaining: 150_000, expected: 150_000),
        Amounts(credit: 20_000, due: 180_000, paid: 80_000, remaining: 100_000, expected: 120_000),
        // The two contradict each other.
        Amounts(paid: 199_999, expected: 1), Amounts(remaining: 7, expected: 7),
        // Paid from the customer's credit balance, and elsewhere.
        Amounts(due: 0, paid: 0, expected: 0), Amounts(paid: 0, remaining: 200_000, expected: 0),
        // Paid more than was due.
        Amounts(paid: 250_000, remaining: -50_000, expected: 0),
        // Not paid yet.
        Amounts(paid: 50_000, remaining: 150_000, isPaid: false, expected: 0),
        Amounts(credit: .max, paid: 1, remaining: 199_999, expected: .max),
    ]

    @Test("credit notes, and what was never paid of a paid one", arguments: amounts)
    func takenOff(_ amounts: Amounts) {
        let found = Invoice.takenOff(
            credit: amounts.credit, due: amounts.due, paid: amounts.paid, remaining: amounts.remaining,
            isPaid: amounts.isPaid)
        #expect(found == amounts.expected)
    }

    @Test("a run and a webhook take the same off")
    func facts() {
        let invoice = Invoice(
            id: "in_1", createdSeconds: 1, livemode: false, status: .paid, currency: "usd", total: 200_000,
            amountDue: 200_000, amountPaid: 50_000, amountRemaining: 150_000, prePaymentCreditNotesAmount: 0,
            postPaymentCreditNotesAmount: 0)
        #expect(InvoiceFacts(invoice).amount == 50_000)
    }
}
