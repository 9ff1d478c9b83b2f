/// Writes bytes into memory that somebody else owns. A page of a hundred objects is a few thousand of these appends,
/// so there is no allocation and no intermediate string; every append checks that it stays inside.
struct Pen {
    private let start: UnsafeMutableRawPointer
    private var cursor: UnsafeMutableRawPointer
    private let end: UnsafeMutableRawPointer

    /// `memory` must stay valid for as long as the pen writes.
    init(_ memory: UnsafeMutableRawBufferPointer) {
        guard let base = memory.baseAddress else { preconditionFailure("a pen needs memory") }
        start = base
        cursor = base
        end = base + memory.count
    }

    /// How many bytes were written.
    var count: Int { cursor - start }

    @inline(__always)
    private mutating func advance(_ length: Int) -> UnsafeMutableRawPointer {
        precondition(length <= end - cursor, "the estimate of an answer's size was too small")
        let place = cursor
        cursor += length
        return place
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) { advance(1).storeBytes(of: value, as: UInt8.self) }

    @inline(__always)
    mutating func raw(_ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress else { return }
        advance(source.count).copyMemory(from: base, byteCount: source.count)
    }

    @inline(__always)
    mutating func bytes(_ source: [UInt8]) { source.withUnsafeBytes { raw($0) } }

    @inline(__always)
    mutating func text(_ source: StaticString) {
        raw(UnsafeRawBufferPointer(start: source.utf8Start, count: source.utf8CodeUnitCount))
    }

    mutating func text(_ source: String) {
        var copy = source
        copy.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
    }

    /// A decimal number.
    mutating func integer(_ value: Int64) {
        if value < 0 { byte(UInt8(ascii: "-")) }
        var rest = value.magnitude
        var length = 1
        var limit = rest
        while limit >= 10 {
            limit /= 10
            length += 1
        }
        let place = advance(length)
        for position in stride(from: length - 1, through: 0, by: -1) {
            (place + position).storeBytes(of: UInt8(truncatingIfNeeded: 48 + rest % 10), as: UInt8.self)
            rest /= 10
        }
    }

    /// A decimal number with leading zeros.
    mutating func integer(_ value: Int64, digits: Int) {
        var rest = value.magnitude
        let place = advance(digits)
        for position in stride(from: digits - 1, through: 0, by: -1) {
            (place + position).storeBytes(of: UInt8(truncatingIfNeeded: 48 + rest % 10), as: UInt8.self)
            rest /= 10
        }
    }

    /// The last `digits` base-62 digits of a number.
    @inline(__always)
    mutating func base62(_ value: UInt64, digits: Int) {
        var rest = value
        let place = advance(digits)
        for position in stride(from: digits - 1, through: 0, by: -1) {
            (place + position).storeBytes(of: Base62.digit(rest % 62), as: UInt8.self)
            rest /= 62
        }
    }

    /// A prefix and a serial: a whole id.
    @inline(__always)
    mutating func id(_ kind: ObjectKind, _ index: Int64, createdSeconds: Int64, in space: IDSpace) {
        text(kind.prefix)
        space.write(kind, index, createdSeconds: createdSeconds, to: &self)
    }

    mutating func boolean(_ value: Bool) { text(value ? "true" : "false") }

    /// `null` for `nil`.
    mutating func optional(_ value: Int64?) {
        if let value { integer(value) } else { text("null") }
    }

    /// A JSON string with its quotes.
    mutating func quoted(_ value: String) {
        byte(UInt8(ascii: "\""))
        var copy = value
        copy.withUTF8 { utf8 in
            for unit in utf8 { escaped(unit) }
        }
        byte(UInt8(ascii: "\""))
    }

    /// `null` for `nil`.
    mutating func quoted(optional value: String?) {
        if let value { quoted(value) } else { text("null") }
    }

    private mutating func escaped(_ unit: UInt8) {
        switch unit {
        case UInt8(ascii: "\""): text("\\\"")
        case UInt8(ascii: "\\"): text("\\\\")
        case 0x08: text("\\b")
        case 0x09: text("\\t")
        case 0x0A: text("\\n")
        case 0x0C: text("\\f")
        case 0x0D: text("\\r")
        case 0..<0x20:
            text("\\u00")
            byte(Base62.digit(UInt64(unit >> 4)))
            byte(UInt8(ascii: "0") + (unit & 15) + (unit & 15 > 9 ? 39 : 0))
        default: byte(unit)
        }
    }

    /// A line break and the indentation of this depth.
    mutating func line(_ depth: Int) {
        byte(UInt8(ascii: "\n"))
        for _ in 0..<depth { text("  ") }
    }
}
