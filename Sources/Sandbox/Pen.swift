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
        // Nearly every string is UTF-8 in one piece.
        if source.utf8.withContiguousStorageIfAvailable({ raw(UnsafeRawBufferPointer($0)) }) != nil { return }
        var copy = source
        copy.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
    }

    /// A decimal number.
    mutating func integer(_ value: Int64) {
        if value < 0 { byte(UInt8(ascii: "-")) }
        let rest = value.magnitude
        var length = 1
        var power: UInt64 = 10
        while length < 19, rest >= power {
            power *= 10
            length += 1
        }
        let place = advance(length)
        DigitPairs.write(rest, digits: length, base: 10, DigitPairs.decimal, at: place)
    }

    /// A decimal number with leading zeros.
    mutating func integer(_ value: Int64, digits: Int) {
        let place = advance(digits)
        DigitPairs.write(value.magnitude, digits: digits, base: 10, DigitPairs.decimal, at: place)
    }

    /// The last `digits` base-62 digits of a number.
    @inline(__always)
    mutating func base62(_ value: UInt64, digits: Int) {
        let place = advance(digits)
        DigitPairs.write(value, digits: digits, base: 62, DigitPairs.base62, at: place)
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

/// All pairs of digits of one base: a number is written two digits at a time, with half as many divisions, each of
/// which waits for the one before it.
private enum DigitPairs {
    static let decimal = pairs(10)
    static let base62 = pairs(62)

    private static func pairs(_ base: UInt64) -> [UInt16] {
        (0..<base * base).map { value in
            UInt16(littleEndian: UInt16(Base62.digit(value / base)) | UInt16(Base62.digit(value % base)) << 8)
        }
    }

    /// The last `digits` digits of a number.
    /// - Parameter base: a literal, by which the compiler divides without dividing.
    @inline(__always)
    static func write(
        _ value: UInt64, digits: Int, base: UInt64, _ pairs: [UInt16], at place: UnsafeMutableRawPointer
    ) {
        var rest = value
        var position = digits
        pairs.withUnsafeBufferPointer { pairs in
            while position >= 2 {
                position -= 2
                (place + position).storeBytes(of: pairs[Int(rest % (base * base))], as: UInt16.self)
                rest /= base * base
            }
        }
        if position == 1 { place.storeBytes(of: Base62.digit(rest % base), as: UInt8.self) }
    }
}
