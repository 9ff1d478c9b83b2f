import Store
import Stripe

extension RequestBudget {
    /// The limit of an account that all processes of one database share.
    public static func shared(_ budget: SharedBudget) -> RequestBudget {
        RequestBudget(
            take: { endpoint async throws(CancellationError) in try await budget.take(endpoint) },
            slowDown: { endpoint, reason in
                switch reason {
                // An object's lock is no question of rate.
                case .lockTimeout, .resourceSpecific: break
                case .globalRate, .globalConcurrency:
                    Task { await budget.slowDown(endpoint, isAboutAccount: true) }
                case .endpointRate, .endpointConcurrency, .unstated, .unknown:
                    Task { await budget.slowDown(endpoint, isAboutAccount: false) }
                }
            })
    }
}
