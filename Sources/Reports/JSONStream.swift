/// JSON written as it is made, without ever being held in memory.
package final class JSONStream {
    private let stream: ByteStream
    private var needsComma = false

    package init(_ stream: ByteStream) { self.stream = stream }

    package func object(_ body: (JSONStream) throws(ReportError) -> Void) throws(ReportError) {
        try open(123)
        try body(self)
        try close(125)
    }

    package func array(_ body: (JSONStream) throws(ReportError) -> Void) throws(ReportError) {
        try open(91)
        try body(self)
        try close(93)
    }

    package func open(_ bracket: UInt8) throws(ReportError) {
        try comma()
        try stream.write(bracket)
        needsComma = false
    }

    package func close(_ bracket: UInt8) throws(ReportError) {
        try stream.write(bracket)
        needsComma = true
    }

    package func key(_ key: String) throws(ReportError) {
        try comma()
        try quoted(key)
        try stream.write(58)
        needsComma = false
    }

    package func member(_ key: String, _ value: String?) throws(ReportError) {
        try self.key(key)
        try string(value)
    }

    package func member(_ key: String, _ value: Int64?) throws(ReportError) {
        try self.key(key)
        try integer(value)
    }

    package func string(_ value: String?) throws(ReportError) {
        guard let value else { return try null() }
        try comma()
        try quoted(value)
        needsComma = true
    }

    package func integer(_ value: Int64?) throws(ReportError) {
        guard let value else { return try null() }
        try comma()
        try stream.write(String(value))
        needsComma = true
    }

    package func boolean(_ value: Bool) throws(ReportError) {
        try comma()
        try stream.write(value ? "true" : "false")
        needsComma = true
    }

    package func null() throws(ReportError) {
        try comma()
        try stream.write("null")
        needsComma = true
    }

    /// A new line before the next value, so that a large file can be read by people and by line tools.
    package func newLine() throws(ReportError) {
        if needsComma { try stream.write(44) }
        needsComma = false
        try stream.write(10)
    }

    private func comma() throws(ReportError) {
        if needsComma { try stream.write(44) }
        needsComma = false
    }

    /// Everything that could end a string, hide in an editor or reorder what a person sees is written as an escape.
    private func quoted(_ text: String) throws(ReportError) {
        try stream.write(34)
        if text.utf8.allSatisfy({ $0 >= 32 && $0 < 127 && $0 != 34 && $0 != 92 }) {
            try stream.write(text)
        } else {
            var result = String.UnicodeScalarView()
            for scalar in text.unicodeScalars {
                switch scalar.value {
                case 34, 92: result.append(contentsOf: ["\\", scalar])
                case 10: result.append(contentsOf: "\\n".unicodeScalars)
                case 13: result.append(contentsOf: "\\r".unicodeScalars)
                case 9: result.append(contentsOf: "\\t".unicodeScalars)
                case 0...31, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
                    let digits = String(scalar.value, radix: 16)
                    result.append(contentsOf: "\\u".unicodeScalars)
                    result.append(contentsOf: String(repeating: "0", count: 4 - digits.count).unicodeScalars)
                    result.append(contentsOf: digits.unicodeScalars)
                default: result.append(scalar)
                }
            }
            try stream.write(String(result))
        }
        try stream.write(34)
    }
}
