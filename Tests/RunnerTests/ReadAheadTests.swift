import Reconciliation
import Runner
import Sandbox
import Support
import Synchronization
import Testing

@Suite("Objects that are read afresh before both sides are joined")
struct ReadAheadTests {
    @Test("where rows name all that can still change, the sides are joined once")
    func once() async throws {
        let plants: [Plant: Int] = [
            .draftStaleOpen: 2, .draftYoungPaid: 2, .openPaid: 2, .openCancelled: 2, .uncollectibleOpen: 2,
            .paidOpen: 2, .voidOpen: 2,
        ]
        #expect(try await joins(of: plants, seed: 1_201) == 1)
    }

    @Test("what no row names takes another join, and is judged as right")
    func twice() async throws {
        #expect(try await joins(of: [.openAbsent: 2, .absentOpen: 2, .openPaid: 2], seed: 1_202) == 2)
    }

    /// How often a night joins both sides. What it finds is checked.
    private func joins(of plants: [Plant: Int], seed: UInt64) async throws -> Int {
        let rounds = Mutex(0)
        try await Night.with(try .credits(seed: seed, plants: plants)) { night in
            let result = try await night.run { progress in
                if case .comparing(_, let round) = progress { rounds.withLock { $0 = max($0, round) } }
            }
            PlantedTests.check(result, try night.history)
        }
        return rounds.withLock { $0 }
    }
}
