import Hummingbird

/// What a caller did wrong, or what is not to be had now: `{"error":{"code":…,"message":…}}`.
///
/// Messages say what to do. They never hold a key, a token, or a statement of SQL.
struct APIError: Error, Sendable {
    var status: HTTPResponse.Status
    /// For programs: a word that stays the same.
    var code: String
    /// For people.
    var message: String
    var headers: HTTPFields = [:]
    /// The rest of the request is not read: the connection ends with the answer.
    var closes = false

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, headers: HTTPFields = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    /// Nothing is there, or nothing that this caller may know of.
    static func notFound(_ what: String = "There is nothing at this path.") -> APIError {
        APIError(.notFound, "not_found", what)
    }

    static func invalid(_ message: String) -> APIError { APIError(.badRequest, "invalid_request", message) }

    /// The database, or Stripe, cannot be reached; asking again later is right.
    static func unavailable(_ code: String, _ message: String) -> APIError {
        APIError(.serviceUnavailable, code, message, headers: [.retryAfter: "5"])
    }

    static func tooLarge(limitBytes: Int) -> APIError {
        var error = APIError(.contentTooLarge, "body_too_large", "The body may have \(limitBytes) bytes at most.")
        error.closes = true
        return error
    }

    static func slowBody(seconds: Int) -> APIError {
        var error = APIError(
            .requestTimeout, "body_too_slow", "The body did not arrive whole within \(seconds) seconds.")
        error.closes = true
        return error
    }
}
