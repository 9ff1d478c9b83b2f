/// A complete answer: the body has arrived whole.
public struct HTTPResponse: Sendable {
    public let status: Int
    public let headers: HTTPHeaders
    public let body: ResponseBody
    public let timings: HTTPTimings
}

/// The header lines of an answer, in order; names are looked up without regard to case.
public struct HTTPHeaders: Sendable {
    public private(set) var lines: [(name: String, value: String)] = []

    init() {}

    /// The first value of that name.
    public subscript(name: String) -> String? {
        lines.first { Self.same($0.name, name) }?.value
    }

    mutating func append(name: String, value: String) {
        lines.append((name, value))
    }

    mutating func removeAll() {
        lines.removeAll(keepingCapacity: true)
    }

    // ASCII only: header names have no other letters, and the standard library's lowercased() allocates.
    private static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
    }
}

/// When the parts of a transfer were done, in microseconds since it began.
public struct HTTPTimings: Sendable, Equatable {
    public var connectedMicroseconds: Int64 = 0
    public var tlsMicroseconds: Int64 = 0
    public var firstByteMicroseconds: Int64 = 0
    public var totalMicroseconds: Int64 = 0
    /// Whether a connection that was already open served it.
    public var reusedConnection = false
    /// 1 for HTTP/1.x, 2 for HTTP/2.
    public var httpMajorVersion = 1
}
