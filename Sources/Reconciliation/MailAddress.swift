/// What a mail address must look like before anything is sent to it.
public enum MailAddress {
    /// RFC 5321 allows 254 bytes between the angle brackets.
    static let bytesMax = 254

    /// Whether mail can be sent there at all: one `@`, a local part of the characters that people use, and a domain
    /// with a dot in it. Whether somebody reads it, only a mail tells.
    public static func isPlausible(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= bytesMax, (1...64).contains(parts[0].count) else { return false }
        let dots = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard dots.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isAtom) }) else { return false }
        let labels = parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let hyphen = UInt8(ascii: "-")
        return labels.count >= 2
            && labels.allSatisfy { label in
                (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
                    && label.allSatisfy { isLetterOrDigit($0) || $0 == hyphen }
            }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// RFC 5322, `atext`.
    private static func isAtom(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || "!#$%&'*+/=?^_`{|}~-".utf8.contains(byte)
    }
}
