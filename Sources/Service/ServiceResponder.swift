import Foundation
import Hummingbird
import Logging
import NIOCore
import PostgreSQL
import Stripe

/// Where a request comes from.
struct ServiceContext: InitializableFromSource, Sendable {
    let channel: any Channel
    let logger: Logger

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }
}

/// Finds the route of a request, reads its body within bounds, and turns whatever comes of it into an answer, a line of
/// the log and a figure.
struct ServiceResponder: HTTPResponder {
    let routes: [Route]
    let limits: ServiceLimits
    let figures: ServiceFigures
    let logger: Logger

    func respond(to request: Request, context: ServiceContext) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = String(UInt64.random(in: UInt64.min...UInt64.max), radix: 36)
        var logger = logger
        logger[metadataKey: "trueup.request.id"] = .string(requestID)
        let path = request.uri.path.split(separator: "/", omittingEmptySubsequences: false)
        let found = find(request.method, path)
        var response: Response
        do {
            response = try await answer(request, found, requestID, logger, context.channel)
        } catch {
            let fault = Self.fault(of: error, logger: logger)
            response = JSONAnswer.make(fault)
            if fault.closes { close(&response, context.channel) }
        }
        response.headers[HTTPFieldName.requestID] = requestID
        response.headers[HTTPFieldName.noSniff] = "nosniff"
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        if request.method == .head { response.body = Self.silent(response.body) }
        let duration = ContinuousClock.now - start
        let name = found.route?.path ?? "other"
        figures.count(route: name, method: Self.known(request.method), status: response.status.code, duration)
        // The path as the route has it: what a caller writes into it is not for the log.
        logger.info(
            "request",
            metadata: [
                "trueup.http.method": .string(Self.known(request.method)), "trueup.http.route": .string(name),
                "trueup.http.status": .string(String(response.status.code)),
                "trueup.http.milliseconds": .string(String(duration / .milliseconds(1))),
            ])
        return response
    }

    private enum Found {
        case route(Route, [String: String])
        case otherMethod(allowed: [String])
        case nothing

        var route: Route? {
            if case .route(let route, _) = self { route } else { nil }
        }
    }

    private func find(_ method: HTTPRequest.Method, _ path: [Substring]) -> Found {
        var allowed: Set<String> = []
        for route in routes {
            guard let parameters = route.match(path) else { continue }
            if route.method == method || (method == .head && route.method == .get) { return .route(route, parameters) }
            allowed.insert(route.method.rawValue)
            if route.method == .get { allowed.insert("HEAD") }
        }
        return allowed.isEmpty ? .nothing : .otherMethod(allowed: allowed.sorted())
    }

    private func answer(
        _ request: Request, _ found: Found, _ requestID: String, _ logger: Logger, _ channel: any Channel
    ) async throws -> Response {
        switch found {
        case .nothing: throw APIError.notFound()
        case .otherMethod(let allowed):
            let list = allowed.joined(separator: ", ")
            throw APIError(
                .methodNotAllowed, "method_not_allowed", "This path takes \(list).", headers: [.allow: list])
        case .route(let route, let parameters):
            let body = try await body(of: request, limitBytes: route.bodyBytesMax)
            let call = Call(
                head: request.head, query: Self.query(request.uri.query), parameters: parameters, body: body,
                requestID: requestID, logger: logger)
            return try await route.handle(call)
        }
    }

    /// The body, whole, or 413 or 408.
    private func body(of request: Request, limitBytes: Int) async throws -> [UInt8] {
        if let text = request.headers[.contentLength], let length = Int(text), length > limitBytes {
            throw APIError.tooLarge(limitBytes: limitBytes)
        }
        let seconds = limits.bodySeconds
        let stream = request.body
        return try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                var bytes: [UInt8] = []
                for try await part in stream {
                    guard bytes.count + part.readableBytes <= limitBytes else {
                        throw APIError.tooLarge(limitBytes: limitBytes)
                    }
                    bytes.append(contentsOf: part.readableBytesView)
                }
                try Task.checkCancellation()
                return bytes
            }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw APIError.slowBody(seconds: seconds)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    /// Ends the connection with the answer, after a moment in which the client can read it.
    private func close(_ response: inout Response, _ channel: any Channel) {
        response.headers[.connection] = "close"
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    /// The head of an answer to GET, for HEAD.
    private static func silent(_ body: ResponseBody) -> ResponseBody {
        ResponseBody(contentLength: body.contentLength) { try await $0.finish(nil) }
    }

    private static func query(_ text: String?) -> [String: [String]] {
        var query: [String: [String]] = [:]
        for item in (text ?? "").split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            func plain(_ part: Substring) -> String {
                let spaced = part.replacing("+", with: " ")
                return spaced.removingPercentEncoding ?? String(spaced)
            }
            query[plain(parts[0]), default: []].append(parts.count > 1 ? plain(parts[1]) : "")
        }
        return query
    }

    /// A method's name for figures: what a client makes up is one class.
    private static func known(_ method: HTTPRequest.Method) -> String {
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method.rawValue)
            ? method.rawValue : "other"
    }

    /// Who cannot be asked.
    static func away(_ error: any Error) -> String {
        error is StripeError ? "Stripe cannot be asked now." : "The database cannot do this now."
    }

    /// What is said to the caller of an error. What is ours to know goes to the log.
    static func fault(of error: any Error, logger: Logger) -> APIError {
        switch error {
        case let error as APIError:
            return error
        case let error as PostgresError where error.isUnstorableValue:
            // It came with the request, and would be refused as often as it comes.
            logger.error("unstorable value", metadata: ["trueup.error": .string(error.brief)])
            return .invalid(
                "A text of the request cannot be kept: it has a NUL, or another character that the database does not "
                    + "take, or is too long. Nothing was changed.")
        case let error as PostgresError:
            logger.error("database error", metadata: ["trueup.error": .string(error.brief)])
            let what =
                error.isCommitOutcomeUnknown
                ? "Whether it was done is not known; asking again finds out." : "Nothing was changed."
            return .unavailable("database_unavailable", "\(away(error)) \(what)")
        case let error as StripeError:
            logger.error("stripe error", metadata: ["trueup.error": .string("\(error)")])
            return .unavailable("stripe_unavailable", "\(away(error)) Nothing was changed here.")
        case is CancellationError:
            return .unavailable("stopping", "The service is being stopped.")
        default:
            logger.error("unexpected error", metadata: ["trueup.error": .string("\(error)")])
            return APIError(.internalServerError, "internal_error", "This should not have happened; the log says more.")
        }
    }
}
