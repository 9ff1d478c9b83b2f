import Foundation
import Hummingbird
import Jobs
import PostgreSQL
import Store

/// The status page and the way to it: a token in the header, or typed into a form and then held by a cookie.
struct StatusDesk: Sendable {
    let door: Doorkeeper
    let pool: Pool
    let jobs: [JobDefinition]
    let sessions: StatusSessions
    /// Every request comes by a proxy that speaks TLS, whether it says so or not.
    let isBehindTLS: Bool
    /// Unix seconds.
    let now: @Sendable () -> Int64

    private static let cookie = "trueup_status"

    func routes(bodyBytesMax: Int) -> [Route] {
        [
            Route(.get, "/") { try await page($0) },
            Route(.get, "/status.css") { _ in
                Response(
                    status: .ok,
                    headers: [.contentType: "text/css; charset=utf-8", .cacheControl: "public, max-age=300"],
                    body: .init(byteBuffer: ByteBuffer(string: StatusPage.style)))
            },
            Route(.post, "/login", bodyBytesMax: bodyBytesMax) { try await login($0) },
            Route(.post, "/logout", bodyBytesMax: bodyBytesMax) { call in
                try RequestOrigin(call.head).refuseForeign()
                sessions.end(cookie(of: call))
                return redirect(cookie: "\(Self.cookie)=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
            },
        ]
    }

    private func page(_ call: Call) async throws -> Response {
        do {
            guard try await maySee(call) else { return html(StatusPage.login(message: nil), status: .unauthorized) }
            return html(StatusPage.make(try await StatusFigures.read(jobs, pool: pool)))
        } catch let error as PostgresError {
            let fault = ServiceResponder.fault(of: error, logger: call.logger)
            return html(StatusPage.unavailable, status: fault.status)
        }
    }

    private func maySee(_ call: Call) async throws -> Bool {
        if call.head.headerFields[.authorization] != nil {
            return try await door.token(of: call).maySeeStatus
        }
        guard let id = sessions.token(of: cookie(of: call), nowSeconds: now()),
            let row = try await door.tokens.token(id)
        else { return false }
        return row.isValid && row.maySeeStatus
    }

    private func cookie(of call: Call) -> String {
        for item in (call.head.headerFields[.cookie] ?? "").split(separator: ";") {
            let parts = item.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0].trimmingPrefix(while: { $0 == " " }) == Self.cookie {
                return String(parts[1])
            }
        }
        return ""
    }

    private func login(_ call: Call) async throws -> Response {
        try RequestOrigin(call.head).refuseForeign()
        let refused = "This token is not valid, or may not see this page."
        var components = URLComponents()
        components.percentEncodedQuery = String(decoding: call.body, as: UTF8.self).replacing("+", with: "%20")
        let typed = components.queryItems?.first { $0.name == "token" }?.value ?? ""
        guard let token = BearerToken(typed.trimmingCharacters(in: .whitespacesAndNewlines)),
            let row = try await door.tokens.token(token.id), token.fits(row), row.isValid, row.maySeeStatus
        else { return html(StatusPage.login(message: refused), status: .unauthorized) }
        // Anybody may send the header: it can only make the sender's own cookie stricter.
        let isSecure = isBehindTLS || call.head.headerFields[HTTPFieldName.forwardedProtocol] == "https"
        let session = sessions.begin(token: row.id, nowSeconds: now())
        return redirect(
            cookie: "\(Self.cookie)=\(session); Path=/; Max-Age=\(StatusSessions.lifeSeconds); HttpOnly; "
                + "SameSite=Strict\(isSecure ? "; Secure" : "")")
    }

    private func redirect(cookie: String) -> Response {
        Response(status: .seeOther, headers: [.location: "/", .setCookie: cookie])
    }

    private func html(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        let policy =
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
            + "frame-ancestors 'none'"
        return Response(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8", HTTPFieldName.securityPolicy: policy,
                // Under no-referrer a browser hides the origin of the form from ourselves as well.
                HTTPFieldName.referrerPolicy: "same-origin",
            ], body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
