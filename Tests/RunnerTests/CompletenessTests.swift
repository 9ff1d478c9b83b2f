import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Stripe
import Support
import Synchronization
import Testing

@Suite("Every object exactly once")
struct CompletenessTests {
    /// An account of invoices of every kind, in the 35 days of the period and a little before and after.
    static func plain(seed: UInt64, invoices: Int, skew: SandboxSkew) -> NightSetup {
        var setup = NightSetup(
            .plain(
                seed: seed, invoices: invoices, paymentIntents: 0, fromSeconds: NightSetup.nowSeconds - 37 * 86_400,
                toSeconds: NightSetup.nowSeconds, skew: skew))
        setup.account = "default"
        return setup
    }

    static func expectOnce(_ staged: [String], _ expected: Set<String>) {
        #expect(Set(staged).count == staged.count, "staged twice")
        #expect(expected.subtracting(staged).isEmpty, "missing: \(expected.subtracting(staged).sorted().prefix(3))")
        #expect(Set(staged).subtracting(expected).isEmpty)
    }

    @Test(
        "concurrent windows read every object once, however they lie in time", arguments: [SandboxSkew.even, .bursts])
    func skewed(skew: SandboxSkew) async throws {
        var setup = Self.plain(seed: 21, invoices: skew == .bursts ? 52_000 : 9_000, skew: skew)
        // Requests in flight follow the latency: nearer by, fewer windows do. Bursts are cut for their own sake.
        setup.latencyMilliseconds = skew == .bursts ? 4 : 200
        try await Night.with(setup) { night in
            let staged = try await night.read()
            Self.expectOnce(staged, night.listable())
            #expect(try await night.number("SELECT count(*) FROM trueup.window") > 4, "no window was cut")
            #expect(try await night.number("SELECT count(*) FROM trueup.window WHERE NOT is_done") == 0)
        }
    }

    @Test("few objects, none at all, and all in one second", arguments: [0, 1, 99, 100, 101, 300])
    func few(count: Int) async throws {
        var setup = NightSetup(.empty)
        setup.account = "default"
        try await Night.with(setup) { night in
            for _ in 0..<count {
                _ = try night.world.insert(
                    SandboxInvoiceDraft(amount: 100, createdSeconds: NightSetup.nowSeconds - 86_400))
            }
            Self.expectOnce(try await night.read(), night.listable())
            #expect(night.listable().count == count)
        }
    }

    @Test("a page that was on its way when its window was cut brings nothing twice", arguments: Seeds.range(8_000, 3))
    func cutMeanwhile(seed: UInt64) async throws {
        var setup = NightSetup(.empty)
        setup.account = "default"
        setup.latencyMilliseconds = 3
        try await Night.with(setup) { night in
            // Ever thinner into the past: what is left is always taken for more than it is, and cut again and again.
            var seeded = Seeded(seed)
            var age = 301.0
            while age < 34 * 86_400 {
                let second = NightSetup.nowSeconds - Int64(age)
                _ = try night.world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: second))
                age += Double.random(in: 0...1, using: &seeded) * (age - 300) / 40
            }
            let staged = try await night.read()
            Self.expectOnce(staged, night.listable())
            #expect(staged.count > 300)
        }
    }

    @Test("the bounds of the period: its first second belongs to it, its end does not")
    func bounds() async throws {
        var setup = NightSetup(.empty)
        setup.account = "default"
        try await Night.with(setup) { night in
            let to = NightSetup.nowSeconds - 300
            let from = to - night.setup.lookBackSeconds
            var ids: [Int64: String] = [:]
            for second in [from - 1, from, to - 1, to] {
                ids[second] = try night.world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: second))
            }
            #expect(Set(try await night.read()) == Set([ids[from], ids[to - 1]].compactMap(\.self)))
        }
    }

    @Test("cursors that are deleted while a run pages are survived", arguments: Seeds.range(5_000, 3))
    func deletedCursors(seed: UInt64) async throws {
        var setup = Self.plain(seed: seed, invoices: 3_000, skew: seed.isMultiple(of: 2) ? .even : .bursts)
        // Whatever else the erasing task is in time for, the cursors of these pages are gone when they are used.
        setup.scripts = [2, 5, 9].map { page in
            SandboxScript(account: setup.account, list: "/v1/invoices", page: page, [.erase(.cursor)])
        }
        setup.latencyMilliseconds = 8
        try await Night.with(setup) { night in
            let before = night.listable()
            let isReading = Atomic<Bool>(true)
            async let erasing = Self.eraseCursors(night, while: isReading)
            let staged: [String]
            do {
                staged = try await night.read()
                isReading.store(false, ordering: .relaxed)
            } catch {
                isReading.store(false, ordering: .relaxed)
                _ = try await erasing
                throw error
            }
            let erased = try await erasing.union(before.subtracting(night.listable()))
            #expect(Set(staged).count == staged.count, "staged twice")
            let missing = before.subtracting(erased).subtracting(staged)
            #expect(missing.isEmpty, "missing: \(missing.sorted().prefix(3))")
            #expect(Set(staged).isSubset(of: before))
            let refused = night.requests().count { $0.status == 400 }
            #expect(refused > 0, "no cursor was deleted in time, so nothing was shown")
        }
    }

    /// Erases what the run's windows point at, again and again.
    private static func eraseCursors(_ night: Night, while isReading: borrowing Atomic<Bool>) async throws -> Set<
        String
    > {
        var erased: Set<String> = []
        while isReading.load(ordering: .relaxed), erased.count < 25 {
            let cursors: [String] = try await night.query(
                "SELECT cursor_id FROM trueup.window WHERE NOT is_done AND cursor_id IS NOT NULL"
            ).map { try $0["cursor_id"] }
            for id in cursors where !erased.contains(id) {
                do {
                    try night.world.erase(id)
                    erased.insert(id)
                } catch {
                    // It is gone already.
                }
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        return erased
    }

    @Test("what is inserted, paid, voided and deleted meanwhile disturbs nothing", arguments: Seeds.range(6_000, 3))
    func changing(seed: UInt64) async throws {
        var setup = Self.plain(seed: seed, invoices: 2_500, skew: .bursts)
        setup.latencyMilliseconds = 6
        try await Night.with(setup) { night in
            let before = night.world.allInvoices()
            let pages = Atomic<Int>(0)
            let seeded = Mutex(Seeded(seed))
            let gone = Mutex<Set<String>>([])
            let added = Mutex<Set<String>>([])
            let stopper = Stopper()
            let task = Task {
                try await night.run(plan: true) { progress in
                    if case .comparing = progress { stopper.stop() }
                    guard case .page = progress else { return }
                    pages.add(1, ordering: .relaxed)
                    seeded.withLock { Self.disturb(night.world, before, &$0, gone: gone, added: added) }
                }
            }
            stopper.watch(task)
            await #expect(throws: CancellationError.self) { try await task.value }
            let staged = try await night.staged()
            #expect(Set(staged).count == staged.count, "staged twice")
            let missing = night.listable(before).subtracting(gone.withLock(\.self)).subtracting(staged)
            #expect(missing.isEmpty, "missing: \(missing.sorted().prefix(3))")
            let strange = Set(staged).subtracting(night.listable(before)).subtracting(added.withLock(\.self))
            #expect(strange.isEmpty)
            #expect(!gone.withLock(\.self).isEmpty && !added.withLock(\.self).isEmpty)
        }
    }

    /// A few changes of the kinds that customers and dashboards make.
    private static func disturb(
        _ world: World, _ invoices: [SandboxInvoice], _ seeded: inout Seeded, gone: borrowing Mutex<Set<String>>,
        added: borrowing Mutex<Set<String>>
    ) {
        for _ in 0..<24 {
            let invoice = seeded.pick(invoices)
            do throws(SandboxError) {
                switch (invoice.status, seeded.oneIn(2)) {
                case (.draft, true):
                    try world.deleteDraft(invoice.id)
                    gone.withLock { _ = $0.insert(invoice.id) }
                case (.draft, false): try world.finalize(invoice.id)
                case (.open, true): try world.pay(invoice.id)
                case (.open, false): try world.void(invoice.id)
                default:
                    let second = NightSetup.nowSeconds - Int64.random(in: 1...(36 * 86_400), using: &seeded)
                    let id = try world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: second))
                    added.withLock { _ = $0.insert(id) }
                }
            } catch {
                // It was paid, voided or deleted before.
            }
        }
    }
}
