import Synchronization

/// Cookies that stand for a token which was shown before, so that the token itself is not kept by a browser. They are
/// known to this process alone: a restart asks for the token again, and one that was signed out is over.
final class StatusSessions: Sendable {
    /// How long a cookie is valid.
    static let lifeSeconds: Int64 = 12 * 3_600
    /// People who are signed in at the same time; beyond that the one who has been for longest is signed out.
    static let countMax = 1_000

    private struct Session {
        var tokenID: Int64
        var endSeconds: Int64
    }

    private let sessions = Mutex<[String: Session]>([:])

    /// Begins a session of a token: 64 digits of chance, which nobody can guess.
    func begin(token: Int64, nowSeconds: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        let cookie = (0..<4).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        sessions.withLock { sessions in
            sessions = sessions.filter { $0.value.endSeconds > nowSeconds }
            if sessions.count >= Self.countMax,
                let oldest = sessions.min(by: { $0.value.endSeconds < $1.value.endSeconds })?.key
            {
                sessions[oldest] = nil
            }
            sessions[cookie] = Session(tokenID: token, endSeconds: nowSeconds + Self.lifeSeconds)
        }
        return cookie
    }

    /// The id of the token that a cookie stands for; nil for one that is not ours or is over.
    func token(of cookie: String, nowSeconds: Int64) -> Int64? {
        sessions.withLock { sessions in
            guard let session = sessions[cookie], nowSeconds < session.endSeconds else { return nil }
            return session.tokenID
        }
    }

    /// Signs out: from now on the cookie stands for nothing, whoever kept it.
    func end(_ cookie: String) {
        sessions.withLock { $0[cookie] = nil }
    }
}
