import Jobs

/// Accounts of replay jobs whose events would have no effect: no reconcile job compares anything of them that webhooks
/// change. Such a job fails each time that it runs.
struct ReplayCover {
    private let covered: Set<String>

    init(_ set: JobSet) {
        covered = Set(
            set.jobs.flatMap { definition -> [String] in
                guard case .reconcile(let job) = definition.kind, [.orders, .charges, .notices].contains(job.side)
                else { return [] }
                return job.accounts
            })
    }

    /// What is wrong with a job; `nil`: nothing.
    func problem(of definition: JobDefinition) -> String? {
        guard case .replay(let job) = definition.kind else { return nil }
        let missing = job.accounts.filter { !covered.contains($0) }
        guard !missing.isEmpty else { return nil }
        let (names, what) = (missing.joined(separator: ", "), missing.count == 1 ? "it" : "them")
        return "no reconcile job compares orders, charges or notices of \(names), so that events of \(what) would "
            + "have no effect. Add one, or take \(what) out of the replay's accounts."
    }
}
