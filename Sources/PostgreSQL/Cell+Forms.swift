/// Reads a cell's bytes from front to back and never past the end.
struct CellReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func next<T: FixedWidthInteger>(_: T.Type) throws(CellError) -> T {
        T(bigEndian: try take(MemoryLayout<T>.size).loadUnaligned(as: T.self))
    }

    mutating func take(_ count: Int) throws(CellError) -> UnsafeRawBufferPointer {
        guard count >= 0, bytes.count - position >= count else { throw CellError("it ends too early") }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    }

    /// A length and so many bytes; a negative length is NULL, without bytes.
    mutating func skipField() throws(CellError) {
        let length = try next(Int32.self)
        if length > 0 { _ = try take(Int(length)) }
    }
}

/// PostgreSQL's `numeric`: digits to the base 10,000, a weight, a sign and a number of decimals (`numeric_send` in the
/// server). Sums of bigint come in this form.
struct Numeric {
    private var digits: [Int16] = []
    private let weight: Int
    private let sign: UInt16
    private let scale: Int

    init(_ cell: Cell) throws(CellError) {
        var reader = CellReader(cell.bytes)
        let count = Int(try reader.next(Int16.self))
        weight = Int(try reader.next(Int16.self))
        sign = try reader.next(UInt16.self)
        scale = Int(try reader.next(Int16.self))
        for _ in 0..<max(0, count) { digits.append(try reader.next(Int16.self)) }
    }

    private var special: String? {
        switch sign {
        case 0xC000: "NaN"
        case 0xD000: "Infinity"
        case 0xF000: "-Infinity"
        default: nil
        }
    }

    private func digit(_ index: Int) -> Int {
        digits.indices.contains(index) ? Int(digits[index]) : 0
    }

    /// The value where it is a whole number within 64 bits; an error otherwise, never a rounded one.
    func wholeNumber() throws(CellError) -> Int64 {
        if let special { throw CellError("it is \(special)") }
        guard digits.indices.allSatisfy({ $0 <= weight || digits[$0] == 0 }) else {
            throw CellError("it is not a whole number")
        }
        guard weight < 5 else { throw CellError("it is out of range") }
        var value: Int64 = 0
        for index in 0..<max(0, weight + 1) {
            // Negative numbers reach one further, so the value is built on its own side of zero.
            let step = sign == 0x4000 ? -Int64(digit(index)) : Int64(digit(index))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10_000)
            let (sum, overflowed) = product.addingReportingOverflow(step)
            guard !overflow, !overflowed else { throw CellError("it is out of range") }
            value = sum
        }
        return value
    }

    /// The decimal form, as the server prints it.
    var text: String {
        if let special { return special }
        var whole = ""
        for index in 0..<max(0, weight + 1) { whole += fourDigits(digit(index)) }
        whole = String(whole.drop { $0 == "0" })
        var fraction = ""
        var index = weight + 1
        while fraction.count < scale {
            fraction += fourDigits(digit(index))
            index += 1
        }
        let decimals = scale > 0 ? "." + fraction.prefix(scale) : ""
        return (sign == 0x4000 ? "-" : "") + (whole.isEmpty ? "0" : whole) + decimals
    }

    private func fourDigits(_ value: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, 4 - text.count)) + text
    }
}

/// The form 8-4-4-4-12.
func uuidText(_ bytes: UnsafeRawBufferPointer) throws(CellError) -> String {
    guard bytes.count == 16 else { throw CellError("it has \(bytes.count) bytes where 16 were expected") }
    let hex = Array("0123456789abcdef")
    var text = ""
    for (index, byte) in bytes.enumerated() {
        if [4, 6, 8, 10].contains(index) { text += "-" }
        text.append(hex[Int(byte >> 4)])
        text.append(hex[Int(byte & 15)])
    }
    return text
}
