import Curl
import Runner
import Sandbox
import Stripe
import Support
import Synchronization
import Testing

@Suite("Stripe's mail about an order's invoice")
struct InvoiceMailTests {
    /// How often Stripe mailed something.
    static func sent(_ town: Town) async throws -> Int {
        // Asked of Stripe: a request is no mail yet.
        try await town.events(of: "task_health", type: "invoice.sent").count
    }

    /// The keys of all requests to mail something, in their order.
    static func keys(_ town: Town) -> [String] {
        town.server.statistics.log.filter { $0.method == "POST" && $0.path.hasSuffix("/send") }
            .compactMap(\.idempotencyKey)
    }

    static func state(_ town: Town) async throws -> [String] {
        try await town.query("SELECT state FROM trueup.invoice_mail ORDER BY stripe_invoice_id").map { try $0["state"] }
    }

    @Test("a placed order is mailed once, however often it is asked for")
    func once() async throws {
        try await Town.with { town in
            for _ in 0..<3 { _ = try await town.ordering().place(OrderingTests.order, idempotencyKey: "k") }
            #expect(try await Self.sent(town) == 1)
            #expect(try await Self.state(town) == ["sent"])
            #expect(try await town.ordering().mailWaiting() == 0)
        }
    }

    @Test(
        "cut off before its mail, the service mails it later, once", arguments: [OrderStep.finalized, .stored, .mailed])
    func healed(_ step: OrderStep) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == step { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(OrderingTests.order, idempotencyKey: "k") }
            #expect(try await Self.state(town) == ["waiting"])
            #expect(try await town.ordering().mailWaiting() == 0, "whoever places it has a minute")
            _ = try await town.query("UPDATE trueup.invoice_mail SET next_attempt_at = now()")
            #expect(try await town.ordering().mailWaiting() == 1)
            #expect(try await Self.sent(town) == 1)
            #expect(try await Self.state(town) == ["sent"])
        }
    }

    @Test("a draft that nobody finished waits, and what was paid or taken back needs no mail")
    func needless() async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == .line { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(OrderingTests.order, idempotencyKey: "k") }
            let stopped = town.ordering { if $0 == .stored { throw Crash() } }
            for key in ["paid", "void"] {
                await #expect(throws: Crash.self) { try await stopped.place(OrderingTests.order, idempotencyKey: key) }
            }
            let open = try town.world().allInvoices().filter { $0.status == .open }.map(\.id)
            try #require(open.count == 2)
            try town.world().pay(open[0])
            try town.world().void(open[1])
            _ = try await town.query("UPDATE trueup.invoice_mail SET next_attempt_at = now()")
            #expect(try await town.ordering().mailWaiting() == 3)
            #expect(try await Self.state(town).sorted() == ["needless", "needless", "waiting"])
            #expect(try await Self.sent(town) == 0)
            _ = try await town.ordering().place(OrderingTests.order, idempotencyKey: "k")
            #expect(try await Self.sent(town) == 1)
        }
    }

    @Test("no failure of the mailing loses the order, and every one is made good", arguments: SandboxFault.allCases)
    func faults(_ fault: SandboxFault) async throws {
        let faults = SandboxFaults(scripts: [.init(fault, method: "POST", pathContains: "/send")])
        try await Town.with(faults: faults) { town in
            let placed = try await town.ordering(attempts: 1).place(OrderingTests.order, idempotencyKey: "k")
            try OrderingTests.expectWhole(placed, in: town)
            for _ in 0..<4 {
                try await town.ageMails(bySeconds: 3_600)
                try await town.ordering(attempts: 1).mailWaiting()
            }
            #expect(try await Self.state(town) == ["sent"])
            #expect(try await Self.sent(town) == 1)
        }
    }
}

@Suite("An invoice that Stripe may have mailed")
struct DoubtfulMailTests {
    private static func faults(_ fault: SandboxFault) -> SandboxFaults {
        SandboxFaults(scripts: [.init(fault, method: "POST", pathContains: "/send")])
    }

    @Test("where Stripe mails and answers 500, its event is found, and nothing is asked again", arguments: [1, 4])
    func keptFailure(_ attempts: Int) async throws {
        try await Town.with(faults: Self.faults(.serverErrorAfter)) { town in
            let ordering = town.ordering(attempts: attempts)
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            try OrderingTests.expectWhole(placed, in: town)
            let keys = InvoiceMailTests.keys(town)
            #expect(Set(keys).count == 1)
            // The event may not be listed yet.
            for _ in 0..<2 {
                try await town.ageMails(bySeconds: 0)
                #expect(try await ordering.mailWaiting() == 1)
            }
            #expect(try await ordering.place(OrderingTests.order, idempotencyKey: "k") == placed)
            #expect(try await InvoiceMailTests.state(town) == ["waiting"])
            try await town.ageMails(bySeconds: 3_600)
            #expect(try await ordering.mailWaiting() == 1)
            #expect(try await InvoiceMailTests.state(town) == ["sent"])
            #expect(try await InvoiceMailTests.sent(town) == 1)
            #expect(InvoiceMailTests.keys(town) == keys)
        }
    }

    @Test("where Stripe answers 500 and mails nothing, it is asked under a new key once that is known")
    func nothingMailed() async throws {
        try await Town.with(faults: Self.faults(.serverError)) { town in
            let ordering = town.ordering(attempts: 1)
            _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            try await town.ageMails(bySeconds: 0)
            #expect(try await ordering.mailWaiting() == 1)
            #expect(InvoiceMailTests.keys(town).count == 1, "what it did may not be listed yet")
            try await town.ageMails(bySeconds: 3_600)
            #expect(try await ordering.mailWaiting() == 1)
            let keys = InvoiceMailTests.keys(town)
            #expect(keys.count == 2 && Set(keys).count == 2, "\(keys)")
            #expect(try await InvoiceMailTests.state(town) == ["sent"])
            #expect(try await InvoiceMailTests.sent(town) == 1)
        }
    }

    @Test(
        "cut off after the mail, the next attempt is made while Stripe remembers the key",
        arguments: [22, 25] as [Int64])
    func cutOff(_ hours: Int64) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == .mailed { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(OrderingTests.order, idempotencyKey: "k") }
            town.server.clock.advance(bySeconds: hours * 3_600)
            try await town.ageMails(bySeconds: hours * 3_600)
            #expect(try await town.ordering().mailWaiting() == 1)
            #expect(try await InvoiceMailTests.state(town) == ["sent"])
            #expect(try await InvoiceMailTests.sent(town) == 1)
            let keys = InvoiceMailTests.keys(town)
            #expect(keys.count == (hours == 22 ? 2 : 1) && Set(keys).count == 1, "\(keys)")
        }
    }

    @Test("a caller that comes back when the key is forgotten has nothing mailed; a look does it, once")
    func forgottenKey() async throws {
        try await Town.with(faults: Self.faults(.unavailable)) { town in
            let ordering = town.ordering(attempts: 1)
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            town.server.clock.advance(bySeconds: 25 * 3_600)
            try await town.ageMails(bySeconds: 25 * 3_600)
            #expect(try await ordering.place(OrderingTests.order, idempotencyKey: "k") == placed)
            #expect(InvoiceMailTests.keys(town).count == 1)
            #expect(try await ordering.mailWaiting() == 1)
            let keys = InvoiceMailTests.keys(town)
            #expect(keys.count == 2 && Set(keys).count == 2, "\(keys)")
            #expect(try await InvoiceMailTests.state(town) == ["sent"])
            #expect(try await InvoiceMailTests.sent(town) == 1)
        }
    }

    @Test("while Stripe's events cannot be read for once, nothing is asked and nothing is given up")
    func unreadNow() async throws {
        var faults = Self.faults(.serverErrorAfter)
        faults.scripts.append(.init(.unavailable, method: "GET", pathContains: "/v1/events"))
        try await Town.with(faults: faults) { town in
            let ordering = town.ordering(attempts: 1)
            _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            for state in ["waiting", "sent"] {
                try await town.ageMails(bySeconds: 3_600)
                #expect(try await ordering.mailWaiting() == 1)
                #expect(try await InvoiceMailTests.state(town) == [state])
            }
            #expect(InvoiceMailTests.keys(town).count == 1)
            #expect(try await InvoiceMailTests.sent(town) == 1)
        }
    }

    private final class Told: Sendable {
        let reasons = Mutex<[String]>([])
    }

    @Test(
        "where the key may not read events, a person is told, and nothing is mailed by itself any more",
        arguments: [SandboxFault.serverError, .serverErrorAfter])
    func hiddenEvents(_ fault: SandboxFault) async throws {
        try await Town.with(faults: Self.faults(fault)) { town in
            let ordering = town.ordering(attempts: 1)
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            try await town.ageMails(bySeconds: 3_600)
            let account = Account(
                name: "task_health", secretKey: Secret("rk_test_sandbox_task_health"), apiVersion: "2023-10-16",
                apiBase: town.server.url, mode: .test)
            let restricted = CreditOrdering(
                table: try #require(town.tables.byAccount["task_health"]?.orders),
                client: StripeClient(account: account, http: town.http, budget: .unlimited, retry: .never),
                pool: town.pool)
            let told = Told()
            let count = try await restricted.mailWaiting { invoice, reason in
                told.reasons.withLock { $0.append("\(invoice): \(reason)") }
            }
            #expect(count == 1)
            let reasons = told.reasons.withLock { $0 }
            let reason = try #require(reasons.first)
            let invoice = try #require(placed.invoiceID)
            #expect(reason.hasPrefix("\(invoice): ") && reason.contains("may not read events"), "\(reason)")
            #expect(reason.contains("trueup stripe invoice send \(invoice) --account task_health"), "\(reason)")
            try await Self.expectGivenUp(ordering, in: town, sent: fault == .serverErrorAfter ? 1 : 0)
        }
    }

    @Test("what is older than the events that Stripe lists is for a person, unless its event is still there")
    func tooOld() async throws {
        for fault in [SandboxFault.serverError, .serverErrorAfter] {
            try await Town.with(faults: Self.faults(fault)) { town in
                let ordering = town.ordering(attempts: 1)
                _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
                try await town.ageMails(bySeconds: 29 * 86_400)
                #expect(try await ordering.mailWaiting() == 1)
                guard fault == .serverError else {
                    #expect(try await InvoiceMailTests.state(town) == ["sent"])
                    #expect(try await InvoiceMailTests.sent(town) == 1)
                    return
                }
                try await Self.expectGivenUp(ordering, in: town, sent: 0)
            }
        }
    }

    /// Nobody asks Stripe any more.
    private static func expectGivenUp(
        _ ordering: CreditOrdering, in town: Town, sent: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let states = try await InvoiceMailTests.state(town)
        #expect(states == ["unknown"], sourceLocation: sourceLocation)
        _ = try await town.query("UPDATE trueup.invoice_mail SET next_attempt_at = now()")
        let count = try await ordering.mailWaiting()
        #expect(count == 0, sourceLocation: sourceLocation)
        _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
        #expect(InvoiceMailTests.keys(town).count == 1, sourceLocation: sourceLocation)
        let mails = try await InvoiceMailTests.sent(town)
        #expect(mails == sent, sourceLocation: sourceLocation)
    }
}

@Suite("What a person took back")
struct TakenBackTests {
    @Test("a webhook that comes again after a revert grants nothing, and neither does the next run")
    func credits() async throws {
        try await Town.with { town in
            let placed = try await town.ordering().place(OrderingTests.order)
            try town.world().pay(try #require(placed.invoiceID))
            town.server.clock.advance(bySeconds: 3_600)
            let run = try await town.run()
            #expect(try await town.balances() == [1: 10])
            let reverted = try await town.revert(run)
            #expect(reverted.applied == 1 && reverted.failures.isEmpty, "\(reverted)")
            #expect(try await town.balances() == [1: 0])
            let desk = try await WebhookCounter(town, listens: false)
            let paid = try await town.deliveries(of: "task_health", without: []).filter { $0.type == "invoice.paid" }
            try #require(paid.count == 1)
            for _ in 0..<2 { #expect(try await desk.take(paid[0], isCutOff: false) == 200) }
            #expect(try await town.balances() == [1: 0], "a person decided")
            try await town.run()
            #expect(try await town.balances() == [1: 0])
            let reason: String? = try await town.query("SELECT reason FROM trueup.webhook_event")[0]["reason"]
            #expect(reason?.contains("a person has accepted") == true)
            // Reopened, it is anybody's again.
            _ = try await town.query("UPDATE trueup.finding SET state = 'open'")
            #expect(try await desk.take(paid[0], isCutOff: false) == 200)
            #expect(try await town.balances() == [1: 10])
            await desk.close()
        }
    }

    @Test("the same for a charge; and a webhook and a repair write the same time of success")
    func charges() async throws {
        try await Town.with { town in
            let charging = try await ChargingTests.charging(in: town) { if $0 == .intent { throw Crash() } }
            await #expect(throws: Crash.self) { try await charging.charge(ChargingTests.charge) }
            town.server.clock.advance(bySeconds: 3_600)
            let run = try await town.run("agency-charges")
            let row = "SELECT status, floor(extract(epoch FROM succeeded_at))::bigint AS at FROM agency_charge"
            let repaired: Int64? = try await town.query(row)[0]["at"]
            #expect(repaired != nil)
            let desk = try await WebhookCounter(town, listens: false)
            let succeeded = try await town.deliveries(of: "medflyt", without: [])
                .filter { $0.type == "payment_intent.succeeded" }
            try #require(succeeded.count == 1)
            _ = try await town.query("UPDATE agency_charge SET status = 'pending', succeeded_at = NULL")
            #expect(try await desk.take(succeeded[0], isCutOff: false) == 200)
            #expect(try await town.query(row)[0]["at"] as Int64? == repaired)
            _ = try await town.revert(run, of: "agency-charges")
            let before: String = try await town.query(row)[0]["status"]
            #expect(before == "pending")
            #expect(try await desk.take(succeeded[0], isCutOff: false) == 200)
            #expect(try await town.query(row)[0]["status"] as String == "pending", "a person decided")
            await desk.close()
        }
    }
}
