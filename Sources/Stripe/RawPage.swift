internal import CSimdjson

/// A page of a list as it was decoded, whatever it holds: no `String` is made until somebody asks for one.
public protocol RawPage: Sendable {
    /// How many objects it holds.
    var count: Int { get }
    /// Whether more objects follow in the direction of the listing.
    var hasMore: Bool { get }
    /// req_…, or empty when the answer had none.
    var requestID: String { get }
    /// Size of the body.
    var byteCount: Int { get }
    /// How long the answer took, from the request to its last byte, without the wait for the rate limit.
    var transferMicroseconds: Int64 { get }
    /// The id of the last object: the cursor of the next page.
    var lastID: String? { get }
    /// When the last, and so the oldest, object was created.
    var lastCreatedSeconds: Int64? { get }

    /// The id of the object at this position, counted from 0.
    /// - Precondition: `0 <= position < count`.
    func id(at position: Int) -> String
}

/// What the raw pages have in common.
struct DecodedPage<Object: ListedObject>: Sendable {
    let rows: Rows<Object>
    let requestID: String
    let byteCount: Int
    let transferMicroseconds: Int64

    var lastID: String? { rows.withRows { $0.last.map { Object.id($0).text } } }
    var lastCreatedSeconds: Int64? { rows.withRows { $0.last.map { Object.createdSeconds($0) } } }

    func id(at position: Int) -> String { rows.withRows { Object.id($0[position]).text } }
}
