import Synchronization

/// What the service counts while it runs. Figures that must outlive the process come from the database.
final class ServiceFigures: Sendable {
    struct Request: Hashable, Comparable {
        var route: String
        var method: String
        var status: Int

        static func < (left: Request, right: Request) -> Bool {
            (left.route, left.method, left.status) < (right.route, right.method, right.status)
        }
    }

    struct Webhook: Hashable, Comparable {
        var type: String
        var outcome: String

        static func < (left: Webhook, right: Webhook) -> Bool {
            (left.type, left.outcome) < (right.type, right.outcome)
        }
    }

    /// How long something took, in classes.
    struct Histogram: Sendable {
        /// Upper bounds in seconds.
        static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
        /// One more than bounds: the last has none.
        var counts = [Int64](repeating: 0, count: bounds.count + 1)
        var sumSeconds = 0.0

        mutating func add(_ seconds: Double) {
            counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
            sumSeconds += seconds
        }
    }

    struct Snapshot: Sendable {
        var requests: [Request: Int64] = [:]
        var webhooks: [Webhook: Int64] = [:]
        /// Requests to the routes of webhooks.
        var webhookSeconds = Histogram()
    }

    private let state = Mutex(Snapshot())

    var snapshot: Snapshot { state.withLock { $0 } }

    func count(route: String, method: String, status: Int, _ duration: Duration) {
        state.withLock { state in
            state.requests[Request(route: route, method: method, status: status), default: 0] += 1
            if route.hasPrefix("/stripe/") { state.webhookSeconds.add(duration / .seconds(1)) }
        }
    }

    /// - Parameter type: `other` for one that is not known, so that nobody outside decides how many figures there are.
    func count(webhook type: String, outcome: String) {
        state.withLock { $0.webhooks[Webhook(type: type, outcome: outcome), default: 0] += 1 }
    }
}
