import PostgreSQL
import Store
import Stripe
import Synchronization

/// The limits of accounts that this process shares with others through the database, one for each account.
final class AccountBudgets: Sendable {
    /// Apart from the runs' own connections: a run that waits for a request must not wait for itself.
    private let pool: Pool
    private let budgets = Mutex<[String: SharedBudget]>([:])

    init(_ target: ConnectionTarget) {
        pool = Pool(target, size: 2, applicationName: "trueup rate limits")
    }

    func budget(of account: String, _ limits: RateLimits) -> SharedBudget {
        budgets.withLock { budgets in
            if let budget = budgets[account] { return budget }
            let budget = SharedBudget(
                pool: pool, account: account, perSecond: limits.perSecond * limits.share,
                perEndpoint: limits.perEndpoint * limits.share)
            budgets[account] = budget
            return budget
        }
    }

    func close() async { await pool.close() }
}
