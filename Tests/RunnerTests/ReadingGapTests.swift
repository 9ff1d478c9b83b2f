import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Schedule
import Store
import Support
import Testing

@Suite("Days that no run has read")
struct ReadingGapTests {
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400
    /// Longer after the first run than any run makes up for.
    private static let later = now + 100 * day
    /// Between the end of the first run and the look-back of a day.
    private static let gap = Window(fromSeconds: now - 300, toSeconds: later - 300 - day)
    private static let command = "trueup backfill credit-invoices --from 2026-12-23 --to 2027-04-02"

    private static let backfill: RunOrigin = {
        var origin = Night.origin
        origin.trigger = .backfill
        return origin
    }()

    private static func setup(_ seed: UInt64) throws -> NightSetup {
        var setup = try NightSetup.credits(seed: seed, orders: 300, plants: [:])
        setup.lookBackSeconds = day
        return setup
    }

    private static func run(_ night: Night, _ seconds: Int64, isPlan: Bool = false) async throws -> RunResult {
        night.server.clock.set(seconds: seconds)
        return try await night.run(plan: isPlan, nowSeconds: seconds)
    }

    @Test("every run says them, none is clean, and backfills end that, as far as each reads")
    func untilRead() async throws {
        try await Night.with(Self.setup(86)) { night in
            let first = try await Self.run(night, Self.now)
            #expect(first.gaps.isEmpty && first.outcome.state == .clean, "\(first.outcome.problems)")
            let plan = try await Self.run(night, Self.later, isPlan: true)
            #expect(plan.gaps.map(\.period) == [Self.gap] && plan.outcome.state == .drift)
            let second = try await Self.run(night, Self.later)
            #expect(second.gaps.map(\.period) == [Self.gap])
            #expect(second.outcome.state == .drift && second.exitCode == 2)
            let said = try #require(second.outcome.problems.first)
            #expect(said.contains("from 2026-12-23 to 2027-04-01") && said.hasSuffix(Self.command), "\(said)")
            // Where the runs have read up to is beyond it by now.
            let third = try await Self.run(night, Self.later + Self.day)
            #expect(third.outcome.state == .drift && third.gaps == second.gaps)
            #expect(third.outcome.problems == [said])

            let half = Self.gap.fromSeconds + 40 * Self.day
            for (from, to) in [(Self.gap.fromSeconds, half), (half, Self.gap.toSeconds)] {
                let rest = try await Self.run(night, Self.later + 2 * Self.day)
                #expect(rest.gaps.map(\.period) == [Window(fromSeconds: from, toSeconds: Self.gap.toSeconds)])
                // A plan reads nothing that counts, and a backfill says nothing of other days.
                for isPlan in [true, false] {
                    let result = try await night.run(
                        plan: isPlan, nowSeconds: Self.later + 2 * Self.day,
                        range: Window(fromSeconds: from, toSeconds: to), origin: Self.backfill)
                    #expect(result.gaps.isEmpty && result.outcome.problems.isEmpty, "\(result.outcome.problems)")
                }
            }
            let last = try await Self.run(night, Self.later + 3 * Self.day)
            #expect(last.gaps.isEmpty && last.outcome.problems.isEmpty, "\(last.outcome.problems)")
            #expect(last.outcome.state == .clean && last.exitCode == 0)
        }
    }

    @Test("what was taken back in these days of an older payment is found by the first run after them")
    func takenBack() async throws {
        try await Night.with(Self.setup(91)) { night in
            _ = try await Self.run(night, Self.now)
            let order = try #require(
                try night.history.orders.first { $0.row?.paid == true && $0.invoice?.status == .paid })
            let id = try #require(order.invoice).id
            night.server.clock.set(seconds: Self.now + 20 * Self.day)
            try night.world.refund(try #require(night.world.invoice(id)?.paymentIntentID))
            let second = try await Self.run(night, Self.later)
            #expect(second.gaps.map(\.period) == [Self.gap])
            let own = second.findings.filter { $0.stripeID == id }
            #expect(own.map(\.kind) == [.refunded] && own.map(\.state) == ["open"], "\(own)")
            // The backfill of these days is about other payments, and leaves it as it is.
            let filled = try await night.run(nowSeconds: Self.later, range: Self.gap, origin: Self.backfill)
            #expect(!filled.findings.contains { $0.stripeID == id })
            let last = try await Self.run(night, Self.later + Self.day)
            #expect(last.gaps.isEmpty && last.outcome.state == .drift, "\(last.outcome.problems)")
            #expect(last.findings.filter { $0.stripeID == id }.map(\.state) == ["open"])
        }
    }

    @Test("an occurrence says them as well, and ends with them")
    func scheduled() async throws {
        try await Night.with(Self.setup(87)) { night in
            _ = try await Self.run(night, Self.now)
            night.server.clock.set(seconds: Self.later)
            let definition = night.definition()
            let occurrences = Occurrences(pool: night.pool)
            _ = try await occurrences.learn([KnownJob(definition)])
            let at = try await occurrences.nowSeconds()
            let planned = PlannedOccurrence(
                nominalSeconds: at,
                window: OccurrenceWindow(fromSeconds: Self.later - Self.day, toSeconds: Self.later),
                notBeforeSeconds: at - 1, startBeforeSeconds: at + 3_600)
            let new = NewOccurrence(job: definition.name, definitionHash: definition.hash, planned: planned)
            _ = try await occurrences.insert([new], dealtWith: [:])
            let lease = try #require(
                try await occurrences.claim(for: "w", jobs: [definition.name], leaseSeconds: 600, limit: 1).first)
            var origin = Night.origin
            origin.trigger = .schedule
            let pool = Pool(night.target, size: JobRun.poolSize, applicationName: "run")
            let result = try await JobRun(
                definition: definition, jobs: night.jobs, clients: night.clients(), pool: pool, origin: origin,
                isPlan: false, nowSeconds: Self.later, lease: lease
            ).run()
            await pool.close()
            #expect(result.gaps.map(\.period) == [Self.gap] && result.outcome.state == .drift)
            let ended = try await occurrences.occurrence(of: definition.name, atSeconds: at)
            #expect(ended?.state == .done && ended?.result == "drift")
            #expect(ended?.detail?.hasSuffix(Self.command) == true)
        }
    }

    @Test("events that Stripe lists no more are noted by the run that came too late for them, and by no other")
    func events() async throws {
        try await Night.with(Self.setup(88)) { night in
            _ = try await Self.run(night, Self.now)
            let second = try await Self.run(night, Self.now + 20 * Self.day)
            #expect(second.outcome.problems.isEmpty, "\(second.outcome.problems)")
            // All objects are made up for; the events of a day are not.
            let third = try await Self.run(night, Self.now + 51 * Self.day)
            #expect(third.gaps.isEmpty)
            let notes = third.outcome.problems.filter { $0.contains("has read the events of ") }
            #expect(notes.count == 1 && third.outcome.problems.count == 1, "\(third.outcome.problems)")
            #expect(third.outcome.state == .clean || third.outcome.state == .repaired)
            #expect(try await Self.run(night, Self.now + 52 * Self.day).outcome.problems.isEmpty)
        }
    }

    @Test("a replay that comes late reads all the events that Stripe still lists")
    func replay() async throws {
        try await Night.with(Self.setup(89)) { night in
            var definition = night.replay(["invoice.paid"])
            guard case .replay(var job) = definition.kind else { throw NightError("no replay") }
            job.lookBackSeconds = Self.day
            definition.kind = .replay(job)
            _ = try await night.run(nowSeconds: Self.now, definition: definition)
            for (days, from) in [(20, Self.now - 300), (70, Self.now + 40 * Self.day - 300)] as [(Int64, Int64)] {
                let at = Self.now + days * Self.day
                night.server.clock.set(seconds: at)
                let result = try await night.run(nowSeconds: at, definition: definition)
                #expect(result.run.period == Window(fromSeconds: from, toSeconds: at - 300))
                let isLate = result.outcome.problems.contains { $0.contains("no run of replay-events has read") }
                #expect(isLate == (days == 70), "\(result.outcome.problems)")
            }
        }
    }

    @Test("what expires is listed from where the last run ended, however long ago that was")
    func expire() async throws {
        try await Night.with(Self.setup(90)) { night in
            var definition = night.expire()
            guard case .expire(var job) = definition.kind else { throw NightError("no expiry") }
            job.lookBackSeconds = Self.day
            definition.kind = .expire(job)
            let first = try await night.run(nowSeconds: Self.now, definition: definition)
            night.server.clock.set(seconds: Self.later)
            let second = try await night.run(nowSeconds: Self.later, definition: definition)
            #expect(second.run.period.fromSeconds == first.run.period.toSeconds)
            #expect(second.gaps.isEmpty)
        }
    }
}
