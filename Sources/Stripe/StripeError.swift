public import Curl

/// A call that failed, with everything that Stripe's support or an engineer asks for, and never a key.
///
/// See https://docs.stripe.com/api/errors
public struct StripeError: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// 401: the key is wrong or revoked.
        case authentication
        /// 403: the key may not do this.
        case permission
        /// There is no such object: 404 and resource_missing, whose `param` names the object of the path.
        case notFound
        /// 404 about anything else: a URL that Stripe does not know, another object, or the word of something in
        /// between. It says nothing about the object of the path.
        case otherNotFound
        /// 400 and other 4xx.
        case invalidRequest
        /// 429, or 400 with code rate_limit.
        case rateLimited(RateLimitReason)
        /// The same Idempotency-Key with other parameters, or 409.
        case idempotency
        /// 402.
        case card
        /// 5xx.
        case api
        /// No complete answer.
        case connection(CurlError.Kind)
        /// Not Stripe's JSON: HTML, text, a redirect; with its first printable bytes.
        case unexpectedAnswer(excerpt: String)
        /// JSON that is not what the request asks for.
        case decoding
        /// An object, or the key, belongs to the other mode.
        case wrongMode
        /// The key belongs to another account than the settings say.
        case wrongAccount
        /// The key is of a kind that cannot work.
        case keyRefused
        case cancelled
    }

    public let kind: Kind
    /// What happened, in Stripe's words or ours, with keys masked.
    public let message: String
    /// The name of the account in the settings.
    public let account: String
    public let method: String
    /// Without query.
    public let path: String
    public internal(set) var status: Int?
    /// Stripe's code, for example resource_missing.
    public internal(set) var code: String?
    public internal(set) var param: String?
    public internal(set) var declineCode: String?
    /// pi_…: the intent whose payment was declined.
    public internal(set) var paymentIntent: String?
    /// req_…
    public internal(set) var requestID: String?
    /// How many times the request was sent.
    public internal(set) var attempts = 0
    /// Whether Stripe may have acted although no answer says so. Repeat with the same Idempotency-Key, or read first.
    public internal(set) var outcomeIsUnknown = false
    /// What Stripe keeps of an earlier call under this Idempotency-Key, and gives again: this call made nothing.
    /// See https://docs.stripe.com/api/idempotent_requests
    public internal(set) var isReplayed = false

    /// Whether the object that a cursor names has been deleted: the rest of the window is listed anew.
    public var isDeletedCursor: Bool {
        code == "resource_missing" && (param == "starting_after" || param == "ending_before")
    }

    init(_ kind: Kind, _ message: String, account: String, method: String = "", path: String = "") {
        self.kind = kind
        self.message = message
        self.account = account
        self.method = method
        self.path = path
    }
}

extension StripeError: CustomStringConvertible {
    /// What happened, where, and what to do next, on one line.
    public var description: String {
        var text = "Stripe account \(account)"
        if !method.isEmpty {
            text += ", \(method) \(path)"
        }
        text += ": \(headline)"
        if !message.isEmpty {
            text += ": \(message)"
        }
        if case .unexpectedAnswer(let excerpt) = kind, !excerpt.isEmpty {
            text += " (it begins: \(excerpt))"
        }
        text += facts
        if let advice {
            text += ". \(advice)"
        }
        return text
    }

    private var headline: String {
        switch kind {
        case .authentication: "the key was not accepted"
        case .permission: "the key lacks a permission"
        case .notFound: "no such object"
        case .otherNotFound: "something was not found, and nothing is said of the object itself"
        case .invalidRequest: "the request was refused"
        case .rateLimited: "too many requests"
        case .idempotency where isKeyReused: "the Idempotency-Key was used for another request"
        case .idempotency: "conflict with another request"
        case .card: "the payment failed"
        case .api: "an error on Stripe's side"
        case .connection: "no answer"
        case .unexpectedAnswer: "the answer does not come from Stripe's API"
        case .decoding: "the answer could not be read"
        case .wrongMode: "wrong mode"
        case .wrongAccount: "wrong account"
        case .keyRefused: "the key was refused before any request"
        case .cancelled: "cancelled"
        }
    }

    /// A key with other parameters is answered 400, one that is in use 409.
    private var isKeyReused: Bool { kind == .idempotency && status == 400 }

    private var facts: String {
        let pairs: [(String, String?)] = [
            ("status", status.map(String.init)), ("code", code), ("decline code", declineCode), ("param", param),
            ("request", requestID), ("attempts", attempts > 1 ? String(attempts) : nil),
        ]
        let known = pairs.compactMap { name, value in value.map { "\(name) \($0)" } }
        return known.isEmpty ? "" : " [" + known.joined(separator: ", ") + "]"
    }

    private var advice: String? {
        let unknown =
            outcomeIsUnknown && method != "GET" ? "Stripe may have acted: read the object before repeating. " : ""
        let next: String? =
            switch kind {
            case .authentication: "Check the key in the account's environment variable; it may have been rolled"
            case .permission: "Give the restricted key this permission in Stripe's dashboard, or use another key"
            case .rateLimited(.lockTimeout): "Another request holds the object; try again later"
            case .rateLimited: "Lower rate.share in the settings, or run when less else does"
            case .idempotency where isKeyReused: "Use a new key for a new request"
            case .idempotency: "Wait for the other request, or use another Idempotency-Key"
            case .api: "Try again later; https://status.stripe.com tells about outages"
            case .connection: "Check the network and try again"
            case .unexpectedAnswer: "Check api_base and any proxy in between"
            case .otherNotFound: "Check api_base, api_version, the key's account and any proxy in between"
            case .decoding: "Compare api_version in the settings with what this version of Trueup knows"
            case .wrongMode, .wrongAccount: "Check mode, account_id and the key in the settings"
            case .notFound, .invalidRequest, .card, .keyRefused, .cancelled: nil
            }
        guard let next else { return unknown.isEmpty ? nil : unknown.trimmedEnd }
        return unknown + next
    }
}

extension String {
    fileprivate var trimmedEnd: String {
        hasSuffix(" ") ? String(dropLast()) : self
    }
}
