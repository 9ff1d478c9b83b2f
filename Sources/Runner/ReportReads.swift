import Jobs
import Reconciliation
import Store

/// What the runs of a report and its own queries read of each table and list, and of what each figure is the number.
struct ReportReads {
    private let figures: StatementFigures
    private let jobs: [JobDefinition]

    init(_ figures: StatementFigures, jobs: [JobDefinition]) {
        self.figures = figures
        self.jobs = jobs
    }

    var all: [StatementRead] { figures.runs.flatMap(ofRun) + ofStatement }

    /// Both sides of a run, with the figures that `trueup runs` shows of it.
    private func ofRun(_ rested: RestedRun) -> [StatementRead] {
        let run = rested.run
        var reads = [
            StatementRead(
                name: "Stripe, \(run.job), run \(run.id)", isComplete: run.isComplete,
                reason: run.isComplete ? nil : run.whyIncomplete, pages: rested.pages, rows: run.stripeObjects,
                counted: counted(["objects that the run read and compared"] + lists(of: run.id)))
        ]
        // What a run that is not complete has of the tables was compared with nothing.
        if run.isComplete, run.localRows > 0 {
            reads.append(
                StatementRead(
                    name: "Tables, \(run.job), run \(run.id)", isComplete: true, rows: run.localRows,
                    counted: counted(["rows that the run compared"] + tables(of: run.job))))
            reads += parts(of: run)
        }
        return reads
    }

    /// From the rows that a run compared to those that its control totals are about, which are of its look-back alone:
    /// parts that add up to the row above.
    private func parts(of run: Run) -> [StatementRead] {
        let controls = figures.controls.filter { $0.runID == run.id }
        guard !controls.isEmpty else { return [] }
        let ofPeriod = controls.reduce(0) { $0 &+ $1.local.read.count }
        func part(_ name: String, _ rows: Int64, _ counted: String) -> StatementRead {
            StatementRead(
                name: "Tables, \(run.job), run \(run.id): \(name)", isComplete: true, rows: rows, counted: counted)
        }
        var parts = [
            part("made in its look-back", ofPeriod, "of them: the local rows of Control totals")
        ]
        if let older = run.olderRows {
            parts.append(
                part("made before it", older, "of them: older rows that still waited, read whatever their age"))
        }
        let rest = run.localRows &- ofPeriod &- (run.olderRows ?? 0)
        guard rest != 0 else { return parts }
        let accounts = Set(controls.map(\.account)).joined(separator: ", ")
        let words =
            run.olderRows == nil
            ? "of them: older rows that still waited, and rows that came or went since the run"
            : accounts.contains(", ")
                ? "of them: compared once more for another account, and rows that came or went since the run"
                : "of them: rows that went since the run, less those that came"
        return parts + [part("others", rest, words)]
    }

    private func counted(_ words: [String]) -> String { words.joined(separator: ": ") }

    /// `860 invoices of task_health, 12 payment intents of medflyt`.
    private func lists(of run: Int64) -> [String] {
        var counts: [String: Int64] = [:]
        for control in figures.readByRuns where control.runID == run {
            let noun = control.object == .invoice ? "invoices" : "payment intents"
            counts["\(noun) of \(control.account)", default: 0] += control.readCount
        }
        let words = counts.sorted { $0.key < $1.key }.map { "\(Money.grouped($0.value)) \($0.key)" }
        return words.isEmpty ? [] : [words.joined(separator: ", ")]
    }

    private func tables(of job: String) -> [String] {
        guard case .reconcile(let reconcile)? = jobs.first(where: { $0.name == job })?.kind else { return [] }
        return [reconcile.table.name]
    }

    /// What the statement sums besides, whatever a run looked back to.
    private var ofStatement: [StatementRead] {
        figures.rowsRead.map { table, rows in
            StatementRead(
                name: "Statement, table \(table)", isComplete: true, rows: rows,
                counted: table.hasSuffix("task_credit_agency_balance")
                    ? "rows of now, taken back to the cut-off" : "all rows made before the cut-off")
        }
    }
}
