import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000
private let day: Int64 = 86_400

@Suite("The history of patients")
struct PatientHistoryTests {
    private func history(_ seed: UInt64 = 3, each count: Int = 4, payments: Int = 4_000) throws -> PatientHistory {
        try PatientHistory(
            seed: seed, payments: payments, agencies: 20, nowSeconds: now, missedNotices: 6,
            plants: Dictionary(uniqueKeysWithValues: PatientPlant.allCases.map { ($0, count) }))
    }

    private func withWorld(
        _ history: PatientHistory, _ body: (World, RawClient) async throws -> Void
    ) async throws {
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.default(history: .patients(history))], clockSeconds: now))
        try await body(try server.world(of: "default"), RawClient(port: server.port))
        await server.stop()
    }

    @Test("what nobody explains is what was planted, and nothing else", arguments: [1, 2, 3, 77] as [UInt64])
    func planted(seed: UInt64) throws {
        let history = try history(seed)
        let known = Set(history.customers.map(\.stripeCustomerID))
        let unexplained = history.payments.filter { payment in
            payment.intent.status != .canceled && payment.intent.customerID.map { !known.contains($0) } ?? true
        }
        #expect(history.expected == ["missing_locally": unexplained.count])
        #expect(unexplained.allSatisfy { $0.plant?.kind == "missing_locally" && $0.plant?.action == .review })
        #expect(unexplained.allSatisfy { now - $0.intent.createdSeconds < 35 * day })
        #expect(unexplained.contains { $0.intent.customerID == nil })
        #expect(history.plantedIDs.mapValues(\.count) == history.plants)
        for (plant, ids) in history.plantedIDs where plant.kind != nil {
            #expect(Set(ids).isSubset(of: unexplained.map(\.intent.id)))
        }
        let strangers = unexplained.compactMap(\.intent.customerID)
        #expect(Set(strangers).count == strangers.count)
    }

    @Test("without plants every payment is explained, in every state")
    func natural() throws {
        let history = try history(each: 0, payments: 12_000)
        let known = Set(history.customers.map(\.stripeCustomerID))
        #expect(history.expected.isEmpty)
        #expect(history.payments.allSatisfy { known.contains($0.intent.customerID ?? "") })
        let states = Set(history.payments.map(\.intent.status))
        #expect(states.isSuperset(of: [.succeeded, .canceled, .requiresPaymentMethod, .processing, .requiresAction]))
        #expect(history.expectedExpiry.intentIDs.isEmpty)
    }

    @Test("the world of the account serves exactly these payments, their customers and the invoices of agencies")
    func served() async throws {
        let history = try history(payments: 2_000)
        try await withWorld(history) { world, client in
            #expect(world.allPaymentIntents() == Array(history.payments.map(\.intent)))
            let row = try #require(Array(history.customers).last)
            let customer = try await client.get("/v1/customers/\(row.stripeCustomerID)")
            #expect(customer.status == 200)
            let stranger = try #require(history.payments.first { $0.plant == .unknownSucceeded }?.intent.customerID)
            #expect(try await client.get("/v1/customers/\(stranger)").status == 200)
            let agencies = Dictionary(uniqueKeysWithValues: history.agencies.map { ($0.stripeCustomerID ?? "", $0.id) })
            let invoices = world.allInvoices()
            #expect(invoices.count == 200)
            for invoice in invoices {
                let agency = try #require(agencies[invoice.customerID ?? ""])
                #expect(invoice.metadata["agency_id"] == String(agency))
                if let id = invoice.paymentIntentID { #expect(world.paymentIntent(id)?.invoiceID == invoice.id) }
            }
            let finalized = Set(invoices.filter { $0.finalizedSeconds != nil }.map(\.id))
            let noticed = Set(history.notices.map(\.stripeInvoiceID))
            #expect(finalized == noticed.union(history.unnoticedInvoiceIDs))
            #expect(history.expectedMissedNotices == 6 && noticed.isDisjoint(with: history.unnoticedInvoiceIDs))
            #expect(history.notices.allSatisfy { $0.account == "default" })
        }
    }

    @Test("every other missed notice is a webhook that is still listed as undelivered")
    func undelivered() async throws {
        let history = try history(payments: 2_000)
        try await withWorld(history) { world, client in
            let events = world.undeliveredEvents()
            let recent = history.unnoticedInvoiceIDs
            #expect(!events.isEmpty && events.count <= (recent.count + 1) / 2)
            #expect(events.allSatisfy { $0.type == "invoice.finalized" && recent.contains($0.objectID) })
            let listed = try await client.page("/v1/events?delivery_success=false&limit=100")
            #expect(listed.ids == events.map(\.id))
            #expect(world.undeliveredEvents(types: ["invoice.paid"]).isEmpty)
        }
    }

    @Test("what an expiry has to remove is known, and what only looks stale is refused")
    func expiry() async throws {
        let history = try history(payments: 4_000)
        let expected = history.expectedExpiry
        #expect(Set(expected.intentIDs) == Set(history.plantedIDs[.staleOpen] ?? []) && expected.intentIDs.count == 4)
        try await withWorld(history) { world, _ in
            let drafts = world.allInvoices().filter { $0.status == .draft && now - $0.createdSeconds > 7 * day }
            let stale = drafts.filter { !$0.autoAdvance && !$0.isSubscription }
            #expect(!stale.isEmpty && stale.map(\.id) == expected.draftIDs)
            for id in expected.draftIDs { try world.deleteDraft(id) }
            for id in expected.intentIDs { try world.cancel(paymentIntent: id, reason: "abandoned") }
            for id in history.plantedIDs[.staleCheckout] ?? [] {
                #expect(throws: SandboxError.self) { try world.cancel(paymentIntent: id) }
            }
        }
    }

    @Test("the three histories of one seed agree about the agencies and their customers")
    func agencies() throws {
        let patients = try history(9, each: 1, payments: 2_000)
        let charges = try AgencyHistory(seed: 9, charges: 500, agencies: 20, nowSeconds: now)
        let credits = try CreditHistory(seed: 9, orders: 500, agencies: 20, nowSeconds: now)
        #expect(patients.agencies == credits.agencies && charges.agencies == credits.agencies)
        #expect(credits.agencies.map(\.id) == Array(1...20))
        for agency in credits.agencies {
            #expect(charges.customerID(ofAgency: agency.id) == agency.stripeCustomerID)
            #expect(agency.stripeCustomerID != agency.taskHealthStripeCustomerID)
        }
        let customers = Array(patients.customers)
        #expect(Set(customers.map(\.stripeCustomerID)).count == customers.count)
        #expect(Set(customers.map(\.patientID)).count == customers.count)
        #expect(customers.allSatisfy { (1...20).contains($0.agencyID) })
        #expect(
            Set(customers.map(\.stripeCustomerID)).isDisjoint(with: credits.agencies.compactMap(\.stripeCustomerID)))
        let invoices = Set(patients.notices.map(\.stripeInvoiceID))
        #expect(invoices.isDisjoint(with: charges.notices.map(\.stripeInvoiceID)))
    }

    @Test("a seed is a history; too many plantings and a foreign account are errors that say so")
    func refusals() async throws {
        #expect(try Array(history(5).payments.map(\.intent)) == Array(history(5).payments.map(\.intent)))
        #expect(try Array(history(5).customers) != Array(history(6).customers))
        let error = #expect(throws: AgencyHistoryError.self) {
            _ = try PatientHistory(
                seed: 1, payments: 100, agencies: 3, nowSeconds: now, plants: [.nobodySucceeded: 50])
        }
        #expect(error?.description.contains("nobody_succeeded") == true)
        let history = try history()
        await #expect(throws: SandboxStartError.self) {
            _ = try await SandboxServer.start(
                SandboxConfiguration(accounts: [.medflyt(history: .patients(history))], clockSeconds: now))
        }
    }
}
