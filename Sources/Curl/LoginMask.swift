/// Takes a login out of what a server or libcurl says: the password as it is, in every form in which it goes over the
/// wire, and together with the user name. A user name alone stays: it is no secret, and a short one is a part of words.
package struct LoginMask: Sendable {
    private let user: String
    private let password: Secret

    /// Shorter ones are hidden only where they stand alone: `p` is a part of many words that say what went wrong.
    private static let wordBytesMax = 5

    package init(user: String, password: Secret) {
        self.user = user
        self.password = password
    }

    /// The text with `***` where the login was.
    package func masked(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for form in forms { bytes = Self.hiding(form, in: bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What must not be told, the longest first, so that no part of a longer one is left over.
    private var forms: [[UInt8]] {
        let secret = password.expose()
        guard !secret.isEmpty else { return [] }
        let (name, word) = (Array(user.utf8), Array(secret.utf8))
        let (zero, colon): ([UInt8], [UInt8]) = ([0], [UInt8(ascii: ":")])
        let pair: [UInt8] = name + colon + word
        let encodedPair: [UInt8] = Self.percentEncoded(name) + colon + Self.percentEncoded(word)
        let plain: [[UInt8]] = [word, pair, Self.percentEncoded(word), encodedPair]
        // LOGIN sends both by themselves, PLAIN (RFC 4616) both behind the name of whom they act for, if any.
        let behind: [UInt8] = zero + name + zero + word
        let acting: [UInt8] = name + behind
        let sent: [[UInt8]] = [word, name, behind, acting, pair]
        let encoded = sent.filter { !$0.isEmpty }.map { bytes in
            Array(TransferEncoding.base64(bytes).utf8.prefix { $0 != UInt8(ascii: "=") })
        }
        return (plain + encoded).sorted { $0.count > $1.count }
    }

    private static func percentEncoded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            let isPlain = isWordy(byte) || "-._~".utf8.contains(byte)
            return isPlain ? [byte] : Array("%\(TransferEncoding.hex(byte))".utf8)
        }
    }

    private static func hiding(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        let mustStandAlone = secret.count <= wordBytesMax
        var out: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let end = position + secret.count
            let isThere = end <= bytes.count && bytes[position..<end].elementsEqual(secret)
            if isThere, !mustStandAlone || isEdge(bytes, position - 1) && isEdge(bytes, end) {
                out += "***".utf8
                position = end
            } else {
                out.append(bytes[position])
                position += 1
            }
        }
        return out
    }

    /// Whether a word can end or begin beside this place.
    private static func isEdge(_ bytes: [UInt8], _ index: Int) -> Bool {
        !bytes.indices.contains(index) || !isWordy(bytes[index]) && bytes[index] < 0x80
    }

    private static func isWordy(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
