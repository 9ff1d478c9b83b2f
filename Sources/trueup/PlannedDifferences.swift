import Reconciliation
import Store

/// What people are told of the differences that a plan found: plans keep no findings, so that a list without them says
/// nothing about what is open.
struct PlannedDifferences {
    let plan: Run
    let next: NextCommand

    /// What the list of findings says where nothing but plans has compared anything.
    /// - Parameter isEmpty: the list has nothing, also nothing of plans that were applied.
    func besideList(isEmpty: Bool, _ runs: Runs) async throws -> String {
        let open = try await runs.counts(of: plan.id).values.map(\.open).reduce(0, +)
        let found =
            open == 0
            ? "found nothing to do or to look at"
            : "found \(Money.counted(open, "difference")), which its plan file has"
        let applied = try await runs.lastApplied(of: [plan.job])[plan.job].flatMap { $0 > plan.id ? $0 : nil }
        let since = applied.map { "; run \($0) has applied a plan since" } ?? ""
        let head =
            isEmpty
            ? "No findings: only plans have compared anything, and they keep none."
            : "These may not be all: only plans have compared everything, and they keep no findings."
        return "\(head) The last one, run \(plan.id) of \(printable(plan.job)), \(found)\(since). \(listing)"
    }

    /// What is said when a plan was applied of which some differences are for a person.
    /// - Parameter reviews: how many.
    func afterApply(reviews: Int) -> String {
        let some = Money.counted(Int64(reviews), "difference of this plan needs", "differences of this plan need")
        guard plan.isPlan else {
            return "\(some) a person: " + next.onJobs("trueup findings list --job \(plan.job)")
        }
        return "\(some) a person. \(listing)"
    }

    /// How they get into the list.
    private var listing: String {
        guard plan.trigger == RunTrigger.backfill.rawValue else {
            return "What is open gets into the list of findings by a run, which repairs what its job lets it: "
                + next.onJobs("trueup run \(printable(plan.job))")
        }
        return "What is open gets into the list of findings by the same backfill without --plan, which repairs what "
            + "its job lets it."
    }
}
