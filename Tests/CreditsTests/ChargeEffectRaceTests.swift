import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Effects on charges that meet")
struct ChargeEffectRaceTests {
    @Test("of fifty successes of one charge at once, one is done", arguments: [ChargeStatus.pending, .failed])
    func fifty(from status: ChargeStatus) async throws {
        try await Till.with(size: 50) { till in
            let expectation = try await till.charge(1, status)
            let outcomes = try await Self.atOnce(
                (0..<50).map { .succeed(atSeconds: 1_700_000_000 + Int64($0)) }, till, expectation)
            #expect(outcomes.count(where: \.isDone) == 1)
            #expect(outcomes.count { $0 == .alreadyDone } == 49)
            // The time is of the one that was done, and no other wrote after it.
            guard case .done(_, let after) = outcomes.first(where: \.isDone) else { return }
            #expect(try await till.canonical(after) == (try await till.snapshot()))
        }
    }

    @Test("of different ends that meet, one is done and the others are refused")
    func endsMeet() async throws {
        try await Till.with { till in
            for round in 0..<40 {
                try await till.empty()
                let expectation = try await till.charge()
                var seeded = Seeded(UInt64(round))
                let effects = ([.cancel, .succeed(atSeconds: 1)] as [ChargeEffect]).shuffled(using: &seeded)
                let outcomes = try await Self.atOnce(effects, till, expectation)
                #expect(outcomes.count(where: \.isDone) == 1)
                #expect(outcomes.count { $0.refusal != nil } == 1)
                let isSucceeded = try await till.value("succeeded_at") != nil
                #expect(try await till.value("status") == (isSucceeded ? "succeeded" : "canceled"))
            }
        }
    }

    @Test("a failure and a success that meet end as succeeded, whichever comes first")
    func failureMeetsSuccess() async throws {
        try await Till.with { till in
            for round in 0..<40 {
                try await till.empty()
                let expectation = try await till.charge()
                var seeded = Seeded(UInt64(round))
                let effects = ([.fail, .succeed(atSeconds: 1)] as [ChargeEffect]).shuffled(using: &seeded)
                let outcomes = try await Self.atOnce(effects, till, expectation)
                #expect(outcomes.count(where: \.isDone) >= 1)
                #expect(try await till.value("status") == "succeeded")
                #expect(try await till.value("succeeded_at") != nil)
            }
        }
    }

    @Test("of twenty rows that are to get one intent's id at once, one gets it")
    func linksMeet() async throws {
        try await Till.with(size: 20) { till in
            var expectations: [Int64: ChargeExpectation] = [:]
            for id in 1...20 as ClosedRange<Int64> { expectations[id] = try await till.charge(id, intent: nil) }
            let known = expectations
            let outcomes = await withTaskGroup(of: Result<EffectOutcome, any Error>.self) { group in
                for (id, expectation) in known {
                    group.addTask {
                        do {
                            return .success(try await till.apply(.link(intentID: "pi_9"), to: id, expectation))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let done = outcomes.count { outcome in
                if case .success(let outcome) = outcome { outcome.isDone } else { false }
            }
            let taken = outcomes.count { outcome in
                if case .failure(let error as PostgresError) = outcome { error.isUniqueViolation } else { false }
            }
            #expect(done == 1)
            #expect(taken == 19)
        }
    }

    @Test("an undoing that meets a change of the row takes back nothing that came after the repair")
    func undoMeetsChange() async throws {
        try await Till.with { till in
            for _ in 0..<20 {
                try await till.empty()
                let expectation = try await till.charge()
                guard case .done(let before, let after) = try await till.apply(.fail, expectation) else {
                    Issue.record("not failed")
                    return
                }
                async let undone = till.undo("fail", before: before, after: after)
                async let succeeded = till.apply(.succeed(atSeconds: 1), expectation)
                _ = try await undone
                // From failed as from pending, so that it is done in either order.
                #expect(try await succeeded.isDone)
                #expect(try await till.value("status") == "succeeded")
            }
        }
    }

    private static func atOnce(
        _ effects: [ChargeEffect], _ till: Till, _ expectation: ChargeExpectation
    ) async throws -> [EffectOutcome] {
        try await withThrowingTaskGroup(of: EffectOutcome.self) { group in
            for effect in effects { group.addTask { try await till.apply(effect, expectation) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
