import Logging
import Reconciliation
import Runner
import Store

/// The record of a run's end, where there is a log; on a terminal the summary says more.
enum RunLog {
    /// - Parameter told: a command that the run advises, as it can be given.
    static func ended(_ result: RunResult, told: (Advice.Command) -> String) {
        guard Talk.isLogged else { return }
        let counts = result.outcome.counts.values
        let open = counts.map(\.open).reduce(0, +)
        let information = counts.map(\.information).reduce(0, +)
        let repaired = counts.map(\.repaired).reduce(0, +)
        let state = result.outcome.state
        Terminal.tell(
            "run ended",
            "\(result.run.job): run \(result.run.id) ended \(state.rawValue), \(Money.grouped(repaired)) repaired, "
                + "\(Money.grouped(open)) open" + InformationWords.behind(information),
            state.isFailure ? .error : state == .drift ? .warning : .info,
            [
                "trueup.job": "\(result.run.job)", "trueup.run.id": "\(result.run.id)",
                "trueup.run.state": "\(state.rawValue)", "trueup.run.trigger": "\(result.run.trigger)",
                "trueup.run.attempt": "\(result.run.attempt)", "trueup.requests": "\(result.outcome.requests)",
                "trueup.objects.stripe": "\(result.outcome.stripeObjects)",
                "trueup.objects.local": "\(result.outcome.localRows)",
                "trueup.findings.found": "\(counts.map(\.found).reduce(0, +))",
                "trueup.findings.repaired": "\(repaired)", "trueup.findings.open": "\(open)",
                "trueup.findings.information": "\(information)",
            ])
        for problem in result.outcome.advice {
            Terminal.tell(
                "run problem", "\(result.run.job): \(RunSummary.oneLine(problem.text(told)))", .warning,
                ["trueup.job": "\(result.run.job)", "trueup.run.id": "\(result.run.id)"])
        }
    }
}
