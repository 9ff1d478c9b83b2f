import PostgreSQL
import Reconciliation

/// How the pages of a list are asked for, so that any process with the account's key can.
public struct ListRequest: Sendable, Hashable {
    /// Besides `created`: name and value, in order.
    public var filters: [(name: String, value: String)] { pairs.map { ($0[0], $0[1]) } }
    /// The `Stripe-Version` of the requests.
    public var apiVersion: String
    /// Whether the pages write their payments (``PagePayments``): that they should, until
    /// ``Runs/share(_:owner:leaseSeconds:requests:)`` has said that they may.
    public var writesPayments: Bool

    private var pairs: [[String]]

    public init(filters: [(String, String)] = [], apiVersion: String, writesPayments: Bool = false) {
        pairs = filters.map { [$0.0, $0.1] }
        self.apiVersion = apiVersion
        self.writesPayments = writesPayments
    }

    var words: [String] { pairs.flatMap(\.self) }

    init(words: [String], apiVersion: String, writesPayments: Bool) {
        pairs = stride(from: 0, to: words.count - 1, by: 2).map { [words[$0], words[$0 + 1]] }
        self.apiVersion = apiVersion
        self.writesPayments = writesPayments
    }
}

/// A list of a run under way in another process, of which a part can be read here.
public struct SharedList: Sendable, Hashable {
    /// The run's attempt. It has no lease: the windows have their own.
    public let fence: RunFence
    public let list: RunList
    public let request: ListRequest
    public let trigger: RunTrigger

    init(_ row: Row) throws {
        fence = RunFence(
            runID: try row["id"], job: try row["job"], attempt: Int(try row["attempt"] as Int32), lease: nil)
        list = RunList(account: try row["account"], object: ListedObject(rawValue: try row["object"]) ?? .invoice)
        request = ListRequest(
            words: try row["filters"], apiVersion: try row["api_version"], writesPayments: try row["writes_payments"])
        trigger = RunTrigger(rawValue: try row["trigger"]) ?? .manual
    }
}

// A run whose windows are read by several processes: one owns it, and does all that comes after the reading.
extension Runs {
    /// Says how the lists of a run are read, and that others may help.
    /// - Parameter owner: this process; unique among all.
    /// - Returns: the requests, of which those write payments that may.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    @discardableResult
    public func share(
        _ fence: RunFence, owner: String, leaseSeconds: Double, requests: [RunList: ListRequest]
    ) async throws -> [RunList: ListRequest] {
        try await pool.transaction(fence) { connection in
            var shared = requests
            // In one order for all, as they lock each other out.
            for (list, request) in requests.sorted(by: { "\($0.key)" < "\($1.key)" }) {
                var request = request
                if request.writesPayments {
                    request.writesPayments = try await StripePayments.isFree(
                        list, for: fence.runID, apiVersion: request.apiVersion, on: connection)
                }
                shared[list] = request
                try await connection.execute(
                    """
                    UPDATE trueup.run_list SET filters = $4, api_version = $5, writes_payments = $6
                    WHERE run_id = $1 AND account = $2 AND object = $3
                    """, fence.runID, list.account, list.object.rawValue, request.words, request.apiVersion,
                    request.writesPayments)
            }
            try await Self.extend(fence, owner: owner, leaseSeconds: leaseSeconds, on: connection)
            return shared
        }
    }

    /// Says that the run's owner lives.
    /// - Throws: ``RunLost``.
    public static func extend(
        _ fence: RunFence, owner: String, leaseSeconds: Double, on connection: Connection
    ) async throws {
        let extended = try await connection.execute(
            """
            UPDATE trueup.run SET owner = $3,
                owner_until = clock_timestamp() + $4::double precision * interval '1 second'
            WHERE id = $1 AND attempt = $2 AND state = 'running'
            """, fence.runID, Int32(fence.attempt), owner, leaseSeconds)
        guard extended == 1 else { throw fence.lost }
    }

    /// Lists that other processes read and of which something is left for one more: a window that nobody reads, or one
    /// with some pages left.
    /// - Parameter reader: this process, whose own runs are left out.
    public func sharedLists(for reader: String) async throws -> [SharedList] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT r.id, r.job, r.attempt, r.trigger, l.account, l.object, l.filters, l.api_version,
                    l.writes_payments
                FROM trueup.run r JOIN trueup.run_list l ON l.run_id = r.id
                WHERE r.state = 'running' AND r.owner_until > clock_timestamp() AND r.owner <> $1
                    AND EXISTS (SELECT FROM trueup.window w WHERE w.run_id = l.run_id AND w.account = l.account
                        AND w.object = l.object AND NOT w.is_done
                        AND (w.lease_until IS NULL OR w.lease_until < clock_timestamp()
                            OR (w.cursor_seconds - w.from_seconds) * w.pages
                                >= $2::bigint * (w.to_seconds - w.cursor_seconds)))
                ORDER BY r.id, l.account, l.object
                """, reader, Self.pagesWorthHelping
            ).map(SharedList.init)
        }
    }

    /// Fewer pages are read before a helper is there.
    private static let pagesWorthHelping: Int64 = 3

    /// Adds what a helper has sent to what the run has. It may have ended meanwhile.
    /// - Parameter least: without those that were repeated.
    public func note(requests: Int64, least: Int64, of fence: RunFence) async throws {
        _ = try await pool.withConnection { connection in
            try await connection.execute(
                """
                UPDATE trueup.run SET requests = requests + $3, requests_least = requests_least + $4
                WHERE id = $1 AND attempt = $2
                """, fence.runID, Int32(fence.attempt), requests, least)
        }
    }
}
