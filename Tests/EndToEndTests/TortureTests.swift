import Glibc
import Support
import Testing

/// How many seeds a run of the tests has time for.
private func seeds() -> ClosedRange<UInt64> {
    let text = getenv("TRUEUP_TORTURE_SEEDS").map { String(cString: $0) }
    return 1...(text.flatMap { UInt64($0) } ?? 60)
}

@Suite("Torture")
struct TortureTests {
    @Test("whatever happens, every balance is what was paid less what is reserved")
    func balances() async throws {
        // Test cases by the thousand would all be started at once.
        try await withThrowingTaskGroup(of: (UInt64, [String]).self) { group in
            var rest = seeds().makeIterator()
            func add() -> Bool {
                guard let seed = rest.next() else { return false }
                group.addTask { (seed, try await Torture.faults(seed: seed)) }
                return true
            }
            for _ in 0..<8 where !add() { break }
            while let (seed, faults) = try await group.next() {
                #expect(faults.isEmpty, "seed \(seed)")
                _ = add()
            }
        }
    }

    @Test("each planted bug is noticed", arguments: Habits.planted)
    func planted(_ habits: Habits) async throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            let faults = try await Torture.faults(seed: seed, habits)
            if !faults.isEmpty { return }
        }
        Issue.record("nobody noticed: \(habits.name)")
    }
}

extension Habits: CustomTestStringConvertible {
    var testDescription: String { name }
}
