import COpenSSL
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// `Stripe-Signature` (https://docs.stripe.com/webhooks/signature).
enum WebhookSignature {
    /// The header for a body that leaves now. The time is that of this machine, not of the sandbox: whoever checks it
    /// compares it with a real clock.
    static func header(_ body: ByteBuffer, secret: String) -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return header(body, secret: secret, seconds: Int64(now.tv_sec))
    }

    /// `t=…,v1=…`: HMAC-SHA256 of the time, a dot and the body, in lower-case hexadecimal digits.
    static func header(_ body: ByteBuffer, secret: String, seconds: Int64) -> String {
        var digest = [UInt8](repeating: 0, count: Int(TRUEUP_SHA256_BYTES))
        let key = Array(secret.utf8)
        let head = Array("\(seconds).".utf8)
        let isDone = body.withUnsafeReadableBytes { body in
            trueup_hmac_sha256(key, key.count, head, head.count, body.baseAddress, body.count, &digest)
        }
        precondition(isDone == 1, "libcrypto has no HMAC-SHA256")
        let digits = Array("0123456789abcdef".utf8)
        let hex = String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        return "t=\(seconds),v1=\(hex)"
    }
}
