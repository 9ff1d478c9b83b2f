/// Finds what looks like a secret in text, and takes it out of everything that is printed.
package enum Redaction {
    private static let prefixes = ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"].map { Array($0.utf8) }
    /// Keys whose value is a secret wherever they stand.
    private static let secretWords = ["password", "passwd", "secret", "token", "api_key", "apikey", "credential"]
        .map { Array($0.utf8) }
    private static let mask = Array("***".utf8)

    /// Where in a line (in bytes) a Stripe key, a webhook secret or a password in a URL stands.
    package static func secret(in line: some StringProtocol) -> Range<Int>? {
        secret(in: Array(line.utf8))
    }

    /// A line for printing: secrets and the values of keys that sound like secrets become `***`.
    package static func redacted(_ line: String) -> String {
        var bytes = Array(withoutSecrets(line).utf8)
        if let colon = secretValueColon(bytes) { bytes.replaceSubrange((colon + 1)..., with: Array(" ***".utf8)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A text of our own in which a user's words stand: only what has the form of a secret becomes `***`.
    package static func withoutSecrets(_ text: String) -> String {
        var bytes = Array(text.utf8)
        guard secret(in: bytes) != nil else { return text }
        while let range = secret(in: bytes) { bytes.replaceSubrange(range, with: mask) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func secret(in bytes: [UInt8]) -> Range<Int>? {
        for start in bytes.indices {
            // Every prefix begins with one of these, and hardly any byte is one: files are read by the thousand.
            switch bytes[start] {
            case UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "w"): break
            default: continue
            }
            for prefix in prefixes where bytes[start...].starts(with: prefix) {
                if start > 0, isWord(bytes[start - 1]) { continue }
                let end = bytes[(start + prefix.count)...].firstIndex { !isWord($0) } ?? bytes.endIndex
                if end - start - prefix.count >= 6 { return start..<end }
            }
        }
        return password(in: bytes)
    }

    /// `scheme://user:password@host`
    private static func password(in bytes: [UInt8]) -> Range<Int>? {
        let mark = Array("://".utf8)
        for start in bytes.indices where bytes[start] == mark[0] && bytes[start...].starts(with: mark) {
            let authority = bytes[(start + 3)...].prefix { byte in
                byte > 0x20 && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#")
                    && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "'")
            }
            guard let at = authority.lastIndex(of: UInt8(ascii: "@")),
                let colon = authority[..<at].firstIndex(of: UInt8(ascii: ":")), at - colon > 1,
                Array(bytes[(colon + 1)..<at]) != mask
            else { continue }
            return colon + 1..<at
        }
        return nil
    }

    /// The colon behind the first key that sounds like a secret and has a value, unless it names an environment
    /// variable and rightly so.
    private static func secretValueColon(_ bytes: [UInt8]) -> Int? {
        let lowered = bytes.map { (65...90).contains($0) ? $0 | 0x20 : $0 }
        var first: Int?
        for start in lowered.indices {
            guard secretWords.contains(where: { lowered[start...].starts(with: $0) }) else { continue }
            let key = lowered[start...].prefix { isWord($0) || $0 == UInt8(ascii: "-") }
            let colon = lowered[key.endIndex...].drop { $0 == 0x22 || $0 == 0x27 || $0 == 0x20 }.startIndex
            guard colon < bytes.endIndex, bytes[colon] == UInt8(ascii: ":") else { continue }
            let value = bytes[(colon + 1)...].drop { $0 == 0x20 }
            guard let head = value.first, head != UInt8(ascii: "{"), !value.starts(with: mask) else { continue }
            if key.suffix(4).elementsEqual("_env".utf8), isEnvironmentName(value) { continue }
            first = min(first ?? colon, colon)
        }
        return first
    }

    private static func isEnvironmentName(_ value: ArraySlice<UInt8>) -> Bool {
        let ends = Array(",} #".utf8)
        let word = value.prefix { !ends.contains($0) }.filter { $0 != 0x22 && $0 != 0x27 }
        return TextRule.environmentName.isValid(String(decoding: word, as: UTF8.self))
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || byte == 95
    }
}
