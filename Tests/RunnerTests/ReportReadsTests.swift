import Foundation
import Reconciliation
import Reports
import Runner
import Testing

/// What a report says of what was read, held against what the runs say.
@Suite("What reports say was read")
struct ReportReadsTests {
    @Test("the controls have both sides of every run, with the run's own figures, and every table that is summed")
    func reads() async throws {
        try await ReportScene.with(seed: 51) { scene in
            let night = try await scene.night.run()
            _ = try await scene.readHistory()
            let reads = try await scene.report().report.statement.reads
            func read(_ name: String) throws -> StatementRead {
                try #require(reads.first { $0.name == name }, "\(name)")
            }
            let stripe = try read("Stripe, \(Night.job), run \(night.run.id)")
            #expect(stripe.rows == night.outcome.stripeObjects && stripe.pages > 0)
            #expect(stripe.counted.contains("\(Money.grouped(stripe.rows)) invoices of task_health"), "\(stripe)")
            let local = try read("Tables, \(Night.job), run \(night.run.id)")
            #expect(local.rows == night.outcome.localRows && local.counted.contains("task_credit_stripe_invoice"))
            for table in ["task_credit_reservation", "task_credit_adjustment", "task_credit_agency_balance"] {
                let rows = try await scene.night.number("SELECT count(*)::integer FROM \(table)")
                #expect(try read("Statement, table public.\(table)").rows == Int64(rows))
            }
        }
    }

    @Test("the rows that a run compared are those of its control totals and older ones: the parts add up, in the files")
    func parts() async throws {
        try await ReportScene.with(seed: 51) { scene in
            // Rows of before the look-back that still wait, and one that is settled and is not compared.
            let from = NightSetup.nowSeconds - scene.night.setup.lookBackSeconds
            let open = "NOT paid AND cancelled_at IS NULL AND stripe_invoice_id IS NOT NULL"
            try await scene.run(
                """
                UPDATE task_credit_stripe_invoice SET created_at = to_timestamp(\(from) - 86400 - id)
                WHERE id IN (SELECT id FROM task_credit_stripe_invoice WHERE \(open) ORDER BY id LIMIT 3)
                """)
            let night = try await scene.night.run()
            _ = try await scene.readHistory()
            func older(_ more: String) async throws -> Int64 {
                Int64(
                    try await scene.night.number(
                        "SELECT count(*)::integer FROM task_credit_stripe_invoice "
                            + "WHERE created_at < to_timestamp(\(from)) \(more)"))
            }
            let result = try await scene.report()
            let rows = try SheetRows.of("controls", in: result.directory)
            func value(_ name: String) throws -> Int64 {
                let row = try #require(rows.first { $0["name"] as? String == name }, "\(name)")
                return try #require(row["value"] as? Int64)
            }
            let name = "Tables, \(Night.job), run \(night.run.id)"
            let (all, recent) = (try value(name), try value(name + ": made in its look-back"))
            let before = try value(name + ": made before it")
            #expect(all == night.outcome.localRows && all == recent + before)
            // What waited when the run compared: older rows that are settled are not among them.
            #expect(before >= 3 && before == night.outcome.olderRows)
            #expect(try await older("") > before)
            #expect(!rows.contains { ($0["name"] as? String)?.hasSuffix(": others") == true })
            let controls = result.report.statement.controls.filter { $0.runID == night.run.id }
            #expect(recent == controls.reduce(0) { $0 + $1.local.read.count })
            for file in ["report.html", "csv/controls.csv"] {
                let text = try String(contentsOfFile: result.directory + "/" + file, encoding: .utf8)
                #expect(text.contains(name + ": made before it"), "\(file)")
            }
            // A row that somebody deletes after the run is told apart, and the sum still adds up.
            try await scene.run(
                """
                DELETE FROM task_credit_stripe_invoice WHERE id = (SELECT min(id) FROM task_credit_stripe_invoice
                    WHERE created_at >= to_timestamp(\(from)) AND paid)
                """)
            let later = try await scene.report()
            let reads = later.report.statement.reads.filter { $0.name.hasPrefix(name + ":") }
            #expect(reads.map(\.rows).reduce(0, +) == all && reads.map(\.rows).last == 1, "\(reads)")
        }
    }

    @Test("a statement of a time that no run of it looked back to has no match rate")
    func past() async throws {
        try await ReportScene.with(seed: 52) { scene in
            try await scene.readAll()
            // As `trueup backfill` calls it: what it read long ago is history, and no night that a report rests on.
            try await scene.run(
                "UPDATE trueup.run SET trigger = 'backfill' WHERE id = (SELECT max(id) FROM trueup.run)")
            let before = ReportRunTests.cutOff - scene.night.setup.lookBackSeconds - 20 * 86_400
            let past = try await scene.report(period: .asOf(before))
            #expect(past.report.statement.matchRate.per10000 == nil && !past.report.statement.controls.isEmpty)
            let line = try #require(ReportSummary.lines(past.report).first { $0.hasPrefix("Matched") })
            #expect(line.contains("not known: no run"), "\(line)")
            let now = try await scene.report()
            #expect(now.report.statement.matchRate.per10000 != nil)
        }
    }
}

/// Rows of a sheet as the JSON of a report has them.
enum SheetRows {
    static func of(_ key: String, in directory: String) throws -> [[String: Any]] {
        let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/report.json"))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return object?[key] as? [[String: Any]] ?? []
    }
}
