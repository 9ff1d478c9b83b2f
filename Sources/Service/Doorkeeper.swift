import Hummingbird
import Store

/// Who may ask for what.
struct Doorkeeper: Sendable {
    let tokens: APITokens

    /// The token that a request carries.
    /// - Throws: 401 without one, or with one that is not valid.
    func token(of call: Call) async throws -> APIToken {
        let parts = (call.head.headerFields[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let token = BearerToken(String(parts[1])) else {
            throw Self.unauthorized("Send a token: Authorization: Bearer trueup_…; trueup token create makes one.")
        }
        return try await row(of: token)
    }

    /// The row of a token.
    /// - Throws: 401 where it is unknown, revoked or expired, always in the same words.
    func row(of token: BearerToken) async throws -> APIToken {
        guard let row = try await tokens.token(token.id), token.fits(row), row.isValid else {
            throw Self.unauthorized("The token is not valid, or not any more.")
        }
        return row
    }

    /// The agency in the path, if the request's token may act for it.
    /// - Throws: 401; 404 for an agency of others, as for one that does not exist.
    func agency(of call: Call) async throws -> Int64 {
        let token = try await token(of: call)
        let agency = try call.key("agency")
        guard token.covers(agency: agency) else { throw Self.noAgency(agency) }
        return agency
    }

    static func noAgency(_ agency: Int64) -> APIError { .notFound("There is no agency \(agency).") }

    static func unauthorized(_ message: String) -> APIError {
        APIError(
            .unauthorized, "unauthorized", message, headers: [.wwwAuthenticate: "Bearer realm=\"Trueup\""])
    }
}
