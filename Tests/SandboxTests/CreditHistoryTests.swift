import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000
private let day: Int64 = 86_400

@Suite("The credit history")
struct CreditHistoryTests {
    private func history(_ seed: UInt64 = 3, each count: Int = 4, orders: Int = 6_000) throws -> CreditHistory {
        try CreditHistory(
            seed: seed, orders: orders, agencies: 20, nowSeconds: now,
            plants: Dictionary(uniqueKeysWithValues: (Plant.allCases + Plant.afterPayment).map { ($0, count) }))
    }

    /// DESIGN section 5's table and what outranks it, told from both sides alone.
    private func kind(
        _ invoice: CreditInvoice?, _ row: CreditRow?, agencies: [Int64: String], invoicesOfOrder: Int, rows: Int
    ) -> String? {
        let live = invoice.flatMap { $0.deletedSeconds == nil ? $0 : nil }
        if rows > 1 { return "duplicate_local" }
        if let live, invoicesOfOrder > 1, [.draft, .open, .paid].contains(live.status) { return "duplicate_in_stripe" }
        if let live, let row {
            guard let stored = row.stripeInvoiceID else { return "unlinked_order" }
            if stored != live.id { return "malformed_id" }
            if live.agencyID != row.agencyID || live.orderID != row.id { return "order_mismatch" }
            if live.currency != row.currency { return "currency_mismatch" }
            if live.total - live.prePaymentCredit != row.amountCents { return "amount_mismatch" }
            if live.customerID != agencies[row.agencyID] { return "customer_mismatch" }
            if live.isDisputed { return "disputed" }
            if live.refunded > 0 { return "refunded" }
            if live.postPaymentCredit > 0 { return "credited" }
        }
        let local = row.map { $0.paid ? "paid" : $0.cancelledSeconds != nil ? "cancelled" : "open" } ?? "absent"
        guard let live else {
            if row?.stripeInvoiceID == nil, local == "open" { return "unlinked_order" }
            return local == "open" || local == "paid" ? "missing_in_stripe" : nil
        }
        return state(live, local)
    }

    private func state(_ invoice: CreditInvoice, _ local: String) -> String? {
        let isStale = now - invoice.createdSeconds > 7 * day && !invoice.autoAdvance
        switch (invoice.status, local) {
        case (.draft, "paid"), (.open, "paid"), (.uncollectible, "paid"): return "unpaid_in_stripe"
        case (.draft, _) where isStale: return "stale_draft"
        case (.draft, "absent"), (.open, "absent"), (.paid, "absent"): return "missing_locally"
        case (.open, "cancelled"): return "not_voided"
        case (.open, "open"): return (invoice.dueSeconds ?? now) < now ? "overdue" : nil
        case (.paid, "open"): return "missed_paid"
        case (.paid, "cancelled"): return "paid_after_cancel"
        case (.void, "open"): return "missed_void"
        case (.void, "paid"): return "void_after_paid"
        case (.uncollectible, "open"): return "uncollectible"
        default: return nil
        }
    }

    /// All findings of a history, by looking at both sides as a reconciler would.
    private func findings(_ history: CreditHistory) -> [String: Int] {
        let agencies = Dictionary(uniqueKeysWithValues: history.agencies.map { ($0.id, $0.taskHealthStripeCustomerID) })
        let invoices = history.orders.compactMap(\.invoice)
        let live = invoices.filter { $0.deletedSeconds == nil && [.draft, .open, .paid].contains($0.status) }
        let ofOrder = Dictionary(grouping: live, by: \.orderID).mapValues(\.count)
        func plain(_ id: String) -> String { id.trimmingCharacters(in: .whitespaces).lowercased() }
        let rows = Array(history.localRows)
        let ofInvoice = Dictionary(grouping: rows.filter { $0.stripeInvoiceID != nil }) {
            plain($0.stripeInvoiceID ?? "")
        }
        let byID = Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0) })
        var counts: [String: Int] = [:]
        var paired: Set<Int64> = []
        func count(_ invoice: CreditInvoice?, _ row: CreditRow?, rows: Int = 1) {
            let number = invoice.flatMap { ofOrder[$0.orderID] } ?? 0
            let kind = kind(invoice, row, agencies: agencies, invoicesOfOrder: number, rows: rows)
            if let kind { counts[kind, default: 0] += 1 }
        }
        for invoice in invoices {
            let matches = ofInvoice[plain(invoice.id)] ?? []
            if let named = byID[invoice.orderID], named.stripeInvoiceID == nil {
                count(invoice, named)
                paired.insert(named.id)
            } else if matches.isEmpty {
                count(invoice, nil)
            }
            for row in matches {
                count(invoice, row, rows: matches.count)
                paired.insert(row.id)
            }
        }
        for row in rows where !paired.contains(row.id) { count(nil, row) }
        return counts
    }

    @Test("what is planted is what both sides show, and nothing else", arguments: [1, 2, 3, 77, 1_234] as [UInt64])
    func planted(seed: UInt64) throws {
        let history = try history(seed)
        #expect(findings(history) == history.expected)
        let plants = history.orders.compactMap(\.plant)
        #expect(Dictionary(grouping: plants) { $0 }.mapValues(\.count) == history.plants)
    }

    @Test("without plants both sides agree, in the proportions of a business that goes well")
    func natural() throws {
        let history = try history(each: 0)
        #expect(findings(history).isEmpty && history.expected.isEmpty)
        let states = Dictionary(grouping: history.orders.compactMap(\.invoice)) { $0.status }.mapValues(\.count)
        #expect(Set(states.keys) == Set(SandboxInvoiceStatus.allCases))
        #expect(states[.paid] ?? 0 > 4_500)
    }

    @Test("the world of the account serves exactly these invoices")
    func served() async throws {
        let history = try history(orders: 4_000)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        let expected = history.orders.compactMap(\.invoice).filter { $0.deletedSeconds == nil }
        let served = world.allInvoices()
        #expect(served.map(\.id) == expected.map(\.id))
        for (invoice, fact) in zip(served, expected) {
            #expect(invoice.status == fact.status && invoice.total == fact.total)
            #expect(invoice.customerID == fact.customerID && invoice.currency == fact.currency)
            #expect(invoice.paidSeconds == fact.paidSeconds && invoice.dueSeconds == fact.dueSeconds)
            #expect(invoice.metadata["order_id"] == String(fact.orderID))
            #expect(
                [
                    invoice.finalizedSeconds, invoice.paidSeconds, invoice.voidedSeconds,
                    invoice.uncollectibleSeconds,
                ].allSatisfy { ($0 ?? 0) <= now })
        }
        for deleted in history.orders.compactMap(\.invoice).filter({ $0.deletedSeconds != nil }) {
            #expect(world.invoice(deleted.id) == nil)
        }
        await server.stop()
    }

    @Test("the books balance before any repair, and grants are known")
    func books() throws {
        let history = try history()
        var expected: [Int64: Int64] = [:]
        for row in history.localRows where row.paid { expected[row.agencyID, default: 0] += row.credits }
        for row in history.reservations where row.releasedSeconds == nil {
            expected[row.agencyID, default: 0] -= row.credits
        }
        for row in history.adjustments { expected[row.agencyID, default: 0] += row.credits }
        let recorded = Dictionary(uniqueKeysWithValues: history.balances.map { ($0.agencyID, $0.balance) })
        #expect(recorded.count == 20)
        for (agency, balance) in recorded { #expect(balance == expected[agency, default: 0]) }
        let missed = history.orders.filter { $0.plant == .paidOpen || $0.plant == .paidOpenOld }
        #expect(history.expectedGrants.values.reduce(0, +) == missed.reduce(0) { $0 + $1.credits })
        #expect(Set(history.reservations.map(\.id)).count == history.reservations.count)
        #expect(history.reservations.contains { $0.releasedSeconds != nil })
    }

    @Test("rows are what the tables take: unique ids, a price of $200, references that exist")
    func rows() throws {
        let history = try history()
        let rows = Array(history.localRows)
        let stripeIDs = rows.compactMap(\.stripeInvoiceID)
        #expect(Set(stripeIDs).count == stripeIDs.count)
        #expect(Set(rows.map(\.id)).count == rows.count)
        let members = Dictionary(uniqueKeysWithValues: history.members.map { ($0.id, $0.agencyID) })
        let options = Dictionary(uniqueKeysWithValues: history.options.map { ($0.id, $0) })
        for row in rows {
            #expect(row.amountCents == row.credits * 20_000)
            #expect(members[row.agencyMemberID] == row.agencyID)
            #expect(options[row.orderOptionID]?.credits == row.credits)
            #expect((row.paidSeconds != nil) == row.paid)
            #expect(row.createdSeconds < now - 500)
        }
        #expect(options.values.map(\.priceCents).max() == 2_000_000_000)
    }

    @Test("plantings lie where a run has to look for them")
    func ages() throws {
        let history = try history()
        for order in history.orders {
            let age = now - order.createdSeconds
            switch order.plant {
            case .paidOpenOld, .voidOpenOld:
                #expect(age > 35 * day)
                let end = try #require(order.invoice.flatMap { $0.paidSeconds ?? $0.voidedSeconds })
                #expect(now - end < 12 * day, "the event can still be listed")
            case .draftYoungPaid, .draftYoungAbsent: #expect(age < 7 * day)
            case .some(let plant) where plant.kind != "overdue" && order.row?.paid != false:
                #expect(age < 35 * day, "only the window shows \(plant)")
            default: break
            }
        }
    }

    @Test("a seed is a history; another seed is another")
    func determinism() throws {
        let one = try history(5), two = try history(5), other = try history(6)
        #expect(Array(one.localRows) == Array(two.localRows))
        #expect(one.order(at: 4_321).invoice == two.order(at: 4_321).invoice)
        #expect(Array(one.localRows) != Array(other.localRows))
    }

    @Test("the drafts that an expiry has to delete are the planted ones")
    func staleDrafts() throws {
        let history = try history()
        #expect(history.staleDraftIDs.count == (history.expected["stale_draft"] ?? 0) + 4, "with the paid ones")
        let drafts = history.orders.compactMap(\.invoice).filter { $0.status == .draft && $0.deletedSeconds == nil }
        let old = drafts.filter { now - $0.createdSeconds > 7 * day && !$0.autoAdvance }
        #expect(history.staleDraftIDs == Array(old.map(\.id)))
    }

    @Test("too many plantings for the orders there are is an error that says so")
    func noRoom() {
        let error = #expect(throws: CreditHistoryError.self) {
            _ = try CreditHistory(
                seed: 1, orders: 100, agencies: 3, nowSeconds: now, plants: [.draftYoungPaid: 50])
        }
        #expect(error?.description.contains("draft_young_paid") == true)
    }

    @Test("a lost webhook that can still be seen is listed as undelivered")
    func undelivered() async throws {
        let history = try history(orders: 4_000)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_task_health"
        let page = try await client.page("/v1/events?delivery_success=false&type=invoice.paid&limit=100")
        #expect(!page.data.isEmpty)
        let open = Set(history.orders.filter { $0.row?.paid == false }.compactMap { $0.invoice?.id })
        for item in page.data {
            let body = try await client.get("/v1/events/\(item.id)").body
            #expect(open.contains { body.contains($0) })
        }
        await server.stop()
    }
}
