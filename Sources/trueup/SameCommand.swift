import Store

/// The command that was given, to be given again: with all that decides what is done, and where.
struct SameCommand: Sendable {
    /// `trueup run JOB`, or a backfill with its range and account.
    private let words: String
    private let isPlan: Bool
    /// The directory of the plan files.
    private let plans: String
    /// What leads to the same files and database.
    let next: NextCommand

    init(_ words: String, isPlan: Bool, plans: String, next: NextCommand) {
        self.words = words
        self.isPlan = isPlan
        self.plans = plans
        self.next = next
    }

    /// As it was given.
    var text: String { line(isPlan: isPlan, plans) }

    /// As a plan, which changes nothing.
    /// - Parameter folder: another directory of the plan files.
    func planned(into folder: String? = nil) -> String { line(isPlan: true, folder ?? plans) }

    /// A command that the run of this one advises.
    func told(_ command: Advice.Command) -> String { command.isOwnPlan ? planned() : next.told(command) }

    private func line(isPlan: Bool, _ plans: String) -> String {
        let plan = isPlan ? " --plan" : ""
        let folder = plans == PlanFolder.usual ? "" : " --plans " + NextCommand.word(plans)
        return next.onJobs(words + plan + folder)
    }
}
