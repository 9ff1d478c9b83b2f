import PostgreSQL
import Reconciliation

/// A differing pair with what the repair and the audit need to know about its Stripe side.
public struct DifferingPair: Sendable, Hashable {
    public var account: String
    public var pair: Pair
    /// The request that the Stripe side rests on; `nil` where nothing was asked.
    public var requestID: String?
    /// Stripe's side comes from reading the object itself, after the list.
    public var isFresh: Bool
    /// The id to read to learn more, for a local row that no listed object matches.
    public var unread: String?
    /// The object that another row names exactly: that row is a duplicate as well.
    public var duplicates: String?

    public init(
        account: String, pair: Pair, requestID: String?, isFresh: Bool, unread: String? = nil, duplicates: String? = nil
    ) {
        self.account = account
        self.pair = pair
        self.requestID = requestID
        self.isFresh = isFresh
        self.unread = unread
        self.duplicates = duplicates
    }
}

/// What one look at the local side counted.
public struct LocalCount: Sendable, Hashable {
    /// Local rows that were compared.
    public var rows: Int64
    /// Those of them that were made before the run's period; 0 where they are not told apart.
    public var olderRows: Int64
    /// Staged objects, absent ones left out.
    public var staged: Int64
    /// Staged objects that agree with the local side or need no row there, by lower-case currency; `nil` where they
    /// were not counted.
    public var agreed: [String: Tally]?

    public init(rows: Int64, olderRows: Int64 = 0, staged: Int64, agreed: [String: Tally]? = nil) {
        self.rows = rows
        self.olderRows = olderRows
        self.staged = staged
        self.agreed = agreed
    }
}

/// A set-based comparison of staged objects with a local table (DESIGN section 2, step 5): PostgreSQL joins both sides
/// in one REPEATABLE READ, READ ONLY snapshot and returns only the pairs that may differ, which a pure function judges.
///
/// The conditions of a diff must never call a pair equal that the rules call a difference; tests hold the two against
/// each other.
public protocol Diff: Sendable {
    /// Those of these objects that are not staged: they have to be read by id.
    func unstaged(_ ids: [String], on connection: Connection) async throws -> [String]

    /// Paid objects that a row names exactly and whose payment was made before a time: what was taken back of payments
    /// since then need not be all that was taken back of these.
    /// - Parameters:
    ///   - seconds: Unix time; `nil`: whenever.
    ///   - carried: only these objects, and those that these rows name; `nil`: all.
    func paid(
        before seconds: Int64?, among carried: CarriedObjects?, on connection: Connection
    ) async throws -> [PaidObject]

    /// Walks pairs that probably have to be read afresh, as far as that is found for less than ``run`` takes. Nothing
    /// is said on the strength of it.
    /// - Parameter visit: called with batches of at most 1,000 pairs.
    func lookAhead(
        on connection: Connection, _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws

    /// Walks all pairs that may differ, in one snapshot.
    /// - Parameters:
    ///   - alsoRead: objects of findings that are still open, to be looked at whatever their age.
    ///   - alsoRows: local rows of such findings.
    ///   - isLast: asked when all pairs were visited: whether what agrees is counted as well.
    ///   - visit: called with batches of at most 1,000 pairs.
    func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount
}

/// A paid object that is staged.
public struct PaidObject: Sendable, Hashable {
    public var id: String
    /// The payment intent that pays an invoice, where the API version says so; `nil` for an intent.
    public var paymentIntent: String?

    public init(id: String, paymentIntent: String?) {
        self.id = id
        self.paymentIntent = paymentIntent
    }
}

extension Diff {
    /// None: nothing is judged of what is taken back.
    public func paid(
        before seconds: Int64?, among carried: CarriedObjects?, on connection: Connection
    ) async throws -> [PaidObject] { [] }

    public func lookAhead(
        on connection: Connection, _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws {}

    /// The same without counting what agrees.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64],
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await run(on: connection, alsoRead: alsoRead, alsoRows: alsoRows, isLast: { false }, visit)
    }

    /// Rows of currency, number and sum as tallies.
    func tallies(_ rows: [Row]) throws -> [String: Tally] {
        var tallies: [String: Tally] = [:]
        for row in rows { tallies[try row["currency"]] = Tally(count: try row["n"], amount: try row["amount"]) }
        return tallies
    }
}
