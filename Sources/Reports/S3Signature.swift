import COpenSSL

/// AWS Signature Version 4 of one PUT, with every header that it signs:
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
public struct S3Signature: Sendable, Hashable {
    public var accessKeyID: String
    public var secretKey: String
    public var region: String
    public var service: String

    public init(accessKeyID: String, secretKey: String, region: String, service: String = "s3") {
        self.accessKeyID = accessKeyID
        self.secretKey = secretKey
        self.region = region
        self.service = service
    }

    /// The headers to send with a request, `Host` apart, which the library sends.
    /// - Parameters:
    ///   - path: percent-encoded, beginning with a slash: what stands in the request line.
    ///   - host: with its port, unless it is the scheme's own.
    ///   - payloadHash: SHA-256 of the body, hexadecimal.
    ///   - atSeconds: Unix seconds, of this machine's clock; the service refuses what is 15 minutes off.
    public func headers(
        method: String, path: String, host: String, payloadHash: String, atSeconds: Int64
    ) throws(ReportError) -> [(String, String)] {
        let stamp = S3Signature.stamp(atSeconds)
        let day = String(stamp.prefix(8))
        let signed = "host;x-amz-content-sha256;x-amz-date"
        let canonical = [
            method, path, "", "host:\(host)", "x-amz-content-sha256:\(payloadHash)", "x-amz-date:\(stamp)", "", signed,
            payloadHash,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let toSign = [
            "AWS4-HMAC-SHA256", stamp, scope, try FileDigest.sha256(Array(canonical.utf8)),
        ].joined(separator: "\n")
        var key = Array("AWS4\(secretKey)".utf8)
        for part in [day, region, service, "aws4_request"] { key = try S3Signature.hmac(key, part) }
        let signature = FileDigest.hex(try S3Signature.hmac(key, toSign))
        return [
            ("x-amz-content-sha256", payloadHash), ("x-amz-date", stamp),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKeyID)/\(scope), SignedHeaders=\(signed), Signature=\(signature)"
            ),
        ]
    }

    /// A path as S3 wants it: every byte but letters, digits, `-._~` and the slashes between names is encoded.
    public static func encoded(path names: [String]) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for name in names {
            bytes.append(UInt8(ascii: "/"))
            for byte in name.utf8 {
                let isPlain =
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || byte == 45 || byte == 46 || byte == 95 || byte == 126
                if isPlain {
                    bytes.append(byte)
                } else {
                    bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `20130524T000000Z`
    private static func stamp(_ seconds: Int64) -> String {
        let text = ReportClock(.utc).iso(seconds) ?? "1970-01-01T00:00:00+00:00"
        return text.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    private static func hmac(_ key: [UInt8], _ text: String) throws(ReportError) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        let bytes = Array(text.utf8)
        guard trueup_hmac_sha256(key, key.count, bytes, bytes.count, nil, 0, &digest) == 1 else {
            throw .inconsistent("libcrypto has no HMAC-SHA-256")
        }
        return digest
    }
}
