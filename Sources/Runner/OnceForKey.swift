import PostgreSQL
import Store
import Stripe

/// What a caller asks for under a key, or without one: once for each key, also where a COMMIT gets no answer.
struct OnceForKey: Sendable {
    /// Thrown for a key of no or more than 255 characters.
    let badKey: any Error
    /// Thrown for a key that came with another request before.
    let keyConflict: any Error

    /// - Parameters:
    ///   - idempotencyKey: the caller's; `nil`: one of its own, which tells after a lost COMMIT whether the row is
    ///     there.
    ///   - attempt: makes the row, or goes on with the one that is there under this key.
    func callAsFunction<T: Sendable>(
        _ idempotencyKey: String?, _ attempt: @Sendable (String) async throws -> T
    ) async throws -> T {
        if let key = idempotencyKey, key.isEmpty || key.utf8.count > 255 { throw badKey }
        let key = idempotencyKey ?? IdempotencyKey.random()
        do {
            return try await againAfterLostCommit { try await attempt(key) }
        } catch ClientRequest.Conflict.otherRequest {
            throw keyConflict
        }
    }
}

/// Does once more what looks at what is there before it acts, where nobody knows whether its COMMIT took place.
package func againAfterLostCommit<T: Sendable>(_ attempt: @Sendable () async throws -> T) async throws -> T {
    do {
        return try await attempt()
    } catch let error as PostgresError where error.isCommitOutcomeUnknown {
        return try await attempt()
    }
}
