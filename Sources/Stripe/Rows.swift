internal import CSimdjson
import Synchronization

/// Bytes that are not the object or list that was asked for.
package struct DecodingFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case empty, notJSON, broken, wrongObject, missing, wrongType, noMemory
    }

    package let kind: Kind
    /// Of the object in the list, from 0.
    package let index: Int?
    package let id: String?
    /// Path, for example status_transitions.paid_at; empty when the fault is not in one field.
    package let field: String
    package let found: String
    package let expected: String

    init(_ error: trueup_json_error) {
        kind =
            switch error.code {
            case TRUEUP_JSON_EMPTY: .empty
            case TRUEUP_JSON_NOT_JSON: .notJSON
            case TRUEUP_JSON_WRONG_OBJECT: .wrongObject
            case TRUEUP_JSON_MISSING: .missing
            case TRUEUP_JSON_WRONG_TYPE: .wrongType
            case TRUEUP_JSON_NO_MEMORY: .noMemory
            default: .broken
            }
        index = error.index < 0 ? nil : Int(error.index)
        let id = Self.text(error.id)
        self.id = id.isEmpty ? nil : id
        field = Self.text(error.field)
        found = Self.text(error.found)
        expected = Self.text(error.expected)
    }

    package var words: String {
        var place = index.map { "object \($0)" } ?? ""
        if let id {
            place += place.isEmpty ? id : " (\(id))"
        }
        if !field.isEmpty {
            place += (place.isEmpty ? "" : ", ") + "field \(field)"
        }
        let what: String =
            switch kind {
            case .empty: "the body is empty"
            case .notJSON: "the body is not JSON"
            case .noMemory: "no memory to decode the body"
            case .broken: "the JSON is broken or cut: \(found)"
            case .missing: "found \(found), expected \(expected)"
            case .wrongObject, .wrongType: "found \(found), expected \(expected)"
            }
        return place.isEmpty ? what : "\(place): \(what)"
    }

    /// The text in a C array of characters, up to its NUL.
    private static func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

/// simdjson's parser with its buffers. Used by one body at a time.
///
/// Unchecked: a pool hands it to one owner, which decodes and then only reads.
final class RowDecoder: @unchecked Sendable {
    let handle: OpaquePointer

    init?() {
        guard let handle = trueup_json_decoder_new() else { return nil }
        self.handle = handle
    }

    deinit {
        trueup_json_decoder_free(handle)
    }
}

/// Decoders that are not in use; a bounded list.
final class RowDecoderPool: Sendable {
    private let idle = Mutex<[RowDecoder]>([])
    private static let maxIdle = 16
    private static let maxKeptBytes = 32 * 1024 * 1024

    func take() -> RowDecoder? {
        idle.withLock { $0.popLast() } ?? RowDecoder()
    }

    func give(_ decoder: RowDecoder) {
        guard trueup_json_decoder_footprint(decoder.handle) <= Self.maxKeptBytes else { return }
        idle.withLock { list in
            if list.count < Self.maxIdle {
                list.append(decoder)
            }
        }
    }
}

/// The decoded rows of one body, in the decoder's memory.
///
/// Unchecked: complete before it is seen, and only read afterwards; the decoder goes back when the last reference goes.
final class Rows<Object: StripeObject>: @unchecked Sendable {
    let count: Int
    let hasMore: Bool
    private let start: UnsafePointer<Object.Row>?
    private let decoder: RowDecoder
    private let pool: RowDecoderPool

    /// `bytes` must be followed by TRUEUP_JSON_PADDING readable bytes. They may go when this returns.
    init(_ bytes: UnsafeRawBufferPointer, isList: Bool, pool: RowDecoderPool) throws(DecodingFailure) {
        var page = trueup_json_page()
        var error = trueup_json_error()
        error.index = -1
        error.code = TRUEUP_JSON_NO_MEMORY
        guard let decoder = pool.take() else { throw DecodingFailure(error) }
        let code = trueup_json_decode(
            decoder.handle, Object.kind, isList, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            bytes.count, &page, &error)
        guard code == TRUEUP_JSON_DONE else {
            pool.give(decoder)
            throw DecodingFailure(error)
        }
        self.decoder = decoder
        self.pool = pool
        count = page.count
        hasMore = page.has_more
        start = page.rows?.assumingMemoryBound(to: Object.Row.self)
    }

    deinit {
        pool.give(decoder)
    }

    /// The rows, with text that is valid inside the closure only.
    func withRows<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Object.Row>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let result = try body(UnsafeBufferPointer(start: start, count: count))
        withExtendedLifetime(self) {}
        return result
    }

    var objects: [Object] {
        withRows { $0.map(Object.init) }
    }
}
