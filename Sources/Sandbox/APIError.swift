/// An answer other than 2xx, with the words of Stripe (https://docs.stripe.com/api/errors).
public struct SandboxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The HTTP status.
    public var status: Int
    /// `api_error`, `card_error`, `idempotency_error` or `invalid_request_error`.
    public var type: String = "invalid_request_error"
    /// The error code, such as `resource_missing`.
    public var code: String?
    /// The words for a person.
    public var message: String
    /// The parameter at fault.
    public var param: String?
    /// Why the bank declined.
    public var declineCode: String?
    /// The charge that failed.
    var charge: String?
    /// The payment intent that failed, as JSON whose first line stands at depth 2.
    var paymentIntent: String?
    /// Whether the request had been validated and had begun to act: only then is the answer kept for its
    /// idempotency key.
    var hasExecuted = false
    /// `Stripe-Rate-Limited-Reason`.
    var limitedReason: String?
    /// An answer to somebody who is not known carries neither a request id nor a version.
    var isUnauthenticated = false

    /// The status, the code and the message.
    public var description: String { "\(status) \(code ?? type): \(message)" }

    init(_ status: Int, _ message: String, code: String? = nil, param: String? = nil) {
        self.status = status
        self.message = message
        self.code = code
        self.param = param
    }

    /// The same error after the endpoint had begun to act.
    func executed() -> SandboxError {
        var error = self
        error.hasExecuted = true
        return error
    }

    static func noSuch(_ noun: String, _ id: String, param: String, status: Int = 404) -> SandboxError {
        SandboxError(status, "No such \(noun): '\(id)'", code: "resource_missing", param: param)
    }

    static func missing(_ param: String) -> SandboxError {
        SandboxError(400, "Missing required param: \(param).", code: "parameter_missing", param: param)
    }

    static func unknown(_ param: String) -> SandboxError {
        SandboxError(400, "Received unknown parameter: \(param)", code: "parameter_unknown", param: param)
    }

    static func notAnInteger(_ param: String, _ value: String) -> SandboxError {
        SandboxError(400, "Invalid integer: \(value)", code: "parameter_invalid_integer", param: param)
    }

    static func unrecognized(_ method: String, _ path: String) -> SandboxError {
        SandboxError(
            404,
            "Unrecognized request URL (\(method): \(path)). If you are trying to list objects, remove the trailing "
                + "slash. If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier "
                + "in your code. Please see https://stripe.com/docs or we can help at https://support.stripe.com/.")
    }

    /// An operation that the object's state does not allow.
    static func state(_ message: String, code: String? = nil, param: String? = nil) -> SandboxError {
        SandboxError(400, message, code: code, param: param).executed()
    }

    static let noKey: SandboxError = unauthenticated(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
            + "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
            + "details, or we can help at https://support.stripe.com/.")

    static func badKey(_ key: String) -> SandboxError {
        unauthenticated("Invalid API Key provided: \(masked(key))")
    }

    private static func unauthenticated(_ message: String) -> SandboxError {
        var error = SandboxError(401, message)
        error.isUnauthenticated = true
        return error
    }

    static func publishableKey() -> SandboxError {
        SandboxError(
            403,
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
                + "of your API keys at https://dashboard.stripe.com/account/apikeys.",
            code: "secret_key_required")
    }

    static func restrictedKey(_ key: String, account: String, permission: String) -> SandboxError {
        SandboxError(
            403,
            "The provided key '\(masked(key))' does not have the required permissions for this endpoint on account "
                + "'\(account)'. Having the '\(permission)' permission would allow this request to continue.")
    }

    /// A key as Stripe shows it: its kind and its last four characters.
    static func masked(_ key: String) -> String {
        guard key.count > 12 else { return String(repeating: "*", count: key.count) }
        return key.prefix(8) + String(repeating: "*", count: key.count - 12) + key.suffix(4)
    }

    static func rateLimited(reason: String?, livemode: Bool) -> SandboxError {
        let message =
            livemode
            ? "Request rate limit exceeded. You can learn more about rate limits here "
                + "https://stripe.com/docs/rate-limits."
            : "Testmode request rate limit exceeded, the rate limits in testmode are lower than livemode. You can "
                + "learn more about rate limits here https://stripe.com/docs/rate-limits."
        var error = SandboxError(429, message, code: "rate_limit")
        error.limitedReason = reason
        return error
    }

    static let lockTimeout = SandboxError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
            + "it. If you see this error intermittently, retry the request. If you see this error frequently and are "
            + "making multiple concurrent requests to a single object, make your requests serially or at a lower rate. "
            + "For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.",
        code: "lock_timeout")

    static func server(_ status: Int) -> SandboxError {
        var error = SandboxError(
            status,
            "An unknown error occurred. Please contact support@stripe.com with the request id if the error persists.")
        error.type = "api_error"
        error.hasExecuted = status == 500
        return error
    }
}
