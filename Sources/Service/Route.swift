import Foundation
import Hummingbird
import Logging

/// One request on its way through a route.
struct Call: Sendable {
    let head: HTTPRequest
    /// The query's parameters, with each value that is given.
    let query: [String: [String]]
    /// What stands in the path for each `{name}` of the route.
    let parameters: [String: String]
    /// The raw bytes, as they came.
    let body: [UInt8]
    /// In every line of the log and in the answer.
    let requestID: String
    let logger: Logger

    /// The parameter of that name as a positive number.
    /// - Throws: 404 for anything else: no row has such a key.
    func key(_ name: String) throws -> Int64 {
        guard let text = parameters[name], let number = Int64(text), number > 0, String(number) == text else {
            throw APIError.notFound("“\(shortened(parameters[name] ?? ""))” is no id.")
        }
        return number
    }

    private func shortened(_ text: String) -> String { text.count <= 40 ? text : text.prefix(40) + "…" }
}

/// A method and a path, and what answers there.
struct Route: Sendable {
    let method: HTTPRequest.Method
    /// `/rn/agencies/{agency}/…`: the name of the route in figures, logs and the OpenAPI document.
    let path: String
    /// A larger body is refused with 413 before it is read.
    let bodyBytesMax: Int
    let handle: @Sendable (Call) async throws -> Response
    private let segments: [Substring]

    init(
        _ method: HTTPRequest.Method, _ path: String, bodyBytesMax: Int = 0,
        _ handle: @escaping @Sendable (Call) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.bodyBytesMax = bodyBytesMax
        self.handle = handle
        segments = path.split(separator: "/", omittingEmptySubsequences: false)
    }

    /// The parameters of a path that is this route's; `nil` for another.
    func match(_ path: [Substring]) -> [String: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (found, wanted) in zip(path, segments) {
            if wanted.hasPrefix("{") {
                guard !found.isEmpty else { return nil }
                parameters[String(wanted.dropFirst().dropLast())] = found.removingPercentEncoding ?? String(found)
            } else if found != wanted {
                return nil
            }
        }
        return parameters
    }
}
