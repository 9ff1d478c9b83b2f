import Hummingbird

/// Header fields that the HTTP types have no name for.
enum HTTPFieldName {
    static let stripeSignature = make("Stripe-Signature")
    static let idempotencyKey = make("Idempotency-Key")
    static let requestID = make("X-Request-Id")
    static let noSniff = make("X-Content-Type-Options")
    static let forwardedProtocol = make("X-Forwarded-Proto")
    static let forwardedHost = make("X-Forwarded-Host")
    static let fetchSite = make("Sec-Fetch-Site")
    static let securityPolicy = make("Content-Security-Policy")
    static let referrerPolicy = make("Referrer-Policy")

    private static func make(_ name: String) -> HTTPFields.Element.Name {
        guard let made = HTTPFields.Element.Name(name) else { preconditionFailure("\(name) is no header's name") }
        return made
    }
}
