import Runner

/// `trueup run --json` of a job that makes a report. One that ended with an error has the same members, in which null
/// stands for what the report would have said, and two more.
struct ReportRunDocument: Encodable, Sendable {
    struct Delivery: Encodable, Sendable {
        let destination: String
        let address: String
        let outcome: String
        let detail: String
    }

    let format = "trueup.report-run/1"
    let deliveries: [Delivery]
    @OrNull var directory: String?
    /// Of a failed job; else it is not there.
    var exitCode: Int32?
    let files: [String]
    let job: String
    /// As `exitCode`.
    var problems: [String]?
    let repeated: Bool
    @OrNull var report: Int64?
    let state: String

    init(_ result: ReportResult, job: String) {
        deliveries = result.deliveries.map {
            Delivery(
                destination: $0.destination, address: $0.address, outcome: $0.outcome.rawValue, detail: $0.detail)
        }
        directory = result.directory
        files = result.files.map(\.name)
        self.job = job
        repeated = result.isRepeated
        report = result.id
        state = result.state.rawValue.lowercased()
    }

    /// - Parameters:
    ///   - job: its name.
    ///   - problem: what was said of it.
    ///   - exitCode: what the command would end with, had it only this job.
    init(failed job: String, problem: String, exitCode: Int32) {
        deliveries = []
        directory = nil
        self.exitCode = exitCode
        files = []
        self.job = job
        problems = [problem]
        repeated = false
        report = nil
        state = "failed"
    }
}
