/// How bytes get through mail servers that know seven bits and short lines: RFC 2045, section 6.
enum TransferEncoding {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let hexDigits = Array("0123456789ABCDEF".utf8)
    private static let lineEnd: [UInt8] = [0x0D, 0x0A]

    static func hex(_ byte: UInt8) -> String {
        String(decoding: [hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]], as: UTF8.self)
    }

    /// Base64 without line ends.
    static func base64(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        appendBase64(bytes[...], to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Base64 in lines of 76 characters.
    static func appendBase64Lines(_ bytes: [UInt8], to out: inout [UInt8]) {
        out.reserveCapacity(out.count + bytes.count / 57 * 78 + 80)
        var start = 0
        while start < bytes.count {
            let end = min(start + 57, bytes.count)
            appendBase64(bytes[start..<end], to: &out)
            out += lineEnd
            start = end
        }
    }

    private static func appendBase64(_ bytes: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let left = bytes.endIndex - index
            let one = bytes[index]
            let two = left > 1 ? bytes[index + 1] : 0
            let three = left > 2 ? bytes[index + 2] : 0
            out.append(digits[Int(one >> 2)])
            out.append(digits[Int(one & 3) << 4 | Int(two >> 4)])
            out.append(left > 1 ? digits[Int(two & 15) << 2 | Int(three >> 6)] : UInt8(ascii: "="))
            out.append(left > 2 ? digits[Int(three & 63)] : UInt8(ascii: "="))
            index += 3
        }
    }

    /// Quoted-printable in lines of at most 76 characters; `\n`, `\r\n` and `\r` all end a line.
    static func appendQuotedPrintable(_ text: String, to out: inout [UInt8]) {
        var bytes = Array(text.utf8)
        bytes = normalized(bytes)
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            var column = 0
            for (offset, byte) in line.enumerated() {
                let isBlank = byte == 0x20 || byte == 0x09
                // A blank at the end of a line is what servers take away.
                let isPlain =
                    isBlank ? offset + 1 < line.count : byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "=")
                let width = isPlain ? 1 : 3
                if column + width > 75 {
                    out.append(UInt8(ascii: "="))
                    out += lineEnd
                    column = 0
                }
                if isPlain {
                    out.append(byte)
                } else {
                    out += [UInt8(ascii: "="), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
                }
                column += width
            }
            out += lineEnd
        }
    }

    private static func normalized(_ bytes: [UInt8]) -> [UInt8] {
        var lines: [UInt8] = []
        lines.reserveCapacity(bytes.count)
        for (index, byte) in bytes.enumerated() {
            if byte != 0x0D {
                lines.append(byte)
            } else if index + 1 == bytes.count || bytes[index + 1] != 0x0A {
                lines.append(0x0A)
            }
        }
        if lines.last == 0x0A { lines.removeLast() }
        return lines
    }
}
