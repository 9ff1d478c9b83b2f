import Jobs
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Backfills")
struct BackfillTests {
    /// What is compared, and everything that a night of it finds.
    enum Case: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case orders, charges, notices, customers, payments

        var testDescription: String { rawValue }

        func setup() throws -> NightSetup {
            switch self {
            case .orders: try .credits(seed: 301)
            case .charges: try .charges(seed: 302)
            case .notices: try .charges(seed: 303, charges: 60, missedNotices: 6, plants: [:])
            case .customers: try .patients(seed: 304)
            case .payments: try .credits(seed: 305, plants: [:], payments: NightSetup.somePayments)
            }
        }

        func definition(_ night: Night) -> JobDefinition {
            switch self {
            case .orders: night.definition()
            case .charges: night.charges()
            case .notices: night.notices()
            case .customers: night.customers()
            case .payments: night.payments()
            }
        }
    }

    private static let day: Int64 = 86_400

    /// Periods that lie beside each other and cover everything, from before the first object on.
    private static let slices: [Window] = {
        let now = NightSetup.nowSeconds
        let cuts = [now - 4_000 * day, now - 40 * day, now - 13 * day, now - 300]
        return zip(cuts, cuts.dropFirst()).map { Window(fromSeconds: $0, toSeconds: $1) }
    }()

    private static func names(_ findings: [ReportedFinding]) -> [String] {
        findings.map { "\($0.kind.rawValue) \($0.account) \($0.stripeID) \($0.localID)" }
    }

    /// The application's tables, without what is Trueup's own.
    private static func rows(_ night: Night) async throws -> [String] {
        try await night.query(
            """
            SELECT to_jsonb(t)::text AS line FROM task_credit_stripe_invoice t
            UNION ALL SELECT to_jsonb(t)::text FROM agency_charge t
            UNION ALL SELECT to_jsonb(t)::text FROM agency_invoice_notice t
            UNION ALL SELECT to_jsonb(t)::text FROM task_credit_agency_balance t ORDER BY 1
            """
        ).map { try $0["line"] }
    }

    @Test("slices side by side find what a run over the whole does, each thing once", arguments: Case.allCases)
    func slices(_ one: Case) async throws {
        var whole: Set<String> = []
        var repaired = 0
        try await Night.with(one.setup()) { night in
            let all = Window(
                fromSeconds: Self.slices[0].fromSeconds, toSeconds: Self.slices[Self.slices.count - 1].toSeconds)
            let run = try await night.run(
                definition: one.definition(night), range: all, canSend: true, origin: Self.origin)
            #expect(run.outcome.state != .incomplete, "\(run.outcome.problems)")
            whole = Set(Self.names(run.findings))
            repaired = run.tallies.repaired.values.reduce(0, +)
        }
        #expect(whole.count > 3)
        try await Night.with(one.setup()) { night in
            var found: [String] = []
            var made = 0
            for slice in Self.slices {
                let run = try await night.run(
                    definition: one.definition(night), range: slice, canSend: true, origin: Self.origin)
                #expect(run.outcome.state != .incomplete, "\(run.outcome.problems)")
                found += Self.names(run.findings)
                made += run.tallies.repaired.values.reduce(0, +)
            }
            #expect(Set(found) == whole)
            #expect(made == repaired)
            let state = try await Self.rows(night)
            for slice in Self.slices {
                let again = try await night.run(
                    definition: one.definition(night), range: slice, canSend: true, origin: Self.origin)
                #expect(again.tallies.repaired.isEmpty)
            }
            #expect(try await Self.rows(night) == state)
        }
    }

    @Test("a plan over a range changes nothing, and sums up what it would do", arguments: Case.allCases)
    func plan(_ one: Case) async throws {
        try await Night.with(one.setup()) { night in
            let before = try await Self.rows(night)
            let range = Window(
                fromSeconds: Self.slices[0].fromSeconds, toSeconds: Self.slices[Self.slices.count - 1].toSeconds)
            let run = try await night.run(
                plan: true, definition: one.definition(night), range: range, canSend: true, origin: Self.origin)
            #expect(try await Self.rows(night) == before)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            let plan = try #require(run.plan)
            let totals = plan.totals
            #expect(totals.map(\.count).reduce(0, +) == plan.items.count)
            #expect(Set(totals.map { "\($0.kind) \($0.effect) \($0.currency)" }).count == totals.count)
            let grants = plan.items.filter { $0.effect == "grant" }
            #expect(totals.map(\.credits).reduce(0, +) == grants.map(\.credits).reduce(0, +))
            for total in totals {
                let own = plan.items.filter {
                    $0.kind == total.kind && $0.effect == total.effect && $0.currency == total.currency
                }
                #expect(total.amount == own.map(\.amount).reduce(0, +))
            }
        }
    }

    @Test("years without objects take a request for each list, and years before the first object a few at most")
    func emptyYears() async throws {
        try await Night.with(.credits(seed: 307)) { night in
            let begins = StripeHistory.beginsSeconds
            /// How often each list was asked for.
            func pages(_ range: Window) async throws -> [String: Int] {
                let start = night.requests().count
                let run = try await night.run(range: range, origin: Self.origin)
                #expect(run.outcome.state != .incomplete, "\(run.outcome.problems)")
                let lists = night.requests(since: start).map { $0.path.prefix { $0 != "?" } }.filter {
                    ["/v1/invoices", "/v1/refunds", "/v1/disputes", "/v1/credit_notes"].contains($0)
                }
                return Dictionary(lists.map { (String($0), 1) }, uniquingKeysWith: +)
            }
            let empty = try await pages(Window(fromSeconds: begins, toSeconds: begins + 3_650 * Self.day))
            #expect(empty["/v1/invoices"] == 1, "\(empty)")
            let to = NightSetup.nowSeconds - Self.day
            let near = try await pages(Window(fromSeconds: to - 450 * Self.day, toSeconds: to))
            let far = try await pages(Window(fromSeconds: begins, toSeconds: to))
            for (list, count) in far { #expect(count <= (near[list] ?? 0) + 12, "\(list): \(far) after \(near)") }
        }
    }

    @Test("one that was stopped is listed until it has gone on to its end")
    func listed() async throws {
        try await Night.with(.credits(seed: 306)) { night in
            let range = Window(fromSeconds: Self.slices[0].fromSeconds, toSeconds: Self.slices[2].toSeconds)
            let runs = Runs(pool: night.pool)
            let stopper = Stopper()
            let task = Task {
                try await night.run(range: range, origin: Self.origin) { if case .page = $0 { stopper.stop() } }
            }
            stopper.watch(task)
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            let waiting = try await runs.backfills(job: Night.job, endedMax: 5)
            #expect(waiting.map(\.state) == [.interrupted])
            #expect(waiting.first?.period == range)
            let progress = try await night.pool.withConnection { try await ReadProgress.of(run: 1, on: $0) }
            #expect(progress?.windows ?? 0 > 0 && progress?.objects ?? 0 > 0)
            let ended = try await night.run(range: range, origin: Self.origin)
            #expect(ended.run.id == 1 && ended.run.attempt == 2)
            #expect(try await runs.backfills(job: nil, endedMax: 5).map(\.id) == [1])
            #expect(try await runs.backfills(job: "another", endedMax: 5).isEmpty)
            _ = try await night.run(range: Self.slices[1], origin: Self.origin)
            #expect(try await runs.backfills(job: nil, endedMax: 1).map(\.id) == [2])
        }
    }

    @Test(
        "payments of other times that were taken back are not its own: neither compared, nor counted, nor closed",
        arguments: [Case.orders, .charges], ["2023-10-16", "2026-07-29.dahlia"])
    func takenBack(_ one: Case, _ version: String) async throws {
        var setup =
            try one == .orders
            ? NightSetup.credits(seed: 307, orders: 300, plants: [.refunded: 2, .disputed: 2, .credited: 2])
            : NightSetup.charges(
                seed: 308, charges: 600, invoices: 0, missedNotices: 0, plants: [.refunded: 2, .disputed: 2])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let job = one.definition(night)
            let found = try await night.run(definition: job).findings
            #expect(found.count >= (one == .orders ? 6 : 4))
            let open = try await night.number("SELECT count(*) FROM trueup.finding WHERE state = 'open'")
            // Before there was anything; what was taken back was taken back later.
            let before = Window(
                fromSeconds: NightSetup.nowSeconds - 9_000 * Self.day,
                toSeconds: NightSetup.nowSeconds - 8_000 * Self.day)
            let none = try await night.run(definition: job, range: before, origin: Self.origin)
            #expect(none.outcome.state == .clean && none.findings.isEmpty, "\(none.outcome.problems)")
            #expect(none.outcome.stripeObjects == 0 && none.outcome.localRows == 0)
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state = 'open'") == open)
            // About one payment, which was taken back after its range.
            let created = Self.created(one, night)
            var alone = 0
            for finding in found {
                guard let at = created[finding.stripeID], created.values.count(where: { abs($0 - at) <= 2 }) == 1
                else { continue }
                alone += 1
                let range = Window(fromSeconds: at - 1, toSeconds: at + 1)
                let result = try await night.run(definition: job, range: range, origin: Self.origin)
                #expect(Self.names(result.findings) == Self.names([finding]))
                #expect(result.outcome.stripeObjects == 1 && result.outcome.localRows == 1, "\(result.outcome)")
            }
            #expect(alone > 1)
        }
    }

    /// When each object that a case compares was made.
    private static func created(_ one: Case, _ night: Night) -> [String: Int64] {
        let made: [(String, Int64)] =
            one == .orders
            ? night.world.allInvoices().map { ($0.id, $0.createdSeconds) }
            : night.world.allPaymentIntents().map { ($0.id, $0.createdSeconds) }
        return Dictionary(uniqueKeysWithValues: made)
    }

    private static let origin: RunOrigin = {
        var origin = Night.origin
        origin.trigger = .backfill
        return origin
    }()
}
