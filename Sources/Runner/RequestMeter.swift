import Stripe
import Synchronization

/// What this process has sent to Stripe, over all its runs: clients come and go, the sums stay.
public final class RequestMeter: Sendable {
    /// The sums of one account.
    public struct Reading: Sendable, Hashable {
        public var account: String
        /// 0: no answer came.
        public var byStatus: [Int: Int] = [:]
        public var retries = 0
        /// Requests that waited for the limit noticeably.
        public var waits = 0
        public var waitedSeconds = 0.0

        mutating func add(_ usage: RequestUsage) {
            byStatus.merge(usage.byStatus) { $0 + $1 }
            retries += usage.retries
            waits += usage.waits
            waitedSeconds += Double(usage.waitedNanoseconds) / 1e9
        }
    }

    private struct State {
        var ended: [String: Reading] = [:]
        var active: [ObjectIdentifier: StripeClient] = [:]
    }

    private let state = Mutex(State())

    public init() {}

    /// Counts what these clients send, from their first request on.
    public func add(_ clients: [String: StripeClient]) {
        state.withLock { state in
            for client in clients.values { state.active[ObjectIdentifier(client)] = client }
        }
    }

    /// The clients are not used any more: what they sent stays counted.
    public func remove(_ clients: [String: StripeClient]) {
        state.withLock { state in
            for client in clients.values where state.active.removeValue(forKey: ObjectIdentifier(client)) != nil {
                let name = client.account.name
                state.ended[name, default: Reading(account: name)].add(client.usage)
            }
        }
    }

    /// One for each account that was used, by name.
    public var readings: [Reading] {
        state.withLock { state in
            var all = state.ended
            for client in state.active.values {
                let name = client.account.name
                all[name, default: Reading(account: name)].add(client.usage)
            }
            return all.values.sorted { $0.account < $1.account }
        }
    }
}
