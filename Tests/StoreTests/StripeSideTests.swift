import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Stripe's side of a statement")
struct StripeSideTests {
    typealias Found = StatementScene.Found
    static let day = StatementScene.day

    @Test(
        "it is what runs read: a payment that neither a row nor an item knows is UNEXPLAINED, and so is a row without")
    func asRead() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 50)
            try await scene.balance(1, 100)
            #expect(try scene.statement(try await scene.figures()).state == .clean)
            try await scene.readPaid("in_lost", agency: 1, amount: 60_000, secondsBefore: 40)
            let more = try scene.statement(try await scene.figures())
            #expect(more.totals.boughtAtStripe == 103 && more.totals.boughtLocally == 100)
            #expect(more.totals.unexplained == -3 && more.state == .unexplained)
            #expect(more.unexplainedMoney == [Money(minorUnits: -60_000, currency: "usd")])
            // The tables say paid; no run read a payment.
            try await scene.run("DELETE FROM trueup.stripe_payment")
            let less = try scene.statement(try await scene.figures())
            #expect(less.totals.boughtAtStripe == 0 && less.totals.unexplained == 100)
            #expect(less.state == .unexplained)
        }
    }

    @Test("a payment that nobody names belongs to no agency, and is a line of its own")
    func nobodys() async throws {
        try await StatementScene.with { scene in
            try await scene.readPaid("in_lost", amount: 60_000, secondsBefore: 40)
            let line = try #require(try await scene.figures().agencies.first)
            #expect(line.agencyID == nil && line.name == "No agency" && line.boughtAtStripe == 3)
            #expect(line.purchases == [PurchaseTotals(currency: "usd", atStripe: 60_000, locally: 0)])
        }
    }

    @Test("an order counts at the time of its payment: a webhook after the cut-off makes no difference")
    func webhookAfterCutOff() async throws {
        try await StatementScene.with { scene in
            // Stripe took it a second before the cut-off, the webhook came three seconds after it.
            try await scene.readPaid("in_1", amount: 2_000_000, secondsBefore: 1)
            try await scene.paid(1, credits: 100, secondsBefore: -3)
            try await scene.balance(1, 100)
            let line = try #require(try await scene.figures().agencies.first)
            #expect(line.boughtAtStripe == 100 && line.boughtLocally == 100 && line.recorded == Int64(100))
            let before = try await scene.figures(scene.scope(cutOff: StatementScene.cutOff - 1))
            #expect(before.agencies.first?.boughtLocally == 0 && before.agencies.first?.recorded == Int64(0))
        }
    }

    @Test("times that no complete run has read are named, from the beginning of Stripe to the cut-off")
    func unread() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 1, secondsBefore: 90 * Self.day)
            #expect(try await scene.figures().unread.isEmpty)
            let cutOff = StatementScene.cutOff
            try await scene.run(
                """
                UPDATE trueup.stripe_reading SET from_seconds = \(cutOff - 35 * Self.day) WHERE object = 'invoice';
                DELETE FROM trueup.stripe_reading WHERE object = 'payment_intent';
                """)
            let unread = try await scene.figures().unread
            #expect(unread.map(\.job) == ["credit-invoices", "agency-charges"])
            #expect(unread.map(\.scope) == [.credits, .charges])
            // Whatever the rows: what was paid without one, none of them tells.
            let beginning = StripeHistory.readFromSeconds
            #expect(
                unread.map(\.period) == [
                    Window(fromSeconds: beginning, toSeconds: cutOff - 35 * Self.day),
                    Window(fromSeconds: beginning, toSeconds: cutOff),
                ])
            // Days of a job that is behind UTC begin later.
            try await scene.run("UPDATE trueup.stripe_reading SET from_seconds = \(beginning)")
            #expect(try await scene.figures().unread.map(\.scope) == [.charges])
            try await scene.run("DELETE FROM task_credit_stripe_invoice; DELETE FROM trueup.stripe_reading")
            #expect(try await scene.figures().unread.map(\.period.fromSeconds) == [beginning, beginning])
        }
    }

    @Test("a day of the job file is where reading has to begin, or an older row; never behind the cut-off")
    func historyFrom() async throws {
        try await StatementScene.with { scene in
            let cutOff = StatementScene.cutOff
            let day = cutOff - 60 * Self.day
            var scope = scene.scope()
            scope.historyFromSeconds = day
            try await scene.run("DELETE FROM trueup.stripe_reading")
            let none = try await scene.figures(scope)
            #expect(none.unread.map(\.period.fromSeconds) == [day, day])
            #expect(none.history[.credits] == HistoryStart(readFromSeconds: day, firstRowSeconds: nil))
            // A row of soon after may be that of an object of just before.
            try await scene.paid(1, credits: 1, secondsBefore: 60 * Self.day - 600)
            #expect(try await scene.figures(scope).unread.map(\.period.fromSeconds) == [day + 540 - 3_600, day])
            try await scene.paid(2, credits: 1, secondsBefore: 90 * Self.day)
            let first = cutOff - 90 * Self.day - 60
            let older = try await scene.figures(scope)
            #expect(older.unread.map(\.period.fromSeconds) == [first - 3_600, day])
            #expect(
                older.history[.credits] == HistoryStart(readFromSeconds: first - 3_600, firstRowSeconds: first))
            // An old row counts where no day is named as well.
            try await scene.run("UPDATE task_credit_stripe_invoice SET created_at = to_timestamp(86400) WHERE id = 2")
            #expect(try await scene.figures().unread.first?.period.fromSeconds == 86_400 - 3_600)
            let early = day - Self.day
            scope.cutOffSeconds = early
            try await scene.run("DELETE FROM task_credit_stripe_invoice")
            #expect(try await scene.figures(scope).unread.map(\.period.fromSeconds) == [early - 1, early - 1])
        }
    }

    @Test("a fact that several jobs found is one item, the first")
    func oneFact() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(1, credits: 100, secondsBefore: 50)
            try await scene.balance(1, 100)
            try await scene.found(Found())
            try await scene.found(Found(job: "notices"))
            // An amount that the invoice and its payment have wrong, of one order.
            var wrong = Found(kind: .amountMismatch, stripeID: "in_7", localID: "7", stripeAmount: 140_001)
            try await scene.found(wrong)
            wrong.job = "notices"
            wrong.stripeID = "pi_7"
            wrong.comparison = "payments"
            wrong.stripeStatus = "succeeded"
            try await scene.found(wrong)
            let figures = try await scene.figures()
            #expect(figures.items.map(\.stripeID) == ["in_900", "in_7"])
            let statement = try scene.statement(figures)
            #expect(statement.totals.explained == -14 && statement.totals.unexplained == 0)
            #expect(statement.causes.map(\.count) == [1, 1])
        }
    }

    @Test("the headline's money is the sum of the lines below it, and of what none explains")
    func headline() async throws {
        try await StatementScene.with { scene in
            try await scene.paid(7, credits: 7, secondsBefore: 50)
            try await scene.balance(1, 7)
            // Paid with taxes: the credits agree, the money does not.
            try await scene.run("UPDATE trueup.stripe_payment SET amount = amount + 12345 WHERE id = 'in_7'")
            var found = Found(kind: .amountMismatch, stripeID: "in_7", localID: "7", localState: "paid")
            found.stripeAmount = 152_345
            try await scene.found(found)
            let statement = try scene.statement(try await scene.figures())
            let difference = statement.purchases.map { $0.locally - $0.atStripe }
            #expect(difference == [-12_345] && statement.unexplainedMoney.isEmpty)
            #expect(statement.causes.flatMap(\.amounts) == [Money(minorUnits: -12_345, currency: "usd")])
            #expect(statement.state == .explained && statement.totals.difference == 0)
        }
    }
}
