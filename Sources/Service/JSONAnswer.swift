import Foundation
import Hummingbird
import Jobs

/// Answers in JSON, with sorted keys in snake_case.
enum JSONAnswer {
    /// A body of this value.
    static func make(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return raw(try encoder.encode(value), status: status, headers: headers)
    }

    /// An error's answer.
    static func make(_ error: APIError) -> Response {
        // Two strings: written by hand, so that no error can come of an error.
        let text = "{\"error\":{\"code\":\(JSONText.quoted(error.code)),\"message\":\(JSONText.quoted(error.message))}}"
        return raw(Data(text.utf8), status: error.status, headers: error.headers)
    }

    private static func raw(_ data: Data, status: HTTPResponse.Status, headers: HTTPFields) -> Response {
        var headers = headers
        headers[.contentType] = "application/json; charset=utf-8"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: data)))
    }
}
