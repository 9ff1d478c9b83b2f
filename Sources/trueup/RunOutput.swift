import Jobs
import Runner

/// What a run prints at its end.
struct RunOutput {
    let result: RunResult
    let definition: JobDefinition
    let planPath: String?
    /// The command that made the run.
    let same: SameCommand

    init(_ result: RunResult, definition: JobDefinition, planPath: String?, same: SameCommand) {
        self.same = same
        self.result = result
        self.definition = definition
        self.planPath = planPath
    }

    /// The summary is data where it is all that is printed, and talk beside a JSON document. A plan ends with the line
    /// that sums it up.
    /// - Parameter isOneOfSeveral: each document is a line then.
    func show(json: Bool, quiet: Bool = false, isOneOfSeveral: Bool = false) {
        defer { if json { showDocument(isOneLine: isOneOfSeveral) } }
        if quiet, json || result.isUneventful { return }
        let summary = RunSummary(result, definition: definition, planPath: planPath, same: same)
        guard result.run.isPlan, let made = result.plan else { return Terminal.printSummary(summary, isData: !json) }
        let columns = json ? nil : WrappedLine.terminalColumns
        let head = (summary.heading + summary.accepted + [""]).wrapped(columns)
        let text = (head + PlanView(made).lines(columns: columns)).joined(separator: "\n")
        if json { Terminal.say(text) } else { Terminal.print(text) }
        if let planPath { PlanFile.say(made, path: planPath, next: same.next) }
    }

    private func showDocument(isOneLine: Bool) {
        do {
            try RunDocument(result, told: same.told).write(isOneLine: isOneLine) { Terminal.printRaw($0) }
        } catch {
            Terminal.say("trueup: the run's document could not be written: \(error)")
        }
    }
}
