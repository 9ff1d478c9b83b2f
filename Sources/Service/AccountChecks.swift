import Logging
import PostgreSQL
import Runner
import Store
import Stripe
import Synchronization

/// Whether each account's key belongs to the account that its name has always stood for. With swapped keys an order
/// would be cancelled whose invoice, at the other account, can still be paid.
final class AccountChecks: Sendable {
    private let accounts: [LiveAccount]
    /// Those that Stripe could not be asked about yet.
    private let unverified = Mutex<Set<String>>([])
    /// What Stripe says of the keys, `acct_…` by the name in the settings.
    private let accountIDs = Mutex<[String: String]>([:])

    init(_ accounts: [LiveAccount]) { self.accounts = accounts }

    /// Asks Stripe about all of them, before anything is answered. Where it cannot be asked, that is said and left to
    /// ``goOn(everySeconds:pool:logger:)``.
    /// - Throws: what is wrong with a key.
    func begin(pool: Pool, logger: Logger) async throws {
        try await ask(accounts, pool, logger)
    }

    /// Asks again until all are known, or the task is cancelled.
    /// - Throws: what is wrong with a key.
    func goOn(everySeconds seconds: Int, pool: Pool, logger: Logger) async throws {
        while true {
            let rest = accounts.filter { !isVerified($0.name) }
            if rest.isEmpty { return }
            do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
            try await ask(rest, pool, logger)
        }
    }

    func isVerified(_ name: String) -> Bool { unverified.withLock { !$0.contains(name) } }

    /// The account that a name's key belongs to, `acct_…`; `nil` where Stripe has not said it, or the key may not.
    func accountID(of name: String) -> String? { accountIDs.withLock { $0[name] } }

    /// Comes before everything that is asked of an account.
    /// - Throws: 503, where its key may be another account's.
    func require(_ name: String) throws(APIError) {
        guard isVerified(name) else {
            throw .unavailable(
                "account_unverified",
                "Stripe could not be asked yet whose key this service has. Nothing was done; ask again in a moment.")
        }
    }

    /// Whether the error is about a key, and would be the same for ever. Every other one may pass.
    static func isFinal(_ error: any Error) -> Bool {
        if error is AccountChanged { return true }
        return switch (error as? StripeError)?.kind {
        case .authentication?, .permission?, .wrongMode?, .wrongAccount?, .keyRefused?: true
        default: false
        }
    }

    private func ask(_ accounts: [LiveAccount], _ pool: Pool, _ logger: Logger) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for account in accounts {
                group.addTask { [self] in try await ask(account, pool, logger) }
            }
            // What is wrong with one is said at once.
            for try await _ in group {}
        }
    }

    private func ask(_ account: LiveAccount, _ pool: Pool, _ logger: Logger) async throws {
        let name = account.name
        do {
            let verified = try await account.client.verifyKnown(name, pool: pool)
            if let id = verified.id { accountIDs.withLock { $0[name] = id } }
        } catch {
            guard !Self.isFinal(error) else { throw error }
            let isNew = unverified.withLock { $0.insert(name).inserted }
            guard isNew, !Task.isCancelled else { return }
            let reason = (error as? PostgresError)?.brief ?? "\(error)"
            return logger.warning(
                "account not verified, it is asked again",
                metadata: ["trueup.account": .string(name), "trueup.reason": .string(reason)])
        }
        let wasUnverified = unverified.withLock { $0.remove(name) != nil }
        if wasUnverified { logger.info("account verified", metadata: ["trueup.account": .string(name)]) }
    }
}
