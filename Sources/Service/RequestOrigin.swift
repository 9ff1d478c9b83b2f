import Foundation
import Hummingbird

/// Where a browser says that a form was sent from. Another site's page must not sign anybody in or out here
/// (https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html).
struct RequestOrigin: Sendable {
    /// `same-origin`, `same-site`, `cross-site` or `none`; older browsers, and those on a plain connection that is not
    /// the loopback, do not say it.
    let fetchSite: String?
    /// Such as `https://status.example`; `null` where a browser keeps it to itself.
    let origin: String?
    /// The names under which the service was asked for: the request's own, and the one that a proxy has passed on.
    let hosts: [String]

    init(_ head: HTTPRequest) {
        fetchSite = head.headerFields[HTTPFieldName.fetchSite]
        origin = head.headerFields[.origin]
        hosts = [head.authority, head.headerFields[HTTPFieldName.forwardedHost]].compactMap(\.self)
    }

    /// Whether a page of another host sent it. What is no browser says nothing of where it comes from.
    var isForeign: Bool {
        switch fetchSite {
        // It holds also behind a proxy that calls the service by another name.
        case "same-origin", "none": return false
        case "same-site", "cross-site": return true
        default: break
        }
        guard let origin else { return false }
        guard let parts = URLComponents(string: origin), let scheme = parts.scheme, let name = parts.host else {
            return true
        }
        return !hosts.contains { host in
            guard let own = URLComponents(string: "\(scheme)://\(host)"), let ownName = own.host else { return false }
            return ownName.lowercased() == name.lowercased()
                && (own.port ?? Self.port(of: scheme)) == (parts.port ?? Self.port(of: scheme))
        }
    }

    private static func port(of scheme: String) -> Int { scheme.lowercased() == "https" ? 443 : 80 }

    /// - Throws: 403 `foreign_origin`.
    func refuseForeign() throws {
        guard isForeign else { return }
        throw APIError(
            .forbidden, "foreign_origin",
            "This was sent from a page of another host. Open this service's own page. Behind a proxy, let it pass the "
                + "Host header on.")
    }
}
