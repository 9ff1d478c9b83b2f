/// What `trueup run --json` of several jobs prints for one that ended with an error, in the place of its run's
/// document: there is a line for each job. What a run would have said is null.
struct FailedRunDocument: Encodable, Sendable {
    let format = "trueup.run/1"
    let counts: [String: Int64] = [:]
    let exitCode: Int32
    let findings: [String] = []
    let job: String
    @OrNull var objects: Int64?
    @OrNull var period: Int64?
    let plan: Bool
    let problems: [String]
    @OrNull var requests: Int64?
    @OrNull var requestsLeast: Int64?
    @OrNull var run: Int64?
    let state = "failed"

    /// - Parameters:
    ///   - problem: what was said of it.
    ///   - exitCode: what the command would end with, had it only this job.
    init(job: String, isPlan: Bool, problem: String, exitCode: Int32) {
        self.exitCode = exitCode
        self.job = job
        objects = nil
        period = nil
        plan = isPlan
        problems = [problem]
        requests = nil
        requestsLeast = nil
        run = nil
    }
}

/// The same of a job that was to make a report.
struct FailedReportDocument: Encodable, Sendable {
    let format = "trueup.report-run/1"
    let deliveries: [String] = []
    @OrNull var directory: String?
    let exitCode: Int32
    let files: [String] = []
    let job: String
    let problems: [String]
    let repeated = false
    @OrNull var report: Int64?
    let state = "failed"

    init(job: String, problem: String, exitCode: Int32) {
        directory = nil
        self.exitCode = exitCode
        self.job = job
        problems = [problem]
        report = nil
    }
}
