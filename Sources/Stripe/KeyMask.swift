/// Hides keys in text that comes from elsewhere: Stripe repeats a part of a wrong key in its message.
package enum KeyMask {
    private static let prefixes: [[UInt8]] = [
        "sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "whsec_",
    ].map { Array($0.utf8) }

    /// The text with what follows a key's prefix replaced by `***`.
    package static func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "_")) else { return text }
        var result: [UInt8] = []
        var place = 0
        while place < bytes.count {
            guard let prefix = prefixes.first(where: { bytes[place...].starts(with: $0) }) else {
                result.append(bytes[place])
                place += 1
                continue
            }
            result += prefix + Array("***".utf8)
            place += prefix.count
            while place < bytes.count, isPartOfKey(bytes[place]) {
                place += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // Stripe writes the hidden middle of a key as stars.
    private static func isPartOfKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "*"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
