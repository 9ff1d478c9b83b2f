import NIOCore
import Synchronization

/// What POSTs with an idempotency key were answered (https://docs.stripe.com/api/idempotent_requests).
final class IdempotencyTable: Sendable {
    struct Kept: Sendable {
        var status: Int
        var body: ByteBuffer
        var requestID: String
    }

    private enum Entry: Sendable {
        case running(fingerprint: String)
        case done(fingerprint: String, Kept, keptSeconds: Int64)
    }

    enum Verdict {
        case fresh
        case replay(Kept)
    }

    private static let keptForSeconds: Int64 = 86_400
    private let entries = Mutex<[String: Entry]>([:])

    /// What to do with a request; a fresh one holds its key until ``finish(_:keeping:nowSeconds:)``.
    func begin(_ key: String, fingerprint: String, nowSeconds: Int64) throws(SandboxError) -> Verdict {
        guard key.utf8.count <= 255 else {
            throw SandboxError(400, "Idempotency keys may only be up to 255 characters long.")
        }
        return try entries.withLock { entries throws(SandboxError) in
            switch entries[key] {
            case .running:
                throw SandboxError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key (that probably means you "
                        + "submitted twice, and the other request is still going through): \(key). Please try again "
                        + "later.",
                    code: "idempotency_key_in_use")
            case .done(let known, let kept, let since) where nowSeconds - since < Self.keptForSeconds:
                guard known == fingerprint else {
                    var error = SandboxError(
                        400,
                        "Keys for idempotent requests can only be used with the same parameters they were first used "
                            + "with. Try using a key other than '\(key)' if you meant to execute a different request.")
                    error.type = "idempotency_error"
                    throw error
                }
                return .replay(kept)
            case .done, nil:
                entries[key] = .running(fingerprint: fingerprint)
                return .fresh
            }
        }
    }

    /// Ends a request that ``begin(_:fingerprint:nowSeconds:)`` called fresh; `nil` forgets the key.
    func finish(_ key: String, keeping kept: Kept?, nowSeconds: Int64) {
        entries.withLock { entries in
            guard case .running(let fingerprint) = entries[key] else { return }
            entries[key] = kept.map { .done(fingerprint: fingerprint, $0, keptSeconds: nowSeconds) }
        }
    }
}
