import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Effects on one charge")
struct ChargeEffectTests {
    static let at: Int64 = 1_767_225_600
    static let effects: [ChargeEffect] = [.succeed(atSeconds: at), .cancel, .fail, .link(intentID: "pi_9")]

    @Test("a success writes Stripe's time, and a second one changes nothing")
    func succeedsOnce() async throws {
        try await Till.with { till in
            let expectation = try await till.charge()
            #expect(try await till.apply(.succeed(atSeconds: Self.at), expectation).isDone)
            #expect(try await till.value("status") == "succeeded")
            #expect(try await till.value("succeeded_at") == "2026-01-01T00:00:00+00:00")
            let after = try await till.contents()
            #expect(try await till.apply(.succeed(atSeconds: Self.at + 9), expectation) == .alreadyDone)
            #expect(try await till.contents() == after)
        }
    }

    @Test("a success without a time is made now")
    func succeedsNow() async throws {
        try await Till.with { till in
            #expect(try await till.apply(.succeed(atSeconds: nil), try await till.charge()).isDone)
            let isNow: Bool = try await till.pool.withConnection {
                try await $0.query("SELECT now() - succeeded_at < interval '1 minute' AS yes FROM agency_charge")[0][
                    "yes"]
            }
            #expect(isNow)
        }
    }

    /// From a status by an effect: the status after it; `nil` where it is refused.
    static let moves: [(ChargeStatus, ChargeEffect, ChargeStatus?)] = [
        (.pending, .succeed(atSeconds: at), .succeeded), (.pending, .cancel, .canceled), (.pending, .fail, .failed),
        (.failed, .succeed(atSeconds: at), .succeeded), (.failed, .cancel, nil), (.failed, .fail, .failed),
        (.succeeded, .succeed(atSeconds: at), .succeeded), (.succeeded, .cancel, nil), (.succeeded, .fail, nil),
        (.canceled, .succeed(atSeconds: at), nil), (.canceled, .cancel, .canceled), (.canceled, .fail, nil),
    ]

    @Test("a charge moves only forward: pending to any end, failed to succeeded, and nothing else")
    func stateMachine() async throws {
        try await Till.with { till in
            for (status, effect, end) in Self.moves {
                try await till.empty()
                let expectation = try await till.charge(1, status)
                let before = try await till.contents()
                let outcome = try await till.apply(effect, expectation)
                let what = "\(status.word), \(effect.word): \(outcome)"
                #expect(try await till.value("status") == (end ?? status).word, "\(what)")
                #expect((outcome.refusal != nil) == (end == nil), "\(what)")
                #expect((outcome == .alreadyDone) == (end == status), "\(what)")
                if !outcome.isDone { #expect(try await till.contents() == before, "\(what)") }
                if end == nil { #expect(outcome.refusal?.contains(status.word) == true, "\(what)") }
            }
        }
    }

    @Test("a link writes the id whatever the status, and a second one changes nothing")
    func linksOnce() async throws {
        try await Till.with { till in
            for status in [.pending, .succeeded, .failed, .canceled] as [ChargeStatus] {
                try await till.empty()
                let expectation = try await till.charge(1, status, intent: nil)
                #expect(try await till.apply(.link(intentID: "pi_9"), expectation).isDone)
                #expect(try await till.value("stripe_payment_intent_id") == "pi_9")
                #expect(try await till.value("status") == status.word)
                let after = try await till.contents()
                #expect(try await till.apply(.link(intentID: "pi_9"), expectation) == .alreadyDone)
                let other = try await till.apply(.link(intentID: "pi_8"), expectation)
                #expect(other.refusal?.contains("by now") == true)
                #expect(try await till.contents() == after)
            }
        }
    }

    @Test("an id that another charge has cannot be linked, and nothing is left behind")
    func linkTaken() async throws {
        try await Till.with { till in
            _ = try await till.charge(1, intent: "pi_9")
            let expectation = try await till.charge(2, intent: nil)
            let before = try await till.contents()
            let error = await #expect(throws: PostgresError.self) {
                try await till.apply(.link(intentID: "pi_9"), to: 2, expectation)
            }
            #expect(error?.isUniqueViolation == true)
            #expect(try await till.contents() == before)
        }
    }

    /// What may happen to a row between the decision and the repair.
    static let changes = [
        "DELETE FROM agency_charge", "UPDATE agency_charge SET amount_cents = amount_cents + 1",
        "UPDATE agency_charge SET currency = 'eur'", "UPDATE agency_charge SET agency_id = 8",
        "UPDATE agency_charge SET stripe_payment_intent_id = 'pi_2'",
        "UPDATE agency_charge SET stripe_payment_intent_id = NULL",
    ]

    @Test("a row that moved since the decision is refused and left alone", arguments: changes)
    func refusesMoved(_ change: String) async throws {
        try await Till.with { till in
            let expectation = try await till.charge()
            try await till.run(change)
            let before = try await till.contents()
            for effect in Self.effects.dropLast() {
                let outcome = try await till.apply(effect, expectation)
                #expect(outcome.refusal?.contains("charge 1") == true, "\(effect.word): \(outcome)")
            }
            #expect(try await till.contents() == before)
        }
    }

    @Test("a plan's hash holds the whole row, also what no rule looks at")
    func refusesOtherHash() async throws {
        try await Till.with { till in
            let expectation = try await till.charge()
            let hash = try await till.pool.withConnection { try await till.effects.rowHashes(of: [1, 2], on: $0) }
            #expect(Array(hash.keys) == [1])
            try await till.run("UPDATE agency_charge SET description = 'another'")
            let refused = try await till.apply(.cancel, expectation, rowHash: hash[1])
            #expect(refused.refusal?.contains("changed") == true)
            try await till.run("UPDATE agency_charge SET description = 'SMS “boost”'")
            #expect(try await till.apply(.cancel, expectation, rowHash: hash[1]).isDone)
        }
    }

    @Test("before and after are what the table held, and the undoing goes back exactly")
    func goesBack() async throws {
        try await Till.with { till in
            for (status, effect) in [
                (.pending, Self.effects[0]), (.failed, Self.effects[0]), (.pending, .cancel), (.pending, .fail),
                (.succeeded, Self.effects[3]), (.pending, Self.effects[3]),
            ] as [(ChargeStatus, ChargeEffect)] {
                try await till.empty()
                let expectation = try await till.charge(1, status, intent: effect.word == "link" ? nil : "pi_1")
                // A time that was left over from before is to come back as well.
                if status == .failed { try await till.run("UPDATE agency_charge SET succeeded_at = '2025-12-31 1:2'") }
                let before = try await till.snapshot()
                guard case .done(let told, let toldAfter) = try await till.apply(effect, expectation) else {
                    Issue.record("\(effect.word) was not done")
                    continue
                }
                #expect(try await till.canonical(told) == before)
                let after = try await till.snapshot()
                #expect(try await till.canonical(toldAfter) == after)
                let undone = try await till.undo(effect.word, before: told, after: toldAfter)
                guard case .done(let undoneBefore, let undoneAfter) = undone else {
                    Issue.record("\(effect.word) was not undone: \(undone)")
                    continue
                }
                #expect(try await till.snapshot() == before)
                #expect(try await till.canonical(undoneBefore) == after)
                #expect(try await till.canonical(undoneAfter) == before)
                #expect(try await till.undo(effect.word, before: told, after: toldAfter).refusal != nil)
                #expect(try await till.snapshot() == before)
            }
        }
    }

    @Test("an undoing is refused where the row has moved on, is gone, or is another one")
    func undoRefused() async throws {
        try await Till.with { till in
            let expectation = try await till.charge()
            _ = try await till.charge(2, intent: "pi_2")
            guard case .done(let before, let after) = try await till.apply(.cancel, expectation) else {
                Issue.record("not canceled")
                return
            }
            let then = try await till.contents()
            #expect(try await till.undo("cancel_charge", of: 2, before: before, after: after).refusal != nil)
            #expect(try await till.undo("delete", before: before, after: after).refusal?.contains("delete") == true)
            #expect(try await till.undo("cancel_charge", before: before, after: JSONText("{}")).refusal != nil)
            let elsewhere = JSONText(try await till.snapshot(of: 2))
            #expect(try await till.undo("cancel_charge", before: elsewhere, after: after).refusal != nil)
            #expect(try await till.contents() == then)
            try await till.run("UPDATE agency_charge SET description = 'another' WHERE id = 1")
            let moved = try await till.undo("cancel_charge", before: before, after: after)
            #expect(moved.refusal?.contains("changed since") == true)
            try await till.run("DELETE FROM agency_charge WHERE id = 1")
            let gone = try await till.undo("cancel_charge", before: before, after: after)
            #expect(gone.refusal?.contains("gone") == true)
        }
    }

    @Test("every effect has an undoing, and no undoing has one")
    func undoWords() {
        for effect in Self.effects { #expect(ChargeUndo(undoing: effect.word) != nil, "\(effect.word)") }
        for undo in ChargeUndo.allCases { #expect(ChargeUndo(undoing: undo.rawValue) == nil) }
        #expect(Set(Self.effects.compactMap { ChargeUndo(undoing: $0.word) }) == Set(ChargeUndo.allCases))
    }

    @Test("a table with other names works as well")
    func otherNames() async throws {
        try await Till.with { till in
            try await till.run(
                #"""
                CREATE SCHEMA "Old shop";
                CREATE TABLE "Old shop"."The ""charges""" ("No" integer PRIMARY KEY, "select" varchar(80) UNIQUE,
                    "Cents" integer, "Money" char(3), "How" varchar(20), "Made" timestamptz, "Who" integer,
                    "Got it" timestamptz);
                INSERT INTO "Old shop"."The ""charges""" VALUES (5, 'pi_5', 700, 'usd', 'pending', '2026-01-01', 7)
                """#)
            try await till.pool.transaction { connection in
                let table = try await ChargeTable.resolve(
                    schema: "Old shop", table: "The \"charges\"",
                    columns: [
                        "key": "No", "id": "select", "amount": "Cents", "currency": "Money", "status": "How",
                        "created_at": "Made", "agency_id": "Who", "succeeded_at": "Got it",
                    ], customerColumn: "stripeCustomerId", on: connection)
                let effects = ChargeEffects(table: table)
                guard let charge = try await effects.charge(5, on: connection) else {
                    Issue.record("no charge 5")
                    return
                }
                let done = try await effects.apply(
                    .succeed(atSeconds: Self.at), toCharge: 5, expecting: ChargeExpectation(charge), on: connection)
                guard case .done(let before, let after) = done else {
                    Issue.record("not done: \(done)")
                    return
                }
                #expect(try await effects.charge(5, on: connection)?.status == .succeeded)
                let undone = try await effects.undo(
                    ofCharge: 5, effect: "succeed", before: before, after: after, on: connection)
                #expect(undone == .done(before: after, after: before))
            }
            try await till.run("DROP SCHEMA \"Old shop\" CASCADE")
        }
    }
}
