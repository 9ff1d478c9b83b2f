import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Faults on the way to Stripe")
struct FaultTests {
    /// Each fault by itself, and all at once: the share of requests that it hits, and the client's time-out.
    static let rates: [(rates: [SandboxFault: Double], timeoutMilliseconds: Int)] = [
        ([.rateLimited: 0.2, .lockTimeout: 0.1], 20_000),
        ([.serverError: 0.15, .unavailable: 0.15], 20_000),
        ([.reset: 0.1, .resetAfter: 0.1], 20_000),
        ([.cut: 0.15, .html: 0.15], 20_000),
        ([.timeout: 0.03, .timeoutAfter: 0.03], 700),
        (
            [
                .rateLimited: 0.04, .serverError: 0.04, .unavailable: 0.04, .reset: 0.04, .resetAfter: 0.04, .cut: 0.04,
                .html: 0.04,
            ], 20_000
        ),
    ]

    @Test("a run under faults ends as one without", arguments: rates.indices)
    func survived(_ number: Int) async throws {
        var setup = try NightSetup.credits(seed: 50 + UInt64(number))
        setup.faults = SandboxFaults(rates: Self.rates[number].rates, seed: UInt64(number))
        setup.timeoutMilliseconds = Self.rates[number].timeoutMilliseconds
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let result = try await night.run()
            #expect(result.outcome.problems.isEmpty)
            PlantedTests.check(result, try night.history)
            let grants = try night.history.expectedGrants
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == grants[agency] ?? 0, "agency \(agency)")
            }
            let dealt = night.server.statistics.accounts["task_health"]?.faults ?? [:]
            #expect(!dealt.isEmpty, "no fault was dealt out")
        }
    }

    /// What never goes away, and where.
    static let permanent: [(fault: SandboxFault, path: String)] = [
        (.html, "/v1/invoices?"), (.serverError, "/v1/invoices?"), (.timeout, "/v1/invoices?"),
        (.cut, "/v1/invoices?"), (.rateLimited, "/v1/invoices?"), (.html, "/v1/invoices/"),
        (.unavailable, "/v1/invoices/"), (.emptyPage, "/v1/invoices?"), (.unknownURL, "/v1/invoices?"),
        (.unknownURL, "/v1/invoices/"), (.otherMissing, "/v1/invoices/"),
    ]

    @Test("what could not be read leaves the run incomplete and everything as it was", arguments: permanent.indices)
    func incomplete(_ number: Int) async throws {
        let (fault, path) = Self.permanent[number]
        var setup = try NightSetup.credits(seed: 60, orders: 4_000)
        setup.attempts = 3
        setup.timeoutMilliseconds = fault == .timeout ? 300 : 20_000
        // The first page, or object, comes: what was read is not used either.
        setup.faults = SandboxFaults(
            scripts: (2...800).map { SandboxFaults.Script(fault, occurrence: $0, pathContains: path) })
        try await Night.with(setup) { night in
            try await Self.leaveFindings(night)
            let before = try await night.everything()
            let result = try await night.run()
            #expect(result.outcome.state == .incomplete)
            #expect(result.exitCode == 3)
            #expect(result.findings.isEmpty)
            #expect(!result.outcome.problems.isEmpty)
            #expect(result.outcome.problems.allSatisfy { $0.contains("task_health") })
            #expect(try await night.everything() == before)
            let run = try await night.lastRun()
            #expect(run.state == "incomplete" && run.hasEnded)
            #expect(
                try await night.number("SELECT count(*) FROM pg_class WHERE relname ~ '^staged_invoice_[0-9]'") == 0)
        }
    }

    /// A finding of an earlier run, which a run that read everything would close.
    private static func leaveFindings(_ night: Night) async throws {
        _ = try await night.query(
            """
            WITH run AS (INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                definition_hash, program_version, requested_by, host, process_id, ended_at)
                VALUES ('credit-invoices', 'manual', false, 'drift', 0, 1, '0123', 'test', 'tests', 'here', 1, now())
                RETURNING id)
            INSERT INTO trueup.finding (job, kind, account, stripe_id, local_id, action, explanation, facts,
                first_run_id, last_run_id)
            SELECT 'credit-invoices', 'missed_paid', 'task_health', 'in_gone', '100001', 'apply', 'x', '{}', id, id
            FROM run
            """)
    }

    @Test(
        "where Stripe answers nothing from the start the run does not begin",
        arguments: [SandboxFault.html, .serverError])
    func unreachable(fault: SandboxFault) async throws {
        var setup = try NightSetup.credits(seed: 61, orders: 300, plants: [.paidOpen: 1])
        setup.attempts = 2
        setup.faults = SandboxFaults(rates: [fault: 1])
        try await Night.with(setup) { night in
            let before = try await night.everything()
            await #expect(throws: (any Error).self) { try await night.run() }
            #expect(try await night.everything() == before)
            #expect(try await night.number("SELECT count(*) FROM trueup.run") == 0)
            #expect(night.requests().allSatisfy { $0.path.hasPrefix("/v1/account") })
        }
    }

    @Test("a plan makes only GET requests and changes no table")
    func plan() async throws {
        try await Night.with(try NightSetup.credits(seed: 62)) { night in
            let before = try await night.everything()
            let result = try await night.run(plan: true)
            #expect(result.findings.count == (try night.history.expected.values.reduce(0, +)))
            #expect(result.findings.allSatisfy { ["planned", "information"].contains($0.state) && $0.id == nil })
            #expect(result.tallies.found == (try night.history.expected))
            #expect(try await night.everything() == before)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            // And with findings and repairs of a real run in the tables.
            _ = try await night.run()
            let later = try await night.everything()
            let count = night.requests().count
            let second = try await night.run(plan: true)
            #expect(try await night.everything() == later)
            #expect(night.requests(since: count).allSatisfy { $0.method == "GET" })
            #expect(second.findings.allSatisfy { $0.action != .apply })
        }
    }

    @Test(
        "over a limit nothing is repaired",
        arguments: [
            RepairLimits(maxRepairs: 3, maxRepairShare: 1), RepairLimits(maxRepairs: 500, maxRepairShare: 0.001),
        ])
    func limits(limits: RepairLimits) async throws {
        var setup = try NightSetup.credits(seed: 63)
        setup.limits = limits
        try await Night.with(setup) { night in
            let before = try await night.outcome().components(of: "== findings")[0]
            let result = try await night.run()
            #expect(result.outcome.state == .drift)
            #expect(result.exitCode == 2)
            #expect(result.tallies.repaired.isEmpty)
            #expect(result.tallies.found == (try night.history.expected))
            let word = limits.maxRepairs == 3 ? "limits.max_repairs" : "limits.max_repair_share"
            #expect(result.outcome.problems.contains { $0.contains(word) })
            #expect(try await night.outcome().components(of: "== findings")[0] == before)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
        }
    }

    @Test(
        "a night of a small system repairs its few, and stops at more",
        arguments: [(3, 5, true), (3, 0, false), (6, 5, false)])
    func small(_ lost: Int, _ floor: Int, _ isRepaired: Bool) async throws {
        var setup = try NightSetup.credits(seed: 65, orders: 300, plants: [.paidOpen: lost])
        setup.limits = RepairLimits(maxRepairs: 500, maxRepairShare: 0.001, shareFloor: floor)
        try await Night.with(setup) { night in
            let result = try await night.run()
            #expect(result.outcome.state == (isRepaired ? .repaired : .drift), "\(result.outcome.problems)")
            #expect(result.tallies.repaired.values.reduce(0, +) == (isRepaired ? lost : 0))
        }
    }

    @Test("exactly at the limit everything is repaired, one below nothing", arguments: [0, -1])
    func atTheLimit(difference: Int) async throws {
        var setup = try NightSetup.credits(seed: 64, orders: 300, plants: [.paidOpen: 4, .voidOpen: 3])
        setup.limits = RepairLimits(maxRepairs: 7 + difference, maxRepairShare: 1)
        try await Night.with(setup) { night in
            let result = try await night.run()
            #expect(result.tallies.repaired.values.reduce(0, +) == (difference == 0 ? 7 : 0))
            #expect(result.outcome.state == (difference == 0 ? .repaired : .drift))
        }
    }
}
