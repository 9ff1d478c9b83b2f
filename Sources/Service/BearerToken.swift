import COpenSSL
import Hummingbird
import Store

/// A token as its owner holds it: `trueup_7_…`, the id of its row and 256 random bits.
public struct BearerToken: Sendable {
    /// Its row in `trueup.api_token`; 0 before there is one.
    public let id: Int64
    private let secret: String

    private static let prefix = "trueup_"
    private static let secretBytes = 32

    /// A new secret, from the system's generator.
    public static func random(id: Int64 = 0) -> BearerToken {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return BearerToken(id: id, secret: hex(bytes))
    }

    /// - Returns: nil for what has not the form of a token.
    public init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard text.utf8.count <= 128, parts.count == 3, parts[0] == "trueup", let id = Int64(parts[1]), id > 0,
            parts[2].utf8.count == Self.secretBytes * 2
        else { return nil }
        self.init(id: id, secret: String(parts[2]))
    }

    private init(id: Int64, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// The same secret for a row.
    public func with(id: Int64) -> BearerToken { BearerToken(id: id, secret: secret) }

    /// The whole token. It is shown once, to its owner, and kept nowhere.
    public func expose() -> String { "\(Self.prefix)\(id)_\(secret)" }

    /// What the database keeps: SHA-256 of the secret. 256 random bits need no salt and no slow hash.
    public var hash: [UInt8] {
        let bytes = Array(secret.utf8)
        var digest = [UInt8](repeating: 0, count: Int(TRUEUP_SHA256_BYTES))
        guard trueup_sha256(bytes, bytes.count, &digest) == 1 else { preconditionFailure("libcrypto has no SHA-256") }
        return digest
    }

    /// Whether this is the token of that row, in a time that does not depend on how much of it is right.
    public func fits(_ row: APIToken) -> Bool {
        let own = hash
        return row.id == id && row.secretHash.count == own.count
            && trueup_equal_constant_time(own, row.secretHash, own.count) == 1
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension BearerToken: CustomStringConvertible {
    /// Never the secret.
    public var description: String { "\(Self.prefix)\(id)_***" }
}
