import Foundation
import Glibc
import Support
import Synchronization
import Testing

/// Which seeds are tortured, and how many at a time. `make torture` says so; `make test` takes what five minutes hold.
private struct Seeding: Sendable {
    /// Seeds of `make test`, as far as they fit.
    private static let usualCount = 500
    /// A machine that does fewer in five minutes is too slow to prove anything.
    static let countMin = 60
    static let usualSeconds = 300.0

    let seeds: [UInt64]
    /// As many seeds as are under way at once.
    let workers: Int
    /// Whether every seed is wanted, however long it takes.
    let isWhole: Bool
    /// Takes a line for every seed that went well, so that the next call goes on from there.
    let state: String?

    init() {
        func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
        let count = number("TRUEUP_TORTURE_SEEDS")
        let first = UInt64(number("TRUEUP_TORTURE_FROM") ?? 1)
        state = getenv("TRUEUP_TORTURE_STATE").map { String(cString: $0) }
        workers = max(1, number("TRUEUP_TORTURE_WORKERS") ?? 6)
        isWhole = count != nil
        var done: Set<UInt64> = []
        if let state, let text = try? String(contentsOfFile: state, encoding: .utf8) {
            done = Set(text.split(separator: "\n").compactMap { UInt64($0) })
        }
        seeds = (first..<(first + UInt64(count ?? Self.usualCount))).filter { !done.contains($0) }
    }
}

/// How far a torture has come, for whoever waits.
private final class TortureProgress: Sendable {
    private struct State {
        var done = 0
        var failed = 0
        var toldAt = ContinuousClock.now
    }

    private let state = Mutex(State())
    private let count: Int
    private let path: String?
    private let start = ContinuousClock.now

    init(count: Int, path: String?) {
        self.count = count
        self.path = path
    }

    var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// - Throws: where the state cannot be written.
    func end(_ seed: UInt64, _ report: Torture.Report) throws {
        if let fault = report.faults.first {
            say("seed \(seed) FAILED: \(fault)\n  again: make torture FROM=\(seed) SEEDS=1")
        } else if let path {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("\(seed)\n".utf8))
            try handle.close()
        }
        let line = state.withLock { state -> String? in
            state.done += 1
            if !report.faults.isEmpty { state.failed += 1 }
            guard ContinuousClock.now - state.toldAt > .seconds(10) || state.done == count else { return nil }
            state.toldAt = ContinuousClock.now
            let rate = Double(state.done) / max(0.001, seconds)
            let left = Double(count - state.done) / max(0.001, rate)
            return "torture: \(state.done) of \(count) seeds, \(Int(rate * 10) / 10).\(Int(rate * 10) % 10) a second, "
                + "\(state.failed) failed, \(Int(left)) s left"
        }
        if let line { say(line) }
    }

    private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}

@Suite("Torture")
struct TortureTests {
    @Test("whatever happens, balances, charges and notices are what Stripe says")
    func balances() async throws {
        let seeding = Seeding()
        if let state = seeding.state, !FileManager.default.fileExists(atPath: state) {
            try Data().write(to: URL(fileURLWithPath: state))
        }
        let progress = TortureProgress(count: seeding.seeds.count, path: seeding.state)
        var missing = Set(Self.words)
        var done = 0
        // Test cases by the thousand would all be started at once.
        try await withThrowingTaskGroup(of: (UInt64, Torture.Report).self) { group in
            var rest = seeding.seeds.makeIterator()
            func add() -> Bool {
                guard seeding.isWhole || progress.seconds < Seeding.usualSeconds, let seed = rest.next() else {
                    return false
                }
                group.addTask { (seed, try await Torture.report(seed: seed)) }
                return true
            }
            for _ in 0..<seeding.workers where !add() { break }
            while let (seed, report) = try await group.next() {
                done += 1
                try progress.end(seed, report)
                let faults = report.faults.joined(separator: "\n")
                #expect(
                    report.faults.isEmpty, "seed \(seed): \(faults)\n\(report.history.joined(separator: "\n"))")
                missing.subtract(
                    missing.filter { word in report.history.contains { $0.contains(word) } })
                _ = add()
            }
        }
        print("torture: \(done) seeds in \(Int(progress.seconds)) s")
        guard !seeding.isWhole || seeding.seeds.count >= 100 else { return }
        #expect(missing.isEmpty, "never happened")
        #expect(seeding.isWhole || done >= Seeding.countMin, "\(done) seeds are no torture")
    }

    /// What must have happened in some seed: a torture that is not one proves nothing.
    private static let words = [
        "pay in_", "void in_", "placed key", "cut off key", "failed key", "cancelled order", "cut off the cancelling",
        "is paid and stays", "night", "deliver invoice.paid", "deliver invoice.voided", ", cut off", "issue in_",
        "deliver invoice.finalized", "deliver payment_intent.succeeded", "deliver payment_intent.payment_failed",
        "written by hand", "deliver payment_intent.canceled", "cut off charge", ": succeeded, row", ": declined, row",
        ": requires_action, row", ": processing, row", ": unknown, row", "answered 503",
    ]

    @Test("each planted bug is noticed", arguments: Habits.planted)
    func planted(_ habits: Habits) async throws {
        // Most are noticed with the first; what happens meanwhile decides over some.
        for seed in 1...150 as ClosedRange<UInt64> {
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
