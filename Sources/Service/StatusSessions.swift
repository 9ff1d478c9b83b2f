import COpenSSL

/// Cookies that stand for a token which was shown before, so that the token itself is not kept by a browser. They are
/// signed with a key of this process: a restart asks for the token again.
struct StatusSessions: Sendable {
    /// How long a cookie is valid.
    static let lifeSeconds: Int64 = 12 * 3_600

    private let key: [UInt8]

    init() {
        var generator = SystemRandomNumberGenerator()
        key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// `7.1700000000.…`: the token's id, the end, and the signature of both.
    func make(token: Int64, nowSeconds: Int64) -> String {
        let text = "\(token).\(nowSeconds + Self.lifeSeconds)"
        return "\(text).\(signature(text))"
    }

    /// The id of the token that a cookie stands for; nil for one that is not ours or is over.
    func token(of cookie: String, nowSeconds: Int64) -> Int64? {
        let parts = cookie.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let id = Int64(parts[0]), let end = Int64(parts[1]), nowSeconds < end else {
            return nil
        }
        let found = Array(parts[2].utf8)
        let expected = Array(signature("\(parts[0]).\(parts[1])").utf8)
        guard found.count == expected.count, trueup_equal_constant_time(found, expected, found.count) == 1 else {
            return nil
        }
        return id
    }

    private func signature(_ text: String) -> String {
        var digest = [UInt8](repeating: 0, count: Int(TRUEUP_SHA256_BYTES))
        let bytes = Array(text.utf8)
        guard trueup_hmac_sha256(key, key.count, bytes, bytes.count, nil, 0, &digest) == 1 else {
            preconditionFailure("libcrypto has no HMAC-SHA256")
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
