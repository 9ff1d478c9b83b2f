import Curl

/// A job's URL at a service that notices when a job does *not* run, in the form of
/// <https://healthchecks.io/docs/http_api/>: the URL itself means success, with `/start` and `/fail` behind it the
/// other two.
///
/// Best effort, with a time limit: whether it arrives changes nothing about the run.
public struct Ping: Sendable {
    public enum Signal: String, Sendable, CaseIterable {
        case start = "/start"
        case success = ""
        case fail = "/fail"
    }

    private let url: Secret
    private let http: HTTPClient

    /// The longest that a ping may take.
    public static let timeoutMilliseconds = 5_000
    /// More is not sent.
    static let textBytesMax = 10_000

    /// - Parameter url: https, or http to a loopback address. Who knows it can send pings, so it is a secret.
    public init(url: Secret, http: HTTPClient) {
        self.url = url
        self.http = http
    }

    /// Sends the signal.
    /// - Parameter text: a line or two for the service's log; never a secret.
    /// - Returns: why it did not arrive, without the URL's path; `nil` when it did.
    public func send(_ signal: Signal, text: String = "") async -> String? {
        let request = HTTPRequest(
            .post, url: Self.address(url.expose(), signal), body: Array(text.utf8.prefix(Self.textBytesMax)),
            timeoutMilliseconds: Self.timeoutMilliseconds)
        do {
            let response = try await http.send(request)
            return (200..<300).contains(response.status) ? nil : "the service answered \(response.status)"
        } catch {
            return "\(error)"
        }
    }

    /// The signal belongs to the path: before the query, and behind no second slash.
    package static func address(_ url: String, _ signal: Signal) -> String {
        let end = url.firstIndex { $0 == "?" || $0 == "#" } ?? url.endIndex
        var path = url[..<end]
        while path.hasSuffix("/") { path.removeLast() }
        return path + signal.rawValue + url[end...]
    }
}
