import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000
private let day: Int64 = 86_400

@Suite("The agency history")
struct AgencyHistoryTests {
    private func history(
        _ seed: UInt64 = 3, each count: Int = 4, charges: Int = 6_000, notices: Int = 5
    ) throws -> AgencyHistory {
        try AgencyHistory(
            seed: seed, charges: charges, agencies: 20, nowSeconds: now, missedNotices: notices,
            plants: Dictionary(uniqueKeysWithValues: ChargePlant.allCases.map { ($0, count) }))
    }

    /// DESIGN section 5's paragraph on payment intents, told from both sides alone.
    private func kind(_ intent: SandboxPaymentIntent?, _ row: AgencyChargeRow?, customer: String) -> String? {
        guard let intent else {
            guard let row else { return nil }
            return row.stripePaymentIntentID == nil ? "unlinked_order" : "missing_in_stripe"
        }
        guard intent.invoiceID == nil else { return nil }
        guard let row else { return "missing_locally" }
        if row.stripePaymentIntentID == nil { return "unlinked_order" }
        if intent.currency != row.currency { return "currency_mismatch" }
        if intent.amount != row.amountCents { return "amount_mismatch" }
        if intent.customerID != customer { return "customer_mismatch" }
        if intent.isDisputed { return "disputed" }
        if intent.refunded > 0 { return "refunded" }
        return state(intent, row)
    }

    private func state(_ intent: SandboxPaymentIntent, _ row: AgencyChargeRow) -> String? {
        if intent.status == .succeeded { return row.status == "succeeded" ? nil : "missed_succeeded" }
        if row.status == "succeeded" { return "unpaid_in_stripe" }
        let isUnconfirmed =
            intent.status == .requiresConfirmation
            || (intent.status == .requiresPaymentMethod && !intent.isDeclined)
        if isUnconfirmed, now - intent.createdSeconds > 7 * day, !intent.hasCheckoutSession { return "stale_intent" }
        guard row.status == "pending" else { return nil }
        if intent.status == .canceled { return "missed_canceled" }
        return intent.isDeclined ? "missed_failed" : nil
    }

    private func findings(_ history: AgencyHistory) -> [String: Int] {
        var counts: [String: Int] = [:]
        for charge in history.charges {
            let customer = history.customerID(ofAgency: charge.agencyID)
            if let kind = kind(charge.intent, charge.row, customer: customer) { counts[kind, default: 0] += 1 }
        }
        return counts
    }

    @Test("what is planted is what both sides show, and nothing else", arguments: [1, 2, 3, 77, 1_234] as [UInt64])
    func planted(seed: UInt64) throws {
        let history = try history(seed)
        #expect(findings(history) == history.expected)
        #expect(Dictionary(grouping: history.charges.compactMap(\.plant)) { $0 }.mapValues(\.count) == history.plants)
        let repairs = ["missed_succeeded", "missed_canceled", "missed_failed", "stale_intent", "unlinked_order"]
        #expect(Set(history.expectedRepairs.keys) == Set(repairs))
        #expect(history.expectedRepairs["unlinked_order"] == 4 && history.expected["unlinked_order"] == 8)
    }

    @Test("without plants both sides agree, whatever the state")
    func natural() throws {
        let history = try history(each: 0)
        #expect(findings(history).isEmpty && history.expected.isEmpty)
        let states = Set(history.charges.compactMap { $0.intent?.status })
        #expect(states.isSuperset(of: [.succeeded, .canceled, .requiresPaymentMethod, .processing, .requiresAction]))
    }

    @Test("the world of the account serves exactly these intents, and those of its invoices")
    func served() async throws {
        let history = try history(charges: 3_000)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.medflyt(history: .agency(history))], clockSeconds: now))
        let world = try server.world(of: "medflyt")
        let expected = Array(history.charges.compactMap(\.intent))
        #expect(world.allPaymentIntents() == expected)
        for intent in expected { #expect(max(intent.succeededSeconds ?? 0, intent.canceledSeconds ?? 0) < now) }
        for charge in history.charges where charge.intent == nil {
            #expect(world.paymentIntent(history.paymentIntentID(at: charge.index)) == nil)
        }
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_medflyt"
        var listed: Set<String> = []
        var cursor = ""
        while true {
            let page = try await client.page("/v1/payment_intents?limit=100\(cursor)")
            listed.formUnion(page.ids)
            guard page.hasMore, let last = page.ids.last else { break }
            cursor = "&starting_after=\(last)"
        }
        let ofInvoices = world.allInvoices().compactMap(\.paymentIntentID)
        #expect(!ofInvoices.isEmpty)
        #expect(listed == Set(expected.map(\.id)).union(ofInvoices))
        for id in ofInvoices.prefix(20) { #expect(world.paymentIntent(id)?.invoiceID != nil) }
        await server.stop()
    }

    @Test("every finalized invoice has a notice, but for the planted ones")
    func notices() async throws {
        let history = try history()
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.medflyt(history: .agency(history))], clockSeconds: now))
        let finalized = try server.world(of: "medflyt").allInvoices().filter { $0.finalizedSeconds != nil }
        await server.stop()
        let noticed = Set(history.notices.map(\.stripeInvoiceID))
        let missed = Set(history.unnoticedInvoiceIDs)
        #expect(missed.count == 5 && history.expectedMissedNotices == 5)
        #expect(noticed.isDisjoint(with: missed))
        #expect(Set(finalized.map(\.id)) == noticed.union(missed))
    }

    @Test("what an expiry has to remove is known, and what only looks stale is refused or left alone")
    func expiry() async throws {
        let history = try history(charges: 6_000)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.medflyt(history: .agency(history))], clockSeconds: now))
        let world = try server.world(of: "medflyt")
        let drafts = world.allInvoices().filter { $0.status == .draft && now - $0.createdSeconds > 7 * day }
        let stale = history.staleDraftIDs
        #expect(!stale.isEmpty && Set(stale).isSubset(of: drafts.map(\.id)))
        let others = drafts.filter { !stale.contains($0.id) }
        #expect(others.contains { $0.autoAdvance } && others.contains { $0.isSubscription })
        #expect(others.allSatisfy { $0.autoAdvance || $0.isSubscription })
        for id in stale { try world.deleteDraft(id) }
        for draft in others where draft.isSubscription {
            #expect(throws: SandboxError.self) { try world.deleteDraft(draft.id) }
        }
        #expect(history.staleIntentIDs.count == history.expected["stale_intent"])
        for id in history.staleIntentIDs { try world.cancel(paymentIntent: id, reason: "abandoned") }
        let checkout = try #require(history.charges.first { $0.plant == .staleCheckout }?.intent)
        #expect(throws: SandboxError.self) { try world.cancel(paymentIntent: checkout.id) }
        await server.stop()
    }

    @Test("rows are what the table takes, and a seed is a history")
    func rows() throws {
        let history = try history(5)
        let rows = Array(history.localRows)
        #expect(Set(rows.map(\.id)).count == rows.count)
        let ids = rows.compactMap(\.stripePaymentIntentID)
        #expect(Set(ids).count == ids.count)
        for row in rows {
            #expect((row.succeededSeconds != nil) == (row.status == "succeeded"))
            #expect(row.amountCents >= 50 && (1...20).contains(row.agencyID) && row.createdSeconds < now)
            #expect(["pending", "succeeded", "failed", "canceled"].contains(row.status))
        }
        #expect(rows == Array(try self.history(5).localRows))
        #expect(rows != Array(try self.history(6).localRows))
        #expect(history.charge(at: 4_321).row == history.row(at: 4_321))
    }

    @Test("a lost webhook that can still be seen is listed as undelivered")
    func undelivered() async throws {
        let history = try history(charges: 3_000)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.medflyt(history: .agency(history))], clockSeconds: now))
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_medflyt"
        let types = "types[]=payment_intent.succeeded&types[]=payment_intent.canceled"
        let page = try await client.page("/v1/events?delivery_success=false&limit=100&\(types)")
        #expect(!page.data.isEmpty)
        let pending = Set(history.charges.filter { $0.row?.status != "succeeded" }.compactMap { $0.intent?.id })
        for item in page.data {
            let body = try await client.get("/v1/events/\(item.id)").body
            #expect(pending.contains { body.contains($0) })
        }
        await server.stop()
    }

    @Test("too many plantings for the charges there are, and a foreign account, are errors that say so")
    func refusals() async throws {
        let error = #expect(throws: AgencyHistoryError.self) {
            _ = try AgencyHistory(
                seed: 1, charges: 100, agencies: 3, nowSeconds: now, plants: [.openYoung: 50])
        }
        #expect(error?.description.contains("open_young") == true)
        #expect(throws: AgencyHistoryError.self) {
            _ = try AgencyHistory(seed: 1, charges: 10, agencies: 3, nowSeconds: now, missedNotices: 4)
        }
        let history = try history()
        await #expect(throws: SandboxStartError.self) {
            _ = try await SandboxServer.start(
                SandboxConfiguration(accounts: [.default(history: .agency(history))], clockSeconds: now))
        }
    }
}
