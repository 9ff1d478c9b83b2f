/// The jobs that come due by themselves: those with a schedule, and those that come after such a job.
public struct TimedJobs: Sendable {
    private var names: Set<String>

    /// - Parameter others: jobs that are not among these, and come due by themselves.
    public init(_ jobs: [JobDefinition], others: Set<String> = []) {
        names = others
        var followers: [String: [String]] = [:]
        for job in jobs {
            if job.schedule != nil { names.insert(job.name) }
            for name in job.after { followers[name, default: []].append(job.name) }
        }
        var next = Array(names)
        while let name = next.popLast() {
            for follower in followers[name] ?? [] where names.insert(follower).inserted { next.append(follower) }
        }
    }

    public func contains(_ name: String) -> Bool { names.contains(name) }

    /// The job whose times a job without a schedule has: the first that it comes after and that has some.
    public func driver(of job: JobDefinition) -> String? { job.after.first { names.contains($0) } }
}
