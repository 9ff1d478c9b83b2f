import PostgreSQL
import Runner
import Sandbox
import Stripe

// Charges of agencies, and invoices that agencies are told of.
extension Torture {
    /// What agencies pay with: cards that work, that are declined, that want a person; and bank transfers.
    private static let methods = [
        "pm_card_visa", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_authenticationRequired",
        "pm_card_threeDSecureRequired", "pm_usBankAccount",
    ]

    /// Every agency has something to pay with.
    func opening() async throws {
        for agency in Town.agencies { try await setMethod("pm_card_visa", ofAgency: agency) }
        // Where Stripe shows nothing at all, no share of it may be repaired.
        let first = NewCreditOrder(agencyID: 1, memberID: 10, optionID: 1)
        with { $0.wishes["first"] = first }
        try await Self.place(self, first, "first", nil)
    }

    func changeMethod() async throws {
        guard let agency = pick(Town.agencies), let method = pick(Self.methods) else { return }
        log("agency \(agency) pays with \(method)")
        try await setMethod(method, ofAgency: agency)
    }

    private func setMethod(_ method: String, ofAgency agency: Int64) async throws {
        guard let customer = town.payers[agency] else { throw TownError("agency \(agency) has no customer") }
        let client = town.client("medflyt", attempts: 12)
        for _ in 0..<20 {
            do {
                let attached = try await client.attachPaymentMethod(method, toCustomer: customer)
                _ = try await client.setDefaultPaymentMethod(attached.value.id, ofCustomer: customer)
                return
            } catch {
                log("no method yet: \(error)")
            }
        }
        throw TownError("agency \(agency) gets no payment method")
    }

    func wishCharge() async throws {
        let agency = pick(Town.agencies) ?? 1
        let charge = NewCharge(
            agencyID: agency, amount: Int64(50 + draw(100_000)), description: "SMS boost", purpose: "sms_boost")
        let key = with { state in
            let key = "charge \(state.charges.count)"
            state.charges[key] = charge
            return key
        }
        if oneIn(4) {
            async let one: Void = habits.charge(self, charge, key, nil)
            async let two: Void = habits.charge(self, charge, key, nil)
            _ = try await (one, two)
        } else {
            try await habits.charge(self, charge, key, oneIn(3) ? pick(ChargeStep.allCases) : nil)
        }
    }

    var charges: [String: NewCharge] { with { $0.charges } }

    static func charge(_ torture: Torture, _ charge: NewCharge, _ key: String, _ cut: ChargeStep?) async throws {
        let charging = torture.town.charging(attempts: 1 + torture.draw(3)) { if $0 == cut { throw Crash() } }
        do {
            let result = try await charging.charge(charge, idempotencyKey: key)
            torture.log("\(key): \(result.outcome.rawValue), row \(result.chargeID) \(result.status.word)")
        } catch is Crash {
            torture.log("cut off \(key) after \(cut?.rawValue ?? "")")
        } catch let error as StripeError {
            torture.log("failed \(key): \(error)")
        }
    }

    /// A payment that waited comes to an end: the bank's answer, the agency's confirmation, or nobody's.
    func settleIntent() throws {
        let world = try town.world("medflyt")
        let open = world.allPaymentIntents().filter {
            $0.invoiceID == nil && $0.status != .succeeded && $0.status != .canceled
        }
        guard let intent = pick(open) else { return }
        let end = draw(4)
        log("intent \(intent.id) \(["fails", "is cancelled", "succeeds", "succeeds"][end])")
        switch end {
        case 0: try world.fail(paymentIntent: intent.id)
        case 1 where intent.status != .processing: try world.cancel(paymentIntent: intent.id)
        default: try world.succeed(paymentIntent: intent.id)
        }
    }

    /// Medflyt invoices an agency.
    func issue() throws {
        guard let agency = pick(Town.agencies) else { return }
        let world = try town.world("medflyt")
        let id = try world.insert(SandboxInvoiceDraft(amount: 12_300, customerID: town.payers[agency]))
        log("issue \(id)")
        if !oneIn(4) { try world.finalize(id) }
    }

    func moveInvoice() throws {
        switch draw(4) {
        case 0: try change("void", "medflyt", .open) { try $0.void($1) }
        case 1: try change("finalize", "medflyt", .draft) { try $0.finalize($1) }
        case 2: try change("delete", "medflyt", .draft) { try $0.deleteDraft($1) }
        default: try change("pay", "medflyt", .open) { try $0.pay($1) }
        }
    }
}
