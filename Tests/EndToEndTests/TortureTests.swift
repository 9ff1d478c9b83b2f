import Glibc
import Support
import Testing

/// How many seeds a run of the tests has time for.
private func seeds() -> ClosedRange<UInt64> {
    let text = getenv("TRUEUP_TORTURE_SEEDS").map { String(cString: $0) }
    return 1...(text.flatMap { UInt64($0) } ?? 100)
}

@Suite("Torture")
struct TortureTests {
    @Test("whatever happens, every balance is what was paid less what is reserved")
    func balances() async throws {
        var missing = Set(Self.words)
        // Test cases by the thousand would all be started at once.
        try await withThrowingTaskGroup(of: (UInt64, Torture.Report).self) { group in
            var rest = seeds().makeIterator()
            func add() -> Bool {
                guard let seed = rest.next() else { return false }
                group.addTask { (seed, try await Torture.report(seed: seed)) }
                return true
            }
            for _ in 0..<8 where !add() { break }
            while let (seed, report) = try await group.next() {
                #expect(report.faults.isEmpty, "seed \(seed): \(report.history.joined(separator: "\n"))")
                for word in Self.words where report.history.contains(where: { $0.contains(word) }) {
                    missing.remove(word)
                }
                _ = add()
            }
        }
        #expect(missing.isEmpty, "never happened")
    }

    /// What must have happened in some seed: a torture that is not one proves nothing.
    private static let words = [
        "pay in_", "void in_", "placed key", "cut off key", "failed key", "cancelled order", "cut off the cancelling",
        "is paid and stays", "night", "deliver invoice.paid", "deliver invoice.voided", ", cut off",
    ]

    @Test("each planted bug is noticed", arguments: Habits.planted)
    func planted(_ habits: Habits) async throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            if let fault = try await Torture.report(seed: seed, habits).faults.first {
                print("\(habits.name): noticed with seed \(seed): \(fault)")
                return
            }
        }
        Issue.record("nobody noticed: \(habits.name)")
    }
}

extension Habits: CustomTestStringConvertible {
    var testDescription: String { name }
}
