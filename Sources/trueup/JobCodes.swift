/// What became of the jobs of one command line, which run one after the other: an error of one keeps none of the others
/// from running.
struct JobCodes {
    private var ended: [(job: String, code: Int32)] = []

    mutating func add(_ job: String, _ code: Int32) { ended.append((job, code)) }

    /// The code of the command: the one that is worst. An error outranks an incomplete run, which outranks one that
    /// another process has under way, which outranks open differences.
    var worst: Int32 { ended.map(\.code).max { Self.rank($0) < Self.rank($1) } ?? 0 }

    private static func rank(_ code: Int32) -> Int {
        [0, 2, 75, 3].firstIndex(of: code) ?? 4
    }

    /// Says at the end of several jobs which of them did not do their work; what is open is said by each itself.
    func say() {
        let failed = ended.filter { Self.rank($0.code) >= Self.rank(75) }
        guard ended.count > 1, !failed.isEmpty else { return }
        let words = failed.map { "\($0.job) (\(Self.word($0.code)))" }.joined(separator: ", ")
        Terminal.tell(
            "jobs failed", "\(failed.count) of \(ended.count) jobs failed: \(words)", .error,
            ["trueup.jobs.failed": "\(failed.map(\.job).joined(separator: ","))"])
    }

    private static func word(_ code: Int32) -> String {
        switch code {
        case 3: "incomplete"
        case 75: "it runs already"
        default: "error"
        }
    }
}
