internal import COpenSSL
public import Curl

/// The signature of a webhook. See https://docs.stripe.com/webhooks#verify-manually
public enum WebhookSignature {
    /// Why a payload is not to be believed.
    public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// The header has no usable `t=`.
        case malformed
        /// The header has no `v1=`.
        case noSignature
        /// No signature fits the payload under any of the secrets.
        case mismatch
        /// It fits, but was made too long ago: perhaps a replay.
        case timestamp(ageSeconds: Int64)
        /// There is no secret to check with.
        case noSecret

        public var description: String {
            switch self {
            case .malformed: "the Stripe-Signature header has no time (t=…); is this a webhook of Stripe?"
            case .noSignature: "the Stripe-Signature header has no v1 signature"
            case .mismatch:
                "no signature fits the payload; check the signing secret, and that the body arrives unchanged"
            case .timestamp(let age): "the signature is \(age) s old; check the clock, or the payload was replayed"
            case .noSecret: "no webhook signing secret is set"
            }
        }
    }

    /// Returns when one `v1` fits the payload under one of the secrets, and is not older than the tolerance.
    ///
    /// `payload` is the raw body. A time in the future is accepted, as Stripe's libraries do.
    public static func verify(
        payload: UnsafeRawBufferPointer, header: String, secrets: [Secret], nowSeconds: Int64,
        toleranceSeconds: Int64 = 300
    ) throws(Failure) {
        let (time, signatures) = try parsed(header)
        guard !signatures.isEmpty else { throw .noSignature }
        guard secrets.contains(where: { !$0.isEmpty }) else { throw .noSecret }
        var fits = false
        for secret in secrets where !secret.isEmpty {
            let expected = try signature(payload: payload, time: time, secret: secret)
            // All are compared: where a match is found is nobody's business.
            for signature in signatures where equal(Array(signature.utf8), expected) {
                fits = true
            }
        }
        guard fits else { throw .mismatch }
        let (age, overflow) = nowSeconds.subtractingReportingOverflow(time.seconds)
        guard !overflow, age <= toleranceSeconds else { throw .timestamp(ageSeconds: overflow ? .max : age) }
    }

    /// The same for bytes in an array.
    public static func verify(
        payload: [UInt8], header: String, secrets: [Secret], nowSeconds: Int64, toleranceSeconds: Int64 = 300
    ) throws(Failure) {
        try payload.span.withUnsafeBytes { bytes throws(Failure) in
            try verify(
                payload: bytes, header: header, secrets: secrets, nowSeconds: nowSeconds,
                toleranceSeconds: toleranceSeconds)
        }
    }

    private struct Time {
        let text: Substring
        let seconds: Int64
    }

    private static func parsed(_ header: String) throws(Failure) -> (Time, [Substring]) {
        var time: Time?
        var signatures: [Substring] = []
        for item in header.split(separator: ",") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "t":
                // The text is signed as it stands; Int64 alone would take "+5" for 5.
                guard parts[1].utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let seconds = Int64(parts[1]) else {
                    throw .malformed
                }
                time = Time(text: parts[1], seconds: seconds)
            case "v1":
                signatures.append(parts[1])
            default: break
            }
        }
        guard let time else { throw .malformed }
        return (time, signatures)
    }

    private static func signature(
        payload: UnsafeRawBufferPointer, time: Time, secret: Secret
    ) throws(Failure) -> [UInt8] {
        let key = Array(secret.expose().utf8)
        let head = Array((time.text + ".").utf8)
        var digest = [UInt8](repeating: 0, count: Int(TRUEUP_SHA256_BYTES))
        let done = trueup_hmac_sha256(
            key, key.count, head, head.count, payload.baseAddress, payload.count, &digest)
        // Without a digest nothing can fit.
        guard done == 1 else { throw .mismatch }
        let digits = Array("0123456789abcdef".utf8)
        return digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && trueup_equal_constant_time(left, right, left.count) == 1
    }
}
