import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Testing

@Suite("Charging agencies")
struct ChargingTests {
    static let charge = NewCharge(agencyID: 1, amount: 4_999, description: "SMS boost", purpose: "sms_boost")

    /// A charging whose agency 1 pays with this test method by default.
    static func charging(
        in town: Town, method: String = "pm_card_visa", attempts: Int = 4,
        at checkpoint: @escaping @Sendable (ChargeStep) async throws -> Void = { _ in }
    ) async throws -> AgencyCharging {
        let client = town.client("medflyt", attempts: attempts)
        let customer: String = try await town.query("SELECT \"stripeCustomerId\" AS id FROM agency WHERE id = 1")[0][
            "id"]
        if try await client.customer(customer).value.defaultPaymentMethod == nil, !method.isEmpty {
            let attached = try await client.attachPaymentMethod(method, toCustomer: customer)
            _ = try await client.setDefaultPaymentMethod(attached.value.id, ofCustomer: customer)
        }
        return town.charging(attempts: attempts, at: checkpoint)
    }

    static func intents(in town: Town) throws -> [SandboxPaymentIntent] {
        try town.world("medflyt").allPaymentIntents()
    }

    @Test("a charge is a row and a payment that names it", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func whole(_ version: String) async throws {
        try await Town.with(apiVersion: version) { town in
            let charging = try await Self.charging(in: town)
            let result = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded && result.detail == nil)
            let intents = try Self.intents(in: town)
            #expect(intents.map(\.id) == [result.intentID])
            #expect(intents.first?.metadata == ["charge_id": "\(result.chargeID)", "agency_id": "1"])
            let row = try await town.query("SELECT * FROM agency_charge")
            try #require(row.count == 1)
            #expect(try row[0]["purpose"] as String == "sms_boost" && row[0]["amount_cents"] as Int64 == 4_999)
            #expect(try row[0]["description"] as String == "SMS boost" && row[0]["status"] as String == "succeeded")
            let again = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(again == result, "the same key is the same charge")
            var other = Self.charge
            other.amount += 1
            await #expect(throws: ChargingError.keyConflict) { try await charging.charge(other, idempotencyKey: "k") }
            #expect(try Self.intents(in: town).count == 1)
            town.server.clock.advance(bySeconds: 3_600)
            #expect(try await town.run("agency-charges").findings.isEmpty)
        }
    }

    static let ends: [(String, ChargeResult.Outcome, ChargeStatus, String?)] = [
        ("pm_card_chargeDeclinedInsufficientFunds", .declined, .failed, "insufficient_funds"),
        ("pm_card_authenticationRequired", .declined, .failed, "authentication_required"),
        ("pm_card_threeDSecureRequired", .requiresAction, .pending, nil),
        ("pm_usBankAccount", .processing, .pending, nil),
    ]

    @Test("declines, open ends and transfers are recorded as what they are", arguments: ends)
    func endings(_ method: String, _ outcome: ChargeResult.Outcome, _ status: ChargeStatus, _ word: String?)
        async throws
    {
        try await Town.with { town in
            let charging = try await Self.charging(in: town, method: method)
            let result = try await charging.charge(Self.charge)
            #expect(result.outcome == outcome && result.status == status)
            #expect(result.intentID != nil)
            if let word { #expect(result.detail?.contains(word) == true) }
            let notes = try await town.query(
                "SELECT outcome, stripe_payment_intent_id AS id, customer FROM trueup.charge_attempt a ORDER BY a.id")
            #expect(try notes.map { try $0["outcome"] as String } == ["begun", outcome.rawValue])
            #expect(try notes.map { try $0["customer"] as String? } == [town.payers[1], nil])
            #expect(try notes.map { try $0["id"] as String? } == [nil, result.intentID])
            town.server.clock.advance(bySeconds: 3_600)
            #expect(try await town.run("agency-charges").findings.isEmpty, "both sides agree")
        }
    }

    @Test("what cannot be charged leaves neither row nor payment")
    func refused() async throws {
        try await Town.with { town in
            let charging = try await Self.charging(in: town, method: "")
            var small = Self.charge
            small.amount = 49
            await #expect(throws: ChargingError.tooSmall(49)) { try await charging.charge(small) }
            var stranger = Self.charge
            stranger.agencyID = 9
            await #expect(throws: ChargingError.noAgency(9)) { try await charging.charge(stranger) }
            do {
                _ = try await charging.charge(Self.charge)
                Issue.record("an agency without payment method was charged")
            } catch ChargingError.noPaymentMethod(let agency, _) {
                #expect(agency == 1)
            }
            #expect(try await town.number("SELECT count(*) FROM agency_charge") == 0)
            #expect(try Self.intents(in: town).isEmpty)
        }
    }

    @Test(
        "cut off after any step, the same key takes no second payment, and neither does the night",
        arguments: ChargeStep.allCases, [true, false])
    func resumed(_ step: ChargeStep, _ isAskedAgain: Bool) async throws {
        let isCharged = step == .intent || step == .stored
        try await Town.with { town in
            let cut = try await Self.charging(in: town) { if $0 == step { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.charge(Self.charge, idempotencyKey: "k") }
            if isAskedAgain {
                town.server.clock.advance(bySeconds: 2 * 86_400)
                let result = try await Self.charging(in: town).charge(Self.charge, idempotencyKey: "k")
                #expect(result.outcome == .succeeded && result.status == .succeeded)
            } else {
                town.server.clock.advance(bySeconds: 3_600)
                let run = try await town.run("agency-charges")
                let status: String = try await town.query("SELECT status FROM agency_charge")[0]["status"]
                #expect(status == (isCharged ? "succeeded" : "pending"))
                if !isCharged { #expect(run.findings.map(\.kind) == [.unlinkedOrder], "it was never charged") }
            }
            #expect(try Self.intents(in: town).count == (isCharged || isAskedAgain ? 1 : 0))
        }
    }

    @Test("one failure of the payment takes no second one", arguments: SandboxFault.allCases)
    func faults(_ fault: SandboxFault) async throws {
        let faults = SandboxFaults(scripts: [.init(fault, method: "POST", pathContains: "/v1/payment_intents")])
        try await Town.with(faults: faults) { town in
            let charging = try await Self.charging(in: town, attempts: 1)
            var outcome = ChargeResult.Outcome.unknown
            for _ in 0..<4 where outcome == .unknown {
                let result = try await charging.charge(Self.charge, idempotencyKey: "k")
                if result.outcome == .unknown { #expect(result.status == .pending && result.detail != nil) }
                outcome = result.outcome
            }
            #expect(outcome == .succeeded)
            #expect(try Self.intents(in: town).map(\.status) == [.succeeded])
            let status: String = try await town.query("SELECT status FROM agency_charge")[0]["status"]
            #expect(status == "succeeded")
        }
    }
}

extension ChargingTests {
    @Test("a failure of the look at a payment that was made takes no second one", arguments: SandboxFault.allCases)
    func looking(_ fault: SandboxFault) async throws {
        let faults = SandboxFaults(scripts: [.init(fault, method: "GET", pathContains: "/v1/payment_intents/")])
        try await Town.with(faults: faults) { town in
            let charging = try await Self.charging(in: town, attempts: 1)
            var result = try await charging.charge(Self.charge, idempotencyKey: "k")
            if result.outcome == .unknown { result = try await charging.charge(Self.charge, idempotencyKey: "k") }
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(try Self.intents(in: town).map(\.status) == [.succeeded])
        }
    }

    @Test("a failure that Stripe keeps, followed by another payment method, is no dead end")
    func methodChanged() async throws {
        let faults = SandboxFaults(scripts: [
            .init(.serverError, method: "POST", pathContains: "/v1/payment_intents"),
            .init(.serverError, method: "GET", pathContains: "/v1/payment_intents?"),
        ])
        try await Town.with(faults: faults) { town in
            let first = try await Self.charging(in: town, attempts: 1).charge(Self.charge, idempotencyKey: "k")
            #expect(first.outcome == .unknown && first.status == .pending)
            #expect(try Self.intents(in: town).isEmpty)
            let client = town.client("medflyt")
            let customer = try #require(town.payers[1])
            let other = try await client.attachPaymentMethod("pm_card_visa", toCustomer: customer)
            _ = try await client.setDefaultPaymentMethod(other.value.id, ofCustomer: customer)
            let result = try await Self.charging(in: town).charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded)
            #expect(try Self.intents(in: town).map(\.status) == [.succeeded])
        }
    }
}

@Suite("Customers and payment methods")
struct OperationTests {
    @Test("the operations of each account", arguments: ["default", "medflyt", "task_health"])
    func operations(_ account: String) async throws {
        for version in ["2023-10-16", "2026-07-29.dahlia"] {
            try await Town.with(apiVersion: version) { town in
                let client = town.client(account)
                let draft = CustomerDraft(name: "Zoë & Co", email: "z@example.com", metadata: [("agency_id", "7")])
                let customer = try await client.createCustomer(draft, idempotencyKey: "c").value
                #expect(try await client.createCustomer(draft, idempotencyKey: "c").value == customer)
                #expect(customer.name == "Zoë & Co" && customer.email == "z@example.com" && !customer.livemode)
                let setup = try await client.createSetupIntent(
                    SetupIntentDraft(customer: customer.id, description: "card", metadata: [("a", "b")])
                ).value
                #expect(setup.status == "requires_payment_method" && setup.customer == customer.id)
                #expect(setup.clientSecret?.hasPrefix(setup.id) == true)
                let card = try await client.attachPaymentMethod("pm_card_visa", toCustomer: customer.id).value
                let bank = try await client.attachPaymentMethod("pm_usBankAccount", toCustomer: customer.id).value
                #expect(card.type == "card" && card.cardBrand == "visa" && card.lastDigits == "4242")
                #expect(bank.type == "us_bank_account" && bank.lastDigits == "6789" && bank.customer == customer.id)
                let all = try await client.paymentMethods(ofCustomer: customer.id).objects.map(\.id)
                #expect(all == [bank.id, card.id])
                let cards = try await client.paymentMethods(ofCustomer: customer.id, kind: .card).objects
                #expect(cards.map(\.id) == [card.id])
                #expect(
                    try await client.setDefaultPaymentMethod(card.id, ofCustomer: customer.id).value
                        .defaultPaymentMethod == card.id)
                let plaid = try await client.addBank(
                    token: "btok_us_verified", toCustomer: customer.id, metadata: [("plaid", "1")]
                ).value
                #expect(plaid.status == "verified" && plaid.customer == customer.id)
                let read = try await client.customer(customer.id).value
                #expect(read.defaultPaymentMethod == card.id && read.defaultSource == plaid.id)
                let posts = town.server.statistics.log.filter { $0.method == "POST" }
                #expect(posts.allSatisfy { $0.idempotencyKey?.isEmpty == false }, "a key on every POST")
            }
        }
    }

    @Test("what is below the minimum, or somebody else's, is refused")
    func refusals() async throws {
        try await Town.with { town in
            let client = town.client("medflyt")
            let one = try await client.createCustomer(CustomerDraft(name: "One")).value.id
            let two = try await client.createCustomer(CustomerDraft(name: "Two")).value.id
            let card = try await client.attachPaymentMethod("pm_card_visa", toCustomer: one).value.id
            let before = town.server.statistics.total
            await #expect(throws: StripeError.self) {
                try await client.createPayment(PaymentDraft(customer: one, paymentMethod: card, amount: 49))
            }
            #expect(town.server.statistics.total == before, "no request was sent")
            await #expect(throws: StripeError.self) {
                try await client.createPayment(PaymentDraft(customer: two, paymentMethod: card, amount: 50))
            }
            await #expect(throws: StripeError.self) {
                try await client.setDefaultPaymentMethod(card, ofCustomer: two)
            }
            await #expect(throws: StripeError.self) {
                try await client.attachPaymentMethod(card, toCustomer: two)
            }
            let paid = try await client.createPayment(PaymentDraft(customer: one, paymentMethod: card, amount: 50))
            #expect(paid.value.status == .succeeded && paid.value.amountReceived == 50)
        }
    }
}
