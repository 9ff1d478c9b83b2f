import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Input that nobody expects")
struct BadInputTests {
    /// Worlds in which both sides agree, but for what a test does to them.
    private static func charges(seed: UInt64, count: Int = 400) throws -> NightSetup {
        try NightSetup.charges(seed: seed, charges: count, invoices: 0, missedNotices: 0, plants: [:])
    }

    private static func expectOne(
        _ result: RunResult, _ kind: FindingKind, about id: String, _ words: String
    ) {
        #expect(result.findings.map(\.kind) == [kind], "\(result.findings.map(\.explanation))")
        #expect(result.findings.first?.stripeID == id || result.findings.first?.localID == id)
        #expect(result.findings.first?.explanation.contains(words) == true)
        #expect(result.findings.allSatisfy { $0.closedHow == nil && $0.action == .review })
    }

    @Test("a status that is unknown is a finding of its own and no repair, of an invoice and of an intent")
    func unknownStatus() async throws {
        try await Night.with(try .credits(seed: 1_001, orders: 300, plants: [.paidOpen: 1])) { night in
            let order = try #require(try night.history.orders.first { $0.plant == .paidOpen })
            let id = try #require(order.invoice).id
            try night.world.setStrangeStatus(id, "paused_by_review")
            Self.expectOne(try await night.run(), .unknownStatus, about: id, "“paused_by_review”")
            Self.expectOne(
                try await night.run(definition: night.replay()), .unknownStatus, about: id, "“paused_by_review”")
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
        }
        try await Night.with(try Self.charges(seed: 1_002)) { night in
            let charge = try #require(
                try night.agencyHistory.charges.last { $0.row?.status == "succeeded" && $0.intent != nil })
            let id = try #require(charge.intent).id
            try night.world.setStrangeStatus(id, "requires_moonlight")
            Self.expectOne(
                try await night.run(definition: night.charges()), .unknownStatus, about: id, "“requires_moonlight”")
            #expect(try await night.run(definition: night.expire()).findings.isEmpty)
        }
    }

    @Test("an object whose text no database keeps, or a very long one, is judged as it is, and stops no night")
    func unstorableText() async throws {
        try await Night.with(try .credits(seed: 1_005, orders: 300, plants: [.paidOpen: 4])) { night in
            let orders = try night.history.orders.filter { $0.plant == .paidOpen }
            let ids = try orders.map { try #require($0.invoice).id }
            try night.world.setStrangeStatus(ids[0], #"paused\u0000by\ud83dx\udc00"#)
            try night.world.setMetadata(ids[1], ["agency_id": "\(orders[1].agencyID)\u{0}"])
            try night.world.setMetadata(ids[2], ["agency_id": String(repeating: "9", count: 100_000)])
            for night in [night, night] {
                let result = try await night.run()
                #expect(result.outcome.state == .drift && result.outcome.problems.isEmpty)
                let found = Dictionary(grouping: result.findings.filter { $0.closedHow == nil }, by: \.stripeID)
                #expect(found[ids[0]]?.map(\.kind) == [.unknownStatus])
                #expect(found[ids[0]]?[0].explanation.contains("“paused\u{FFFD}by\u{FFFD}x\u{FFFD}”") == true)
                for id in ids[1...2] { #expect(found[id]?.map(\.kind) == [.orderMismatch], "\(result.findings)") }
                #expect(found.count == 3)
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 1)
        }
        try await Night.with(try Self.charges(seed: 1_006)) { night in
            let charge = try #require(
                try night.agencyHistory.charges.last { $0.row?.status == "succeeded" && $0.intent != nil })
            let id = try #require(charge.intent).id
            try night.world.setStrangeStatus(id, #"requires\u0000\ud800"#)
            _ = try night.world.insertPaymentIntent(
                amount: 700, status: .succeeded, createdSeconds: NightSetup.nowSeconds - 3 * 86_400,
                metadata: ["charge_id": "5\u{0}", "agency_id": "\u{0}"])
            let result = try await night.run(definition: night.charges())
            #expect(result.outcome.state == .drift && result.outcome.problems.isEmpty)
            let strange = result.findings.filter { $0.stripeID == id }
            #expect(strange.map(\.kind) == [.unknownStatus], "\(result.findings)")
            #expect(strange.first?.explanation.contains("“requires\u{FFFD}\u{FFFD}”") == true)
        }
    }

    @Test("a status of the table that is unknown is a finding and no repair")
    func unknownLocalStatus() async throws {
        var setup = try Self.charges(seed: 1_003)
        setup.changesSchema = true
        try await Night.with(setup) { night in
            let charge = try #require(try night.agencyHistory.charges.last { $0.row?.status == "succeeded" })
            try await night.pool.withConnection {
                try await $0.run(
                    script: """
                        ALTER TABLE agency_charge DROP CONSTRAINT agency_charge_status_check;
                        UPDATE agency_charge SET status = 'waiting' WHERE id = \(charge.chargeID)
                        """)
            }
            Self.expectOne(
                try await night.run(definition: night.charges()), .unknownStatus, about: String(charge.chargeID),
                "“waiting”")
        }
    }

    @Test("a row whose state or time is empty makes a run incomplete, and nothing is repaired")
    func emptyColumn() async throws {
        var setup = try NightSetup.credits(seed: 1_007, orders: 300, plants: [.paidOpen: 2])
        setup.changesSchema = true
        try await Night.with(setup) { night in
            let key = try await night.number("SELECT min(id) FROM task_credit_stripe_invoice WHERE NOT paid")
            for (column, after) in [("paid", "false"), ("created_at", "now() - interval '900 days'")] {
                try await night.pool.withConnection {
                    try await $0.run(
                        script: """
                            ALTER TABLE task_credit_stripe_invoice ALTER \(column) DROP NOT NULL;
                            UPDATE task_credit_stripe_invoice SET \(column) = NULL WHERE id = \(key)
                            """)
                }
                let result = try await night.run()
                #expect(result.outcome.state == .incomplete && result.exitCode == 3)
                #expect(
                    result.outcome.problems.contains {
                        $0.hasPrefix("Table public.task_credit_stripe_invoice has one row that cannot be compared")
                            && $0.contains("row \(key) (\"\(column)\" is empty)")
                    }, "\(result.outcome.problems)")
                #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
                try await night.pool.withConnection {
                    try await $0.run(
                        script: "UPDATE task_credit_stripe_invoice SET \(column) = \(after) WHERE id = \(key)")
                }
            }
            #expect(try await night.run().outcome.problems.isEmpty)
        }
    }

    @Test("an old order without an amount is named where an invoice leads to it, and the run is incomplete")
    func oldWithoutAmount() async throws {
        var setup = try NightSetup.credits(seed: 1_008, orders: 300, plants: [:])
        setup.changesSchema = true
        try await Night.with(setup) { night in
            let before = NightSetup.nowSeconds - 90 * 86_400
            let key = try await night.number(
                "SELECT min(id) FROM task_credit_stripe_invoice WHERE paid AND created_at < to_timestamp(\(before))")
            try await night.pool.withConnection {
                try await $0.run(
                    script: """
                        ALTER TABLE task_credit_stripe_invoice ALTER amount_cents DROP NOT NULL;
                        UPDATE task_credit_stripe_invoice SET amount_cents = NULL WHERE id = \(key)
                        """)
            }
            #expect(try await night.run().outcome.state == .clean)
            _ = try night.world.insert(
                SandboxInvoiceDraft(
                    amount: 20_000, createdSeconds: NightSetup.nowSeconds - 86_400, metadata: ["order_id": "\(key)"]),
                delivery: .lost)
            let result = try await night.run()
            #expect(result.outcome.state == .incomplete && result.exitCode == 3)
            #expect(
                result.outcome.problems.contains {
                    $0.hasPrefix("Table public.task_credit_stripe_invoice has one row that cannot be compared")
                        && $0.contains("row \(key) (\"amount_cents\" is empty)")
                }, "\(result.outcome.problems)")
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET amount_cents = credits * 20000 WHERE amount_cents IS NULL")
            let filled = try await night.run()
            #expect(filled.outcome.state == .drift && filled.outcome.problems.isEmpty, "\(filled.outcome.problems)")
        }
    }

    @Test("intents of the other mode are refused: nothing of such a page is used")
    func otherMode() async throws {
        try await Night.with(try Self.charges(seed: 1_004)) { night in
            let live = SandboxAccount(
                name: "medflyt", secretKey: "sk_live_sandbox_medflyt", accountID: SandboxAccount.medflyt().accountID,
                readOnlyKey: "sk_test_sandbox_medflyt", livemode: true,
                history: .plain(
                    seed: 1, invoices: 5, paymentIntents: 50, fromSeconds: NightSetup.nowSeconds - 9 * 86_400,
                    toSeconds: NightSetup.nowSeconds - 86_400))
            let server = try await SandboxServer.start(
                SandboxConfiguration(accounts: [live], clockSeconds: NightSetup.nowSeconds))
            var account = night.account()
            account.apiBase = server.url
            let before = try await night.everything()
            for definition in [night.charges(), night.expire()] {
                let result = try await night.run(account: account, definition: definition)
                #expect(result.outcome.state == .incomplete && result.exitCode == 3)
                #expect(result.outcome.problems.contains { $0.contains("is live data") })
            }
            #expect(try await night.everything() == before)
            await server.stop()
        }
    }

    /// What is done to the row of a charge or to its intent's metadata, and what has to be found.
    static let spoiled: [(sql: String, kind: FindingKind, words: String)] = [
        ("currency = 'xts'", .currencyMismatch, "XTS"),
        ("amount_cents = 9223372036854775807", .amountMismatch, "92,233,720,368,547,758.07"),
        ("amount_cents = -1", .amountMismatch, "-$0.01"),
        ("stripe_payment_intent_id = stripe_payment_intent_id || ' '", .malformedID, "white space"),
        ("stripe_payment_intent_id = E'\\t' || stripe_payment_intent_id", .malformedID, "white space"),
        ("stripe_payment_intent_id = lower(stripe_payment_intent_id)", .malformedID, "letter case"),
        ("stripe_payment_intent_id = 'pi_/../x?y=' || id", .malformedID, "where a Stripe id belongs"),
        ("agency_id = agency_id + 500", .orderMismatch, "names agency"),
    ]

    @Test("a spoiled row of a charge is a finding and never a repair", arguments: spoiled.indices)
    func spoiledCharge(_ number: Int) async throws {
        let (sql, kind, words) = Self.spoiled[number]
        var setup = try Self.charges(seed: 1_010)
        guard case .agency(let plain) = setup.history else { throw NightError("no history of charges") }
        // One that would be repaired if it were not spoiled.
        setup.history = .agency(
            try AgencyHistory(
                seed: plain.seed, charges: plain.count, agencies: plain.agencyCount, nowSeconds: plain.nowSeconds,
                invoices: 0, plants: [.succeededPending: 1]))
        try await Night.with(setup) { night in
            let charge = try #require(try night.agencyHistory.charges.first { $0.plant == .succeededPending })
            _ = try await night.query("UPDATE agency_charge SET \(sql) WHERE id = $1", charge.chargeID)
            let before = try await ChargeRunTests.rows(night)
            let result = try await night.run(definition: night.charges())
            let found = result.findings.filter { $0.localID == String(charge.chargeID) }
            #expect(found.map(\.kind) == [kind], "\(result.findings.map(\.explanation))")
            #expect(found.first?.explanation.contains(words) == true, "\(found.map(\.explanation))")
            #expect(result.tallies.repaired.isEmpty)
            #expect(try await ChargeRunTests.rows(night) == before)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
        }
    }

    @Test("metadata that names another agency's row is a finding and never a repair")
    func foreignMetadata() async throws {
        try await Night.with(try Self.charges(seed: 1_021)) { night in
            let rows = try night.agencyHistory.charges.compactMap(\.row)
            let other = try #require(rows.last { $0.status == "succeeded" })
            let customers = try await night.query(
                "SELECT \"stripeCustomerId\" AS id FROM agency WHERE id <> $1 ORDER BY id LIMIT 1", other.agencyID)
            let second = NightSetup.nowSeconds - 3 * 86_400
            // An intent of another agency names the row, which is linked to its own.
            let foreign = try night.world.insertPaymentIntent(
                amount: other.amountCents, status: .succeeded, createdSeconds: second,
                customerID: try customers[0]["id"], metadata: ["charge_id": String(other.id), "agency_id": "999"])
            // And one names a row without an id, with the agency of somebody else.
            _ = try await night.query(
                """
                INSERT INTO agency_charge (id, agency_id, amount_cents, currency, created_at)
                VALUES (5, 1, 700, 'usd', to_timestamp($1))
                """, Double(second))
            let stray = try night.world.insertPaymentIntent(
                amount: 700, status: .succeeded, createdSeconds: second, metadata: ["charge_id": "5", "agency_id": "2"])
            let before = try await ChargeRunTests.rows(night)
            let result = try await night.run(definition: night.charges())
            let kinds = Dictionary(grouping: result.findings, by: \.stripeID).mapValues { $0.map(\.kind) }
            #expect(kinds[foreign] == [.duplicateInStripe] && kinds[stray] == [.orderMismatch], "\(kinds)")
            #expect(result.tallies.repaired.isEmpty)
            #expect(try await ChargeRunTests.rows(night) == before)
        }
        try await Night.with(try .credits(seed: 1_022, orders: 300, plants: [.paidOpen: 1])) { night in
            let order = try #require(try night.history.orders.first { $0.plant == .paidOpen })
            let id = try #require(order.invoice).id
            try night.world.setMetadata(id, ["agency_id": String(order.agencyID + 1)])
            Self.expectOne(try await night.run(), .orderMismatch, about: id, "names agency")
        }
    }

    @Test("a balance that would overflow fails that repair alone, and the row stays as it is")
    func overflow() async throws {
        try await Night.with(try .credits(seed: 1_031, orders: 500, plants: [.paidOpen: 8])) { night in
            let agencies = Set(try night.history.orders.filter { $0.plant == .paidOpen }.map(\.agencyID))
            let full = try #require(agencies.min())
            let spoiled = try night.history.orders.count { $0.plant == .paidOpen && $0.agencyID == full }
            _ = try await night.query(
                "UPDATE task_credit_agency_balance SET balance = 9223372036854775807 WHERE agency_id = $1", full)
            let result = try await night.run()
            #expect(result.tallies.repaired["missed_paid"] == 8 - spoiled && spoiled < 8)
            #expect(result.outcome.state == .drift && result.outcome.problems.count == spoiled)
            #expect(result.outcome.problems.allSatisfy { $0.contains("out of range") }, "\(result.outcome.problems)")
            #expect(try await night.balances()[full] == .max)
            let open = try await night.number(
                """
                SELECT count(*) FROM task_credit_stripe_invoice
                WHERE agency_id = \(full) AND NOT paid AND cancelled_at IS NULL
                """
            )
            #expect(open >= spoiled)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 8 - spoiled)
        }
    }
}
