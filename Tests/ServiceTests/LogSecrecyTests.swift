import Logging
import Testing

@Suite("Secrets in the log", .timeLimit(.minutes(2)))
struct LogSecrecyTests {
    @Test("a signing secret or a token that the service logs is noticed when the test ends", arguments: [true, false])
    func noticed(isToken: Bool) async throws {
        try await withKnownIssue {
            try await Counter.with { counter in
                let secret = isToken ? counter.token : Counter.secret("default")
                counter.logs.logger.info("refused", metadata: ["given": .string(secret)])
            }
        } matching: { issue in
            issue.comments.contains { $0.rawValue == "a secret is in the log" }
        }
    }
}
