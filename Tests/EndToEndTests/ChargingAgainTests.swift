import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Testing

@Suite("Charging again where nobody knows how the last attempt ended")
struct ChargingAgainTests {
    private static let path = "/v1/payment_intents"
    private static let charge = ChargingTests.charge

    private static func failing(_ occurrences: ClosedRange<Int>) -> SandboxFaults {
        SandboxFaults(
            scripts: occurrences.map { .init(.serverError, occurrence: $0, method: "POST", pathContains: path) })
    }

    /// The ends of the keys of all attempts, as Stripe saw them.
    private static func keys(in town: Town) -> [String] {
        town.server.statistics.log.filter { $0.method == "POST" && $0.path == path }
            .map { String($0.idempotencyKey?.suffix(2) ?? "none") }
    }

    /// Agency 1 has another customer from now on.
    private static func changeCustomer(in town: Town) async throws {
        let customer = try town.world("medflyt").insertCustomer(name: "Agency 1, once more", email: nil)
        _ = try await town.query("UPDATE agency SET \"stripeCustomerId\" = $1 WHERE id = 1", customer)
    }

    /// Agency 1 pays with another card from now on.
    private static func changeMethod(in town: Town) async throws {
        let client = town.client("medflyt")
        let customer = try #require(town.payers[1])
        let other = try await client.attachPaymentMethod("pm_card_visa", toCustomer: customer)
        _ = try await client.setDefaultPaymentMethod(other.value.id, ofCustomer: customer)
    }

    /// A charge whose only attempt was answered 500, of a process that was killed before it read the answer.
    private static func unread(in town: Town) async throws {
        let first = try await ChargingTests.charging(in: town, attempts: 1).charge(charge, idempotencyKey: "k")
        #expect(first.outcome == .unknown && first.status == .pending)
        _ = try await town.query("UPDATE trueup.charge_attempt SET is_key_used_up = false")
        _ = try await town.query("DELETE FROM trueup.charge_attempt WHERE outcome <> 'begun'")
    }

    @Test("an agency that has another customer by now does not pay twice", arguments: [false, true])
    func otherCustomer(_ isKeyForgotten: Bool) async throws {
        try await Town.with { town in
            let cut = try await ChargingTests.charging(in: town) { if $0 == .intent { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.charge(Self.charge, idempotencyKey: "k") }
            try await Self.changeCustomer(in: town)
            if isKeyForgotten { town.server.clock.advance(bySeconds: 2 * 86_400) }
            let charging = try await ChargingTests.charging(in: town)
            let intent = try #require(try ChargingTests.intents(in: town).first)
            for _ in 0..<2 {
                let result = try await charging.charge(Self.charge, idempotencyKey: "k")
                // The money came. That it is not of the agency's present customer, a person has to see.
                #expect(result.outcome == .needsPerson && result.status == .pending && result.intentID == intent.id)
                #expect(result.detail?.hasPrefix("customer_mismatch: ") == true, "\(result)")
                #expect(result.detail?.hasSuffix("the charge stays pending until a person decides.") == true)
                try await Self.expectFinding(.customerMismatch, result, in: town)
            }
            #expect(try ChargingTests.intents(in: town).map(\.status) == [.succeeded])
            #expect(Self.keys(in: town) == ["-0"])
        }
    }

    /// What the answer says of the charge, the night says too, and the row is as both say.
    private static func expectFinding(_ kind: FindingKind, _ result: ChargeResult, in town: Town) async throws {
        let noted: [String] = try await town.query(
            "SELECT outcome FROM trueup.charge_attempt WHERE outcome <> 'begun' ORDER BY id DESC LIMIT 1"
        ).map { try $0["outcome"] }
        #expect(noted == ["succeeded"], "what the payment has come to is what Stripe says")
        town.server.clock.advance(bySeconds: 3_600)
        let findings = try await town.run("agency-charges").findings
        #expect(findings.map(\.kind) == [kind] && findings.map(\.action) == [.review], "\(findings)")
        let intent = try #require(result.intentID)
        #expect(findings.map(\.stripeID) == [intent] && findings.map(\.localID) == ["\(result.chargeID)"])
        #expect(result.detail == findings.first.map { "\(kind.rawValue): \($0.explanation)" })
        let found = try await town.query("SELECT stripe_status, local_state FROM trueup.finding")
        try #require(found.count == 1)
        #expect(try found[0]["stripe_status"] as String == "succeeded")
        #expect(try found[0]["local_state"] as String == "pending")
        let row = try await town.query("SELECT status, succeeded_at IS NULL AS waits FROM agency_charge")[0]
        #expect(try row["status"] as String == "pending" && row["waits"] as Bool)
    }

    @Test(
        "a payment that was given back since does not begin to count", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func givenBack(_ version: String) async throws {
        try await Town.with(apiVersion: version) { town in
            let cut = try await ChargingTests.charging(in: town) { if $0 == .intent { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.charge(Self.charge, idempotencyKey: "k") }
            let intent = try #require(try ChargingTests.intents(in: town).first)
            town.server.clock.advance(bySeconds: 60)
            try town.world("medflyt").refund(intent.id)
            for _ in 0..<2 {
                let result = try await ChargingTests.charging(in: town).charge(Self.charge, idempotencyKey: "k")
                #expect(result.outcome == .needsPerson && result.status == .pending && result.intentID == intent.id)
                #expect(result.detail?.hasPrefix("refunded: ") == true, "\(result)")
                try await Self.expectFinding(.refunded, result, in: town)
            }
            #expect(try ChargingTests.intents(in: town).count == 1)
        }
    }

    @Test("an attempt that was not noted, as by an earlier version, is not passed over")
    func unnoted() async throws {
        try await Town.with { town in
            let cut = try await ChargingTests.charging(in: town) { if $0 == .intent { throw Crash() } }
            await #expect(throws: Crash.self) { try await cut.charge(Self.charge, idempotencyKey: "k") }
            _ = try await town.query("DELETE FROM trueup.charge_attempt")
            try await Self.changeCustomer(in: town)
            let charging = try await ChargingTests.charging(in: town)
            for _ in 0..<2 {
                let result = try await charging.charge(Self.charge, idempotencyKey: "k")
                #expect(result.outcome == .unknown && result.status == .pending && result.detail != nil)
            }
            #expect(try ChargingTests.intents(in: town).count == 1)
            #expect(Self.keys(in: town) == ["-0", "-0", "-0"])
        }
    }

    @Test("a failure that Stripe gives again of an earlier call is looked for once, and another key follows")
    func replayed() async throws {
        try await Town.with(faults: Self.failing(1...1)) { town in
            try await Self.unread(in: town)
            let result = try await ChargingTests.charging(in: town).charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(try ChargingTests.intents(in: town).map(\.status) == [.succeeded])
            #expect(Self.keys(in: town) == ["-0", "-0", "-1"])
        }
    }

    @Test("a key that came with another payment method of the same customer is followed by another one")
    func otherMethod() async throws {
        try await Town.with(faults: Self.failing(1...1)) { town in
            try await Self.unread(in: town)
            try await Self.changeMethod(in: town)
            let result = try await ChargingTests.charging(in: town).charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(Self.keys(in: town) == ["-0", "-0", "-1"])
        }
    }

    @Test("a key that came with another customer is followed by none until Stripe has forgotten it")
    func otherCustomersKey() async throws {
        try await Town.with(faults: Self.failing(1...1)) { town in
            try await Self.unread(in: town)
            try await Self.changeCustomer(in: town)
            let charging = try await ChargingTests.charging(in: town)
            for _ in 0..<2 {
                let result = try await charging.charge(Self.charge, idempotencyKey: "k")
                #expect(result.outcome == .unknown && result.status == .pending && result.detail != nil)
            }
            #expect(try ChargingTests.intents(in: town).isEmpty)
            #expect(Self.keys(in: town) == ["-0", "-0", "-0"])
            let noted = try await town.query("SELECT customer FROM trueup.charge_attempt WHERE outcome = 'begun'")
            #expect(try noted.map { try $0["customer"] as String? } == [town.payers[1]])
            town.server.clock.advance(bySeconds: 2 * 86_400)
            let result = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(try ChargingTests.intents(in: town).map(\.status) == [.succeeded])
        }
    }

    @Test("an empty page that says there is more is no sign that nothing was paid")
    func unreadableList() async throws {
        let faults = SandboxFaults(
            scripts: [.init(.serverErrorAfter, method: "POST", pathContains: Self.path)]
                + [1, 2].map { .init(.emptyPage, occurrence: $0, method: "GET", pathContains: Self.path + "?") })
        try await Town.with(faults: faults) { town in
            let charging = try await ChargingTests.charging(in: town, attempts: 1)
            let first = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(first.outcome == .unknown && first.status == .pending)
            let error = await #expect(throws: StripeError.self) {
                try await charging.charge(Self.charge, idempotencyKey: "k")
            }
            #expect(error?.kind == .decoding)
            #expect(Self.keys(in: town) == ["-0"], "no other key is tried")
            let result = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(Self.keys(in: town) == ["-0"])
            #expect(try ChargingTests.intents(in: town).map(\.status) == [.succeeded])
        }
    }

    @Test("while Stripe answers 500, each call makes one attempt, under a key of its own", arguments: [1, 4])
    func failures(_ attempts: Int) async throws {
        // Where it is repeated, what was kept comes back.
        try await Town.with(faults: Self.failing(1...(attempts == 1 ? 3 : 6))) { town in
            let charging = try await ChargingTests.charging(in: town, attempts: attempts)
            for number in 0..<3 {
                let result = try await charging.charge(Self.charge, idempotencyKey: "k")
                #expect(result.outcome == .unknown && result.status == .pending && result.detail != nil)
                #expect(Set(Self.keys(in: town)) == Set((0...number).map { "-\($0)" }))
            }
            let result = try await charging.charge(Self.charge, idempotencyKey: "k")
            #expect(result.outcome == .succeeded && result.status == .succeeded)
            #expect(Self.keys(in: town).last == "-3")
            #expect(try ChargingTests.intents(in: town).map(\.status) == [.succeeded])
        }
    }
}
