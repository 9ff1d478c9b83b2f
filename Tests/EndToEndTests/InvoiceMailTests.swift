import Runner
import Sandbox
import Support
import Testing

@Suite("Stripe's mail about an order's invoice")
struct InvoiceMailTests {
    /// How often Stripe mailed something.
    static func sent(_ town: Town) async throws -> Int {
        // Asked of Stripe: a request is no mail yet.
        try await town.events(of: "task_health", type: "invoice.sent").count
    }

    private static func state(_ town: Town) async throws -> [String] {
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
                _ = try await town.query(
                    "UPDATE trueup.invoice_mail SET next_attempt_at = now() WHERE state = 'waiting'")
                try await town.ordering(attempts: 1).mailWaiting()
            }
            #expect(try await Self.state(town) == ["sent"])
            // Where Stripe failed after it had mailed, under a key that it keeps the failure for, it mails again.
            let sent = try await Self.sent(town)
            #expect(sent == 1 || (fault == .serverErrorAfter && sent == 2))
        }
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
