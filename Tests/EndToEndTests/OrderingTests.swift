import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Synchronization
import Testing

@Suite("Placing credit orders")
struct OrderingTests {
    static let order = NewCreditOrder(agencyID: 1, memberID: 10, optionID: 2)

    /// One order with one invoice that can be paid.
    static func expectWhole(
        _ placed: PlacedOrder, in town: Town, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let invoices = try town.invoices(ofOrder: placed.orderID)
        #expect(invoices.map(\.id) == [placed.invoiceID], sourceLocation: sourceLocation)
        #expect(placed.state == .open, sourceLocation: sourceLocation)
        guard let invoice = invoices.first else { return }
        #expect(invoice.status == .open && invoice.total == 200_000, sourceLocation: sourceLocation)
        #expect(invoice.customerID == town.customers[1], sourceLocation: sourceLocation)
        #expect(placed.hostedInvoiceURL?.hasPrefix("https://") == true, sourceLocation: sourceLocation)
    }

    @Test("an order is a row and an invoice of 30 days that names it", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func whole(_ version: String) async throws {
        try await Town.with(apiVersion: version) { town in
            let placed = try await town.ordering().place(Self.order)
            try Self.expectWhole(placed, in: town)
            let invoice = try town.invoices(ofOrder: placed.orderID)[0]
            #expect(
                invoice.metadata == [
                    "order_id": "\(placed.orderID)", "agency_id": "1", "agency_member_id": "10",
                ])
            #expect(invoice.autoAdvance == false)
            #expect(invoice.dueSeconds == invoice.createdSeconds + 30 * 86_400)
            let row = try await town.query(
                """
                SELECT agency_id, agency_member_id, order_option_id, credits, amount_cents, currency, stripe_invoice_id,
                    hosted_invoice_url, paid, cancelled_at IS NULL AS waits FROM task_credit_stripe_invoice
                """)
            try #require(row.count == 1)
            #expect(try row[0]["agency_id"] as Int64 == 1 && row[0]["agency_member_id"] as Int64 == 10)
            #expect(try row[0]["order_option_id"] as Int64 == 2 && row[0]["credits"] as Int64 == 10)
            #expect(try row[0]["amount_cents"] as Int64 == 200_000 && row[0]["currency"] as String == "usd")
            #expect(try row[0]["stripe_invoice_id"] as String? == placed.invoiceID)
            #expect(try row[0]["hosted_invoice_url"] as String? == placed.hostedInvoiceURL)
            #expect(try row[0]["paid"] as Bool == false && row[0]["waits"] as Bool)
        }
    }

    @Test("the same key is the same order, another body under it a conflict, another agency's key its own")
    func keys() async throws {
        try await Town.with { town in
            let ordering = town.ordering()
            let first = try await ordering.place(Self.order, idempotencyKey: "k")
            let requests = town.server.statistics.total
            #expect(try await ordering.place(Self.order, idempotencyKey: "k") == first)
            #expect(town.server.statistics.total - requests == 1, "it is only read again")
            var other = Self.order
            other.optionID = 3
            await #expect(throws: OrderingError.keyConflict) { try await ordering.place(other, idempotencyKey: "k") }
            for key in ["", String(repeating: "k", count: 256)] {
                await #expect(throws: OrderingError.badKey) {
                    try await ordering.place(Self.order, idempotencyKey: key)
                }
            }
            let elsewhere = NewCreditOrder(agencyID: 2, memberID: 20, optionID: 2)
            let second = try await ordering.place(elsewhere, idempotencyKey: "k")
            #expect(second.orderID != first.orderID)
            #expect(try await ordering.place(Self.order).orderID != first.orderID, "without a key it is a new order")
            #expect(try town.world().allInvoices().count == 3)
        }
    }

    @Test("of eight at once under one key all get the one order")
    func atOnce() async throws {
        try await Town.with { town in
            let ordering = town.ordering()
            let answers = try await withThrowingTaskGroup(of: PlacedOrder.self) { group in
                for _ in 0..<8 { group.addTask { try await ordering.place(Self.order, idempotencyKey: "k") } }
                return try await group.reduce(into: [PlacedOrder]()) { $0.append($1) }
            }
            #expect(Set(answers).count == 1 && answers.count == 8)
            #expect(try town.world().allInvoices().count == 1)
            #expect(try await town.number("SELECT count(*) FROM task_credit_stripe_invoice") == 1)
        }
    }

    @Test("what cannot be ordered leaves no row and no request")
    func refused() async throws {
        try await Town.with { town in
            _ = try await town.query("UPDATE agency SET \"taskHealthStripeCustomerId\" = NULL WHERE id = 3")
            _ = try await town.query(
                "INSERT INTO task_credit_order_options VALUES (4, 5, 99999, true), (5, 5, 100000, false)")
            let ordering = town.ordering()
            let cases: [(NewCreditOrder, OrderingError)] = [
                (NewCreditOrder(agencyID: 9, memberID: 10, optionID: 2), .noAgency(9)),
                (NewCreditOrder(agencyID: 1, memberID: 20, optionID: 2), .noMember(20, agencyID: 1)),
                (NewCreditOrder(agencyID: 1, memberID: 10, optionID: 9), .noOption(9)),
                (
                    NewCreditOrder(agencyID: 1, memberID: 10, optionID: 4),
                    .optionUnavailable(4, reason: "its price of 99999 cents is not 5 credits at 20000 cents")
                ),
                (
                    NewCreditOrder(agencyID: 1, memberID: 10, optionID: 5),
                    .optionUnavailable(5, reason: "it is not active")
                ),
                (
                    NewCreditOrder(agencyID: 3, memberID: 30, optionID: 2),
                    .noCustomer(agencyID: 3, account: "task_health")
                ),
            ]
            for (order, error) in cases {
                await #expect(throws: error) { try await ordering.place(order, idempotencyKey: "k") }
            }
            #expect(try await town.number("SELECT count(*) FROM task_credit_stripe_invoice") == 0)
            #expect(try await town.number("SELECT count(*) FROM trueup.client_request") == 0)
            #expect(town.server.statistics.log.allSatisfy { $0.method == "GET" && $0.path == "/v1/account" })
        }
    }

    @Test("where Stripe refuses for good, no row waits for an invoice that never comes")
    func refusedByStripe() async throws {
        try await Town.with { town in
            _ = try await town.query("UPDATE agency SET \"taskHealthStripeCustomerId\" = 'cus_gone' WHERE id = 1")
            let ordering = town.ordering()
            await #expect(throws: StripeError.self) { try await ordering.place(Self.order, idempotencyKey: "k") }
            let open = "SELECT count(*) FROM task_credit_stripe_invoice WHERE cancelled_at IS NULL"
            #expect(try await town.number(open) == 0)
            #expect(try await ordering.place(Self.order, idempotencyKey: "k").state == .cancelled)
        }
    }

    static let steps: [OrderStep] = [.row, .draft, .linked, .line, .finalized, .stored]

    @Test("cut off after any step, the same key goes on where it stopped", arguments: steps)
    func resumed(_ step: OrderStep) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == step { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(Self.order, idempotencyKey: "k") }
            let placed = try await town.ordering().place(Self.order, idempotencyKey: "k")
            try Self.expectWhole(placed, in: town)
            #expect(try town.world().allInvoices().count == 1)
        }
    }

    @Test("cut off after a step and forgotten by Stripe's keys, the same draft is found again", arguments: steps)
    func resumedLate(_ step: OrderStep) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == step { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(Self.order, idempotencyKey: "k") }
            town.server.clock.advance(bySeconds: 2 * 86_400)
            let placed = try await town.ordering().place(Self.order, idempotencyKey: "k")
            try Self.expectWhole(placed, in: town)
            #expect(try town.world().allInvoices().count == 1)
        }
    }

    @Test("cut off after a step and never asked for again, the nightly run ends it", arguments: steps)
    func healed(_ step: OrderStep) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == step { throw Crash() } }
            let other = NewCreditOrder(agencyID: 2, memberID: 20, optionID: 1)
            let neighbour = try await town.ordering().place(other)
            await #expect(throws: Crash.self) { try await cut.place(Self.order, idempotencyKey: "k") }
            town.server.clock.advance(bySeconds: 3_600)
            try await town.run()
            let linked = try await town.number(
                """
                SELECT count(*) FROM task_credit_stripe_invoice WHERE stripe_invoice_id IS NOT NULL AND agency_id = 1
                """)
            #expect(linked == (step == .row ? 0 : 1), "a draft is linked on the first night")
            town.server.clock.advance(bySeconds: 8 * 86_400)
            let second = try await town.run()
            let invoices = try town.world().allInvoices().filter { $0.id != neighbour.invoiceID }
            let row = try await town.query(
                "SELECT cancelled_at IS NOT NULL AS gone FROM task_credit_stripe_invoice WHERE agency_id = 1")[0]
            switch step {
            case .row, .draft, .linked, .line:
                #expect(second.outcome.state == .repaired)
                #expect(invoices.isEmpty, "a draft that nobody finishes is deleted")
                #expect(try row["gone"] as Bool)
                #expect(try await town.ordering().place(Self.order, idempotencyKey: "k").state == .cancelled)
            default:
                #expect(invoices.map(\.status) == [.open])
                #expect(try row["gone"] as Bool == false)
            }
        }
    }
}

@Suite("Placing credit orders while Stripe fails")
struct OrderingFaultTests {
    static let posts = ["/v1/invoices", "/v1/invoiceitems", "/finalize"]
    static let cases = posts.flatMap { path in SandboxFault.allCases.map { (path, $0) } }

    @Test("one failure of one step makes no second invoice", arguments: cases)
    func once(_ path: String, _ fault: SandboxFault) async throws {
        let faults = SandboxFaults(scripts: [.init(fault, method: "POST", pathContains: path)])
        try await Town.with(faults: faults) { town in
            let placed = try await Self.placed(in: town, attempts: 1)
            try OrderingTests.expectWhole(placed, in: town)
            #expect(try town.world().allInvoices().count == 1)
        }
    }

    @Test("failures at random make no second invoice", arguments: Seeds.range(1, 8))
    func random(_ seed: UInt64) async throws {
        var rates: [SandboxFault: Double] = [:]
        for fault in SandboxFault.allCases where fault != .timeout && fault != .timeoutAfter { rates[fault] = 0.04 }
        try await Town.with(faults: SandboxFaults(rates: rates, seed: seed)) { town in
            for number in 0..<4 {
                let placed = try await Self.placed(in: town, attempts: 1 + number % 3, key: "k\(number)")
                try OrderingTests.expectWhole(placed, in: town)
            }
            #expect(try town.world().allInvoices().count == 4)
        }
    }

    @Test("an empty page that says there is more is no sign that there is no draft")
    func unreadableList() async throws {
        let faults = SandboxFaults(scripts: [
            .init(.serverErrorAfter, method: "POST", pathContains: "/v1/invoices"),
            .init(.emptyPage, method: "GET", pathContains: "customer="),
        ])
        try await Town.with(faults: faults) { town in
            let ordering = town.ordering(attempts: 1)
            let error = await #expect(throws: StripeError.self) {
                try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            }
            #expect(error?.kind == .decoding)
            #expect(try town.world().allInvoices().count == 1)
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            try OrderingTests.expectWhole(placed, in: town)
            #expect(try town.world().allInvoices().count == 1)
        }
    }

    @Test(
        "a 404 that is not about the invoice cancels no order, whether it is asked for again or to be cancelled",
        arguments: [SandboxFault.unknownURL, .otherMissing])
    func otherNotFound(_ fault: SandboxFault) async throws {
        // The first time it is read after its line was added.
        let faults = SandboxFaults(
            scripts: [2, 3].map { .init(fault, occurrence: $0, method: "GET", pathContains: "/v1/invoices/in_") })
        try await Town.with(faults: faults) { town in
            let ordering = town.ordering(attempts: 1)
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            for isAskedAgain in [true, false] {
                let error = await #expect(throws: StripeError.self) {
                    if isAskedAgain {
                        _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
                    } else {
                        _ = try await ordering.cancel(orderID: placed.orderID, agencyID: 1)
                    }
                }
                #expect(error?.kind == .otherNotFound)
            }
            #expect(try await ordering.place(OrderingTests.order, idempotencyKey: "k") == placed)
            try OrderingTests.expectWhole(placed, in: town)
        }
    }

    /// As a client does: again under the same key until it is there.
    static func placed(in town: Town, attempts: Int, key: String = "k") async throws -> PlacedOrder {
        var last: (any Error)?
        for _ in 0..<40 {
            do {
                return try await town.ordering(attempts: attempts).place(OrderingTests.order, idempotencyKey: key)
            } catch let error as StripeError {
                last = error
            }
        }
        throw last ?? TownError("no attempt")
    }
}

@Suite("Cancelling credit orders")
struct OrderCancellingTests {
    @Test("an open invoice is voided first, then the row is cancelled; again is the same")
    func open() async throws {
        try await Town.with { town in
            let ordering = town.ordering()
            let placed = try await ordering.place(OrderingTests.order)
            await #expect(throws: OrderingError.noOrder(placed.orderID)) {
                try await ordering.cancel(orderID: placed.orderID, agencyID: 2)
            }
            await #expect(throws: OrderingError.noOrder(999)) { try await ordering.cancel(orderID: 999, agencyID: 1) }
            let cancelled = try await ordering.cancel(orderID: placed.orderID, agencyID: 1)
            #expect(cancelled.state == .cancelled && cancelled.orderID == placed.orderID)
            #expect(try town.invoices(ofOrder: placed.orderID).map(\.status) == [.void])
            #expect(try await ordering.cancel(orderID: placed.orderID, agencyID: 1) == cancelled)
            town.server.clock.advance(bySeconds: 3_600)
            #expect(try await town.run().findings.isEmpty)
        }
    }

    @Test(
        "an order that was cut off while it was placed leaves nothing at Stripe",
        arguments: [OrderStep.row, .draft, .linked, .line])
    func unfinished(_ step: OrderStep) async throws {
        try await Town.with { town in
            let cut = town.ordering { if $0 == step { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.place(OrderingTests.order, idempotencyKey: "k") }
            let id = try await town.number("SELECT id FROM task_credit_stripe_invoice")
            #expect(try await town.ordering().cancel(orderID: id, agencyID: 1).state == .cancelled)
            #expect(try town.world().allInvoices().isEmpty)
            town.server.clock.advance(bySeconds: 9 * 86_400)
            #expect(try await town.run().findings.isEmpty)
        }
    }

    @Test("cut off between Stripe and the row, the nightly run cancels the row")
    func cutOff() async throws {
        try await Town.with { town in
            let placed = try await town.ordering().place(OrderingTests.order)
            let cut = town.ordering { if $0 == .voided { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.cancel(orderID: placed.orderID, agencyID: 1) }
            #expect(try town.invoices(ofOrder: placed.orderID).map(\.status) == [.void])
            town.server.clock.advance(bySeconds: 3_600)
            let run = try await town.run()
            #expect(run.findings.map(\.kind) == [.missedVoid])
            #expect(try await town.ordering().cancel(orderID: placed.orderID, agencyID: 1).state == .cancelled)
        }
    }

    @Test("a paid order cannot be cancelled, and what the webhook missed is granted", arguments: [false, true])
    func paid(_ isRace: Bool) async throws {
        try await Town.with { town in
            let placed = try await town.ordering().place(OrderingTests.order)
            let id = try #require(placed.invoiceID)
            if !isRace { try town.world().pay(id) }
            let isPaid = Atomic<Bool>(!isRace)
            let ordering = town.ordering { step in
                guard step == .looked, !isPaid.exchange(true, ordering: .relaxed) else { return }
                // The customer pays after the look and before the voiding.
                try town.world().pay(id)
            }
            for _ in 0..<2 {
                await #expect(throws: OrderingError.alreadyPaid(placed.orderID)) {
                    try await ordering.cancel(orderID: placed.orderID, agencyID: 1)
                }
            }
            #expect(try await town.balances() == [1: 10], "once, however often it is tried")
            #expect(try town.invoices(ofOrder: placed.orderID).map(\.status) == [.paid])
        }
    }

    @Test(
        "what was paid and given back since is granted to nobody who cancels or asks again",
        arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func givenBack(_ version: String) async throws {
        try await Town.with(apiVersion: version) { town in
            let ordering = town.ordering()
            let placed = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
            let id = try #require(placed.invoiceID)
            try town.world().pay(id)
            town.server.clock.advance(bySeconds: 3_600)
            let intent = try #require(try town.world().invoice(id)?.paymentIntentID)
            try town.world().refund(intent)
            for isAskedAgain in [true, false] {
                let error = await #expect(throws: OrderingError.self) {
                    if isAskedAgain {
                        _ = try await ordering.place(OrderingTests.order, idempotencyKey: "k")
                    } else {
                        _ = try await ordering.cancel(orderID: placed.orderID, agencyID: 1)
                    }
                }
                guard case .unexpected(let order, let reason)? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(order == placed.orderID && reason.contains("refunded"), "\(reason)")
            }
            let credits = try await town.balances()[1]
            #expect(credits ?? 0 == 0)
            town.server.clock.advance(bySeconds: 3_600)
            let run = try await town.run()
            #expect(run.findings.map(\.kind) == [.refunded] && run.findings.map(\.state) == ["open"])
            #expect(try await town.balances()[1] == credits)
        }
    }

    @Test("failures of the voiding leave no open invoice behind a cancelled row", arguments: SandboxFault.allCases)
    func faults(_ fault: SandboxFault) async throws {
        let faults = SandboxFaults(scripts: [.init(fault, method: "POST", pathContains: "/void")])
        try await Town.with(faults: faults) { town in
            let placed = try await town.ordering().place(OrderingTests.order)
            var state = OrderState.open
            for _ in 0..<5 where state == .open {
                do {
                    state = try await town.ordering(attempts: 1).cancel(orderID: placed.orderID, agencyID: 1).state
                } catch let error as StripeError {
                    let open = try await town.number(
                        "SELECT count(*) FROM task_credit_stripe_invoice WHERE cancelled_at IS NULL")
                    #expect(open == 1, "\(error)")
                }
            }
            #expect(state == .cancelled)
            #expect(try town.invoices(ofOrder: placed.orderID).map(\.status) == [.void])
        }
    }
}
