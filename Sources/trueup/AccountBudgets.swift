import PostgreSQL
import Runner
import Store
import Stripe
import Synchronization

/// The limits of accounts that this process shares with others through the database, one for each account and rate.
final class AccountBudgets: Sendable {
    /// Apart from the runs' own connections: a run that waits for a request must not wait for itself. They are
    /// opened with the first request.
    private let pool: Pool
    private let budgets = Mutex<[String: SharedBudget]>([:])

    init(_ target: ConnectionTarget) {
        pool = Pool(target, size: 2, applicationName: "trueup rate limits")
    }

    /// - Parameter trigger: of the run that sends: those of the schedule have a part of the limit to themselves.
    func budget(of account: String, _ limits: RateLimits, for trigger: RunTrigger) -> RequestBudget {
        let share: BudgetShare = trigger == .schedule ? .nightly : .background
        return .shared(budget(of: account, limits, share))
    }

    /// For whom somebody waits: what Stripe and callers ask of `serve` has the part of the schedule's runs.
    /// - Parameter limits: asked before each request: what was changed counts from then on.
    func live(of account: String, _ limits: @escaping @Sendable () -> RateLimits) -> RequestBudget {
        RequestBudget(
            take: { [self] endpoint async throws(CancellationError) in
                try await RequestBudget.shared(budget(of: account, limits(), .nightly)).take(endpoint)
            },
            slowDown: { [self] endpoint, reason in
                RequestBudget.shared(budget(of: account, limits(), .nightly)).slowDown(endpoint, reason)
            })
    }

    private func budget(of account: String, _ limits: RateLimits, _ share: BudgetShare) -> SharedBudget {
        budgets.withLock { budgets in
            // Limits that were changed while this process runs count from its next run on.
            let key = "\(share.rawValue) \(account) \(limits)"
            if let budget = budgets[key] { return budget }
            let budget = SharedBudget(
                pool: pool, account: account, perSecond: limits.perSecond * limits.share,
                perEndpoint: limits.perEndpoint * limits.share, share: share)
            budgets[key] = budget
            return budget
        }
    }

    /// Opens the connection that the first request needs, while the caller does something else.
    func warm() {
        // Whatever is wrong is said to who needs it.
        Task { [pool] in try? await pool.withConnection { _ in } }
    }

    func close() async { await pool.close() }
}
