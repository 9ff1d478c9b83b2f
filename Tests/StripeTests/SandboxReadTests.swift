import Curl
import Sandbox
import Stripe
import Testing

private let now: Int64 = 1_790_000_000
private let day: Int64 = 86_400

/// The client against the stand-in, in both versions.
@Suite("Money at the stand-in")
struct SandboxReadTests {
    static let versions = ["2023-10-16", "2026-07-29.dahlia"]

    private func withClient(
        _ account: SandboxAccount, _ version: String, _ body: (StripeClient, World) async throws -> Void
    ) async throws {
        let server = try await SandboxServer.start(SandboxConfiguration(accounts: [account], clockSeconds: now))
        let http = HTTPClient(HTTPClient.Configuration())
        let client = StripeClient(
            account: Account(
                name: account.name, secretKey: Secret(account.secretKey), apiVersion: version, apiBase: server.url),
            http: http, budget: .unlimited)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(client, try server.world(of: account.name)))
        } catch {
            outcome = .failure(error)
        }
        await http.close()
        await server.stop()
        try outcome.get()
    }

    private func credits() throws -> CreditHistory {
        let plants = Dictionary(
            uniqueKeysWithValues: (Plant.allCases + Plant.afterPayment + Plant.eventsOnly).map { ($0, 2) })
        return try CreditHistory(
            seed: 3, orders: 1_500, agencies: 12, nowSeconds: now, plants: plants,
            payments: Dictionary(uniqueKeysWithValues: PaymentPlant.allCases.map { ($0, 2) }))
    }

    /// All of a list, page by page.
    private func all<Object: Sendable>(
        _ query: ListQuery, _ id: (Object) -> String,
        _ list: (ListQuery) async throws -> Page<Object>
    ) async throws -> [Object] {
        var query = query
        var found: [Object] = []
        while true {
            let page = try await list(query)
            found += page.objects
            guard page.hasMore, let last = page.objects.last else { return found }
            query.startingAfter = id(last)
        }
    }

    @Test("refunds, disputes and credit notes lead to the invoices that were planted", arguments: versions)
    func reversals(version: String) async throws {
        let history = try credits()
        let planted = Dictionary(grouping: history.orders.filter { $0.plant != nil }) { $0.plant ?? .paidOpen }
            .mapValues { Set($0.compactMap { $0.invoice?.id }) }
        func invoices(_ plants: Plant...) -> Set<String> {
            plants.reduce(into: []) { $0.formUnion(planted[$1] ?? []) }
        }
        try await withClient(.taskHealth(history: .credits(history)), version) { client, _ in
            let refunds = try await all(ListQuery(limit: 3), \Refund.id) { try await client.refunds($0) }
            let disputes = try await all(ListQuery(), \Dispute.id) { try await client.disputes($0) }
            let notes = try await all(ListQuery(), \CreditNote.id) { try await client.creditNotes($0) }
            var refunded: Set<String> = []
            for refund in refunds {
                #expect(refund.stands && refund.charge != nil)
                refunded.insert(try await client.invoiceOfIntent(refund.paymentIntent ?? "") ?? "")
            }
            #expect(refunded == invoices(.refunded, .refundedOld))
            var disputed: Set<String> = []
            for dispute in disputes {
                disputed.insert(try await client.invoiceOfIntent(dispute.paymentIntent ?? "") ?? "")
            }
            #expect(disputed == invoices(.disputed, .disputedOld))
            // The same without a request for each, where charges name their invoices.
            let named = try await all(ListQuery(limit: 3), \Refund.id) {
                try await client.refunds($0, namingInvoices: true)
            }
            let questioned = try await all(ListQuery(), \Dispute.id) {
                try await client.disputes($0, namingInvoices: true)
            }
            let isOld = version == Self.versions[0]
            #expect(Set(named.compactMap(\.invoice)) == (isOld ? refunded : []))
            #expect(Set(questioned.compactMap(\.invoice)) == (isOld ? disputed : []))
            #expect(named.allSatisfy { $0.isChargeShown == isOld } && refunds.allSatisfy { !$0.isChargeShown })
            #expect(questioned.allSatisfy { $0.isChargeShown == isOld } && disputes.allSatisfy { !$0.isChargeShown })
            #expect(named.map { Self.without($0) } == refunds && questioned.map { Self.without($0) } == disputes)
            let credited = notes.filter { $0.stands && $0.creditedAfterPayment > 0 }
            #expect(Set(credited.map(\.invoice)) == invoices(.credited, .creditedOld))
            #expect(Set(notes.map(\.invoice)).isSuperset(of: invoices(.amountMismatchPartial)))
        }
    }

    private static func without(_ refund: Refund) -> Refund {
        var refund = refund
        refund.invoice = nil
        refund.isChargeShown = false
        return refund
    }

    private static func without(_ dispute: Dispute) -> Dispute {
        var dispute = dispute
        dispute.invoice = nil
        dispute.isChargeShown = false
        return dispute
    }

    @Test("an intent leads to its invoice and back, also where an invoice was paid twice", arguments: versions)
    func join(version: String) async throws {
        let history = try credits()
        try await withClient(.taskHealth(history: .credits(history)), version) { client, world in
            for invoice in world.allInvoices().suffix(40) {
                let paid = try await client.sources(ofInvoice: invoice.id)
                #expect(!paid.isUnlisted)
                #expect(paid.sources.isEmpty == (invoice.paymentIntentID == nil))
                for source in paid.sources {
                    guard case .intent(let intent) = source else {
                        Issue.record("\(source) is no intent")
                        continue
                    }
                    let found = try await client.invoiceOfIntent(intent)
                    let all = try await client.invoices(ofIntent: intent)
                    #expect(found == invoice.id && all == [invoice.id])
                }
                guard let intent = invoice.paymentIntentID else { continue }
                #expect(paid.sources.contains(.intent(intent)))
            }
            let again = try #require(history.plantedIntents[.paidTwice])
            #expect(again.count == 2)
            for intent in again {
                let invoice = try #require(intent.invoiceID)
                let found = try await client.invoiceOfIntent(intent.id)
                #expect(found == invoice)
                let own = try #require(world.invoice(invoice)?.paymentIntentID)
                let both = try await client.sources(ofInvoice: invoice).sources
                let intents = version == Self.versions[0] ? [own] : [own, intent.id]
                #expect(Set(both) == Set(intents.map(PaymentSource.intent)))
            }
            for intent in history.plantedIntents[.orphanSucceeded] ?? [] {
                let found = try await client.invoiceOfIntent(intent.id)
                #expect(found == nil)
            }
            for (plant, intents) in history.plantedIntents {
                for intent in intents {
                    let has = try await client.hasCheckoutSession(ofIntent: intent.id)
                    #expect(has == (plant == .staleCheckout))
                }
            }
        }
    }

    @Test("what paid an invoice is found, also a charge alone and an intent of several", arguments: versions)
    func sources(version: String) async throws {
        let isOld = version == Self.versions[0]
        try await withClient(.taskHealth(), version) { client, world in
            var ids: [String] = []
            for amount in [100, 200, 300, 400] as [Int64] {
                let id = try world.insert(SandboxInvoiceDraft(amount: amount))
                try world.finalize(id)
                ids.append(id)
            }
            let charge = try world.payByCharge(ids[0])
            let intent = try world.payTogether([ids[1], ids[2]])
            try world.pay(ids[3], outOfBand: true)
            let alone = try await client.sources(ofInvoice: ids[0])
            #expect(alone == InvoiceSources([.charge(charge)]))
            for id in ids[1...2] {
                let paid = try await client.sources(of: try await client.invoice(id).value)
                #expect(paid.sources.contains(.intent(intent)) && !paid.isUnlisted)
                // Later versions show the invoice's own as well, which is canceled.
                #expect(paid.sources.count == (isOld ? 1 : 2))
            }
            let elsewhere = try await client.sources(ofInvoice: ids[3])
            #expect(elsewhere.sources.count == 1 && !elsewhere.isUnlisted)
            let invoices = try await client.invoices(ofIntent: intent)
            #expect(Set(invoices) == (isOld ? [ids[1]] : [ids[1], ids[2]]))
            let found = try await client.charge(charge).value
            #expect(found.paymentIntent == nil && found.invoice == (isOld ? ids[0] : nil))
            #expect(found.customer == world.invoice(ids[0])?.customerID)
            for id in [charge, intent] { try world.refund(id) }
            let refunds = try await client.refunds(ListQuery(filters: [PaymentSource.charge(charge).filter])).objects
            #expect(refunds.map(\.charge) == [charge] && refunds.map(\.paymentIntent) == [nil])
            let shared = try await client.refunds(ListQuery(filters: [PaymentSource.intent(intent).filter])).objects
            #expect(shared.map(\.amount) == [500] && shared.map(\.paymentIntent) == [intent])
        }
    }

    @Test("the payments of invoices are all there, in later versions only")
    func invoicePayments() async throws {
        let history = try credits()
        let account = SandboxAccount.taskHealth(history: .credits(history))
        try await withClient(account, Self.versions[1]) { client, world in
            let query = ListQuery(createdFrom: now - 30 * day, createdTo: now)
            let payments = try await all(query, \InvoicePayment.id) { try await client.invoicePayments($0) }
            let expected = world.allInvoices().filter {
                $0.paymentIntentID != nil && ($0.finalizedSeconds ?? 0) >= now - 30 * day
            }
            let twice = Set((history.plantedIntents[.paidTwice] ?? []).map(\.id))
            #expect(Set(payments.map(\.id)).count == payments.count)
            let own = payments.filter { !twice.contains($0.paymentIntent ?? "") }
            #expect(Set(own.map(\.invoice)) == Set(expected.map(\.id)))
            #expect(payments.count == own.count + twice.count)
            for payment in payments where payment.status == .paid { #expect(payment.amountPaid != nil) }
        }
        try await withClient(account, Self.versions[0]) { client, _ in
            let error = await #expect(throws: StripeError.self) { try await client.invoicePayments(ListQuery()) }
            #expect(error?.kind == .otherNotFound, "the URL is not known: no payment is said to be absent")
        }
    }

    @Test("charges agree with what became of their intents", arguments: versions)
    func charges(version: String) async throws {
        let history = try AgencyHistory(
            seed: 4, charges: 1_200, agencies: 9, nowSeconds: now,
            plants: Dictionary(
                uniqueKeysWithValues: (ChargePlant.allCases + ChargePlant.eventsOnly).map { ($0, 1) }))
        try await withClient(.medflyt(history: .agency(history)), version) { client, world in
            let charges = try await all(
                ListQuery(createdFrom: now - 60 * day, createdTo: now), \Charge.id, { try await client.charges($0) })
            #expect(charges.count > 100)
            for charge in charges {
                let intent = try #require(world.paymentIntent(charge.paymentIntent ?? ""))
                guard intent.latestChargeID == charge.id else { continue }
                #expect(charge.amount == intent.amount && charge.amountRefunded == intent.refunded)
                #expect(charge.disputed == intent.isDisputed && charge.customer == intent.customerID)
                #expect(charge.refunded == (intent.refunded == intent.amount))
                #expect((charge.invoice != nil) == (version == Self.versions[0] && intent.invoiceID != nil))
                #expect((charge.status == .failed) == intent.isDeclined)
            }
        }
    }

    @Test("a raw page of intents shows the same as a page of values, with charges where they were asked for")
    func rawIntents() async throws {
        let history = try AgencyHistory(seed: 4, charges: 900, agencies: 9, nowSeconds: now)
        for version in Self.versions {
            try await withClient(.medflyt(history: .agency(history)), version) { client, _ in
                let query = ListQuery(createdFrom: now - 20 * day, createdTo: now, limit: 30)
                let values = try await client.paymentIntents(query)
                let page = try await client.intentPage(query)
                #expect(page.paymentIntents == values.objects && page.hasMore == values.hasMore)
                #expect(page.count == 30 && page.lastID == values.objects.last?.id)
                #expect(page.id(at: 7) == values.objects[7].id && page.byteCount > 1_000)
                #expect(page.lastCreatedSeconds == values.objects.last?.createdSeconds)
                #expect(page.requestID.hasPrefix("req_") && page.transferMicroseconds > 0)
                var seen: [PaymentIntent] = []
                var texts: [String?] = []
                page.forEach { intent in
                    seen.append(intent.value)
                    texts.append(intent.latestCharge.map { String(decoding: $0, as: UTF8.self) })
                    #expect(intent.hasFailed == (intent.value.lastPaymentError != nil))
                    #expect(String(decoding: intent.status, as: UTF8.self) == intent.value.status.text)
                }
                #expect(seen == values.objects && texts == values.objects.map(\.latestCharge))
                var whole = query
                whole.filters = [("expand[]", "data.latest_charge")]
                let expanded = try await client.intentPage(whole).paymentIntents
                #expect(expanded.map(\.id) == values.objects.map(\.id))
                #expect(expanded.map(\.latestCharge) == values.objects.map(\.latestCharge))
                for intent in expanded {
                    #expect((intent.chargedSeconds != nil) == (intent.latestCharge != nil))
                    let alone = try await client.paymentIntent(intent.id, expandingCharge: true).value
                    #expect(alone == intent)
                    let plain = try await client.paymentIntent(intent.id).value
                    #expect(plain.chargedSeconds == nil)
                }
            }
        }
    }

    @Test("a stale intent is cancelled once, whatever becomes of the answer")
    func cancel() async throws {
        let history = try credits()
        let id = try #require(history.expectedExpiry.intentIDs.first)
        try await withClient(.taskHealth(history: .credits(history)), Self.versions[0]) { client, world in
            for _ in 0..<2 {
                let done = try await client.cancelPaymentIntent(id, reason: .abandoned, idempotencyKey: "expire-\(id)")
                #expect(done.value.status == .canceled)
            }
            #expect(world.paymentIntent(id)?.status == .canceled)
            let checkout = try #require(history.plantedIntents[.staleCheckout]?.first)
            let refused = await #expect(throws: StripeError.self) {
                try await client.cancelPaymentIntent(checkout.id, reason: .abandoned)
            }
            #expect(refused?.kind == .invalidRequest && refused?.outcomeIsUnknown == false)
        }
    }
}
