import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("What holds for a run of every kind")
struct RunPropertyTests {
    /// A job of each kind and comparison.
    static let kinds: [@Sendable (Night) -> JobDefinition] = [
        { $0.definition() }, { $0.charges() }, { $0.notices() }, { $0.customers() }, { $0.payments() },
        { $0.expire() }, { $0.replay() },
    ]

    @Test("a plan makes only GET requests and changes no table", arguments: kinds.indices, Seeds.range(901, 1))
    func dryRun(_ number: Int, seed: UInt64) async throws {
        try await Night.with(try .all(seed: seed)) { night in
            let definition = Self.kinds[number](night)
            let before = try await night.everything()
            let first = try await night.run(plan: true, definition: definition, canSend: true)
            #expect(first.outcome.problems.isEmpty)
            // What only informs is nothing that is planned.
            let states = first.findings.map { $0.state == ($0.action == .inform ? "information" : "planned") }
            #expect(!states.isEmpty && !states.contains(false) && first.findings.allSatisfy { $0.id == nil })
            #expect(try await night.everything() == before)
            // The same with findings and repairs of a real run in the tables: it is about what is left.
            _ = try await night.run(definition: definition, canSend: true)
            let later = try await night.everything()
            let writes = night.requests().count { $0.method != "GET" }
            let second = try await night.run(plan: true, definition: definition, canSend: true)
            #expect(try await night.everything() == later)
            #expect(night.requests().count { $0.method != "GET" } == writes)
            #expect(second.plan?.items.isEmpty == true)
            #expect(
                try await night.number(
                    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^staged_[a-z_]+_[0-9]+$'") == 0)
        }
    }

    @Test("what a plan says is what a run finds and repairs", arguments: kinds.indices, Seeds.range(911, 1))
    func planEqualsRun(_ number: Int, seed: UInt64) async throws {
        try await Night.with(try .all(seed: seed)) { night in
            let definition = Self.kinds[number](night)
            let planned = try await night.run(plan: true, definition: definition, canSend: true)
            let run = try await night.run(definition: definition, canSend: true)
            let words = { (finding: ReportedFinding) in
                "\(finding.kind) \(finding.account) \(finding.stripeID) \(finding.localID) \(finding.explanation)"
            }
            #expect(planned.findings.map(words).sorted() == run.findings.map(words).sorted())
            let items = (planned.plan?.items ?? []).map { "\($0.kind) \($0.stripeID) \($0.localID)" }
            let repaired = run.findings.filter { $0.closedHow == .repaired }
            #expect(items.sorted() == repaired.map { "\($0.kind.rawValue) \($0.stripeID) \($0.localID)" }.sorted())
        }
    }

    @Test("any order of pages and answers ends in the same state", arguments: Seeds.range(921, 2))
    func anyOrder(seed: UInt64) async throws {
        var outcomes: [String] = []
        for round in 0..<3 {
            var setup = try NightSetup.all(seed: seed)
            setup.jitterMilliseconds = [0, 6, 25][round]
            try await Night.with(setup) { night in
                for kind in Self.kinds { _ = try await night.run(definition: kind(night), canSend: true) }
                outcomes.append(try await night.outcome())
            }
        }
        for other in outcomes.dropFirst() {
            let isSame = other == outcomes[0]
            #expect(isSame, "seed \(seed)\n\(TableText.difference(outcomes[0], other))")
        }
    }

    @Test(
        "doing everything twice is doing it once, and no run needs many more requests than it must",
        arguments: Seeds.range(931, 1), ["2023-10-16", "2026-07-29.dahlia"])
    func twice(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.all(seed: seed)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            for kind in Self.kinds {
                let count = night.requests().count
                let result = try await night.run(definition: kind(night), canSend: true)
                let asked = Int64(night.requests(since: count).count)
                #expect(result.outcome.requests == asked, "\(result.run.job)")
                let least = result.outcome.requestsLeast
                #expect(
                    least > 0 && least <= asked && 2 * asked <= 3 * least + 16,
                    "\(result.run.job): \(asked) of \(least)")
            }
            let tables = try await night.outcome().components(of: "== findings")[0]
            let repairs = try await night.number("SELECT count(*) FROM trueup.repair")
            for kind in Self.kinds { _ = try await night.run(definition: kind(night), canSend: true) }
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == repairs)
            let now = try await night.outcome().components(of: "== findings")[0]
            let isSame = now == tables
            #expect(isSame, "seed \(seed)\n\(TableText.difference(tables, now))")
        }
    }
}
