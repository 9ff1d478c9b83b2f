import PostgreSQL
import Reconciliation
import Store

/// Steps 5 to 7 of a run for one account: join, judge, and read again what can still change, until nothing is said on
/// the strength of a list alone.
struct Comparison: Sendable {
    let subject: Subject
    let diff: any Diff
    let confirmer: Confirmer
    /// The run's frozen upper bound, Unix seconds.
    let nowSeconds: Int64
    let pool: Pool
    /// What the findings of earlier runs that are not closed are about; it is looked at whatever its age.
    let carried: CarriedObjects
    /// Whether what is staged as read afresh was read in this attempt at the run. What an earlier attempt read may be
    /// hours old, and have been changed by that attempt itself.
    let trustsFresh: Bool
    /// The kinds that the job is about; `nil`: all.
    var kinds: Set<FindingKind>?
    /// Asks what was taken back of what no list said it of; `nil`: nothing is judged of that.
    var reversals: ReversalCheck?
    let limits: ComparisonLimits
    let progress: @Sendable (RunProgress) -> Void

    private var account: String { subject.account }

    /// Compares until no new object has to be read, and until it is known what was taken back of all that agrees and of
    /// all that is repaired.
    func run() async throws -> ComparisonResult {
        let older = try await readCarried()
        var done = ReadObjects(ids: older, requests: older.count)
        try await readAhead(&done)
        var readings = 0
        for round in 1...2 * limits.rounds {
            progress(.comparing(account: account, round: round))
            let mayRead = readings < limits.rounds - 1 && done.requests < limits.requests
            let sink = sink(done.ids, limits, mayRead: mayRead)
            let local = try await pool.withConnection { connection in
                try await diff.run(
                    on: connection, alsoRead: carried.stripeIDs, alsoRows: carried.localIDs,
                    isLast: { await sink.unread.isEmpty }, { try await sink.take($0) })
            }
            let unread = await sink.unread
            guard unread.isEmpty else {
                try await read(unread, limits, &done)
                readings += 1
                continue
            }
            let judged = await sink.takeJudged()
            if let reversals, try await reversals.findsMore(judged, in: diff) { continue }
            return ComparisonResult(
                local: local, judged: reversals?.withUnlisted(judged) ?? judged, unconfirmed: await sink.unconfirmed,
                classes: try await sink.classes(agreed: local.agreed ?? [:]))
        }
        throw ComparisonError.neverSettled(account: account)
    }

    /// What was read afresh so far.
    private struct ReadObjects {
        var ids: Set<String>
        var requests = 0
    }

    private func read(_ unread: [UnreadObject], _ limits: ComparisonLimits, _ done: inout ReadObjects) async throws {
        progress(.confirming(account: account, objects: unread.count))
        let more = try await confirmer.read(
            unread, requestsMax: limits.requests - done.requests, places: places)
        done.ids.formUnion(more.ids)
        done.requests += more.requests
    }

    private func sink(_ read: Set<String>, _ limits: ComparisonLimits, mayRead: Bool) -> RoundSink {
        RoundSink(
            subject: subject, nowSeconds: nowSeconds, kinds: kinds, limits: limits, read: read,
            trustsFresh: trustsFresh, mayRead: mayRead)
    }

    /// Reads what the first round would only ask to be read: it can be found without joining both sides, which would
    /// then be joined once more.
    private func readAhead(_ done: inout ReadObjects) async throws {
        // Half of what may be read is left to rows whose objects no list showed.
        var few = limits
        few.reads /= 2
        few.requests /= 2
        let sink = sink(done.ids, few, mayRead: true)
        try await pool.withConnection { connection in
            try await diff.lookAhead(on: connection) { try await sink.take($0) }
        }
        let unread = await sink.unread
        if !unread.isEmpty { try await read(unread, few, &done) }
    }

    /// Where the rows of these objects lie among all rows.
    private func places(of ids: [String], above: Int) async throws -> [RowPlace] {
        try await pool.withConnection { try await subject.places(of: ids, above: above, on: $0) }
    }

    /// Reads objects of open findings that have grown older than what is listed.
    private func readCarried() async throws -> Set<String> {
        let unstaged = try await pool.withConnection { try await diff.unstaged(carried.stripeIDs, on: $0) }
        guard !unstaged.isEmpty else { return [] }
        progress(.confirming(account: account, objects: unstaged.count))
        try await confirmer.read(unstaged)
        return Set(unstaged)
    }
}

/// How much a comparison may hold in memory and ask of Stripe.
public struct ComparisonLimits: Sendable, Hashable {
    /// Differences of one run and account. More than that is no list for a person but the sign of a wrong table,
    /// account or period.
    public var differences = 100_000
    /// Objects that are read afresh, whatever requests that takes.
    public var reads = 100_000
    /// Requests for these: most take one each, of rows that wait a page holds many.
    public var requests = 20_000
    /// Pages of a list that is read one page after the other.
    public var pages = 2_000
    /// How often the sides are joined, so often again where more was taken back of payments than any list said. What
    /// changes between two rounds is read in the next; the last reads nothing.
    public var rounds = 4

    public init() {}
}

/// What a comparison found.
struct ComparisonResult: Sendable {
    var local: LocalCount
    var judged: [Judged]
    /// Differences that could not be confirmed by a fresh read, because there were too many to read. They are for
    /// review, never repaired.
    var unconfirmed: Int
    /// In which class each staged object was counted, by currency.
    var classes: [String: ComparedClasses]
}

/// A difference with what the rules say of it.
struct Judged: Sendable, Hashable {
    var comparison: ComparisonName
    var found: DifferingPair
    var kind: FindingKind
    var verdict: Verdict
    var action: Action
    /// Nothing is said on the strength of a list alone that can still change.
    var isConfirmed = true
}

/// By the age of what they are about: the same differences in the same order, whatever order the pages came in.
extension Judged: Comparable {
    static func < (one: Judged, other: Judged) -> Bool { one.place < other.place }

    private var place: (Int64, String, Int64, String) {
        let pair = found.pair
        return (pair.createdSeconds, pair.existingStripeID ?? "", pair.rowKey ?? 0, kind.rawValue)
    }
}

/// An object that has to be read before anything is said of it.
struct UnreadObject: Sendable, Hashable {
    var id: String
    /// A local row names it, and no list has shown it; `false` where what a list said has to be read again.
    var isOfRow = false
}

/// Collects one round: what is judged, and what has to be read first.
private actor RoundSink {
    private let subject: Subject
    private let nowSeconds: Int64
    private let kinds: Set<FindingKind>?
    private let limits: ComparisonLimits
    private let read: Set<String>
    private let trustsFresh: Bool
    private let mayRead: Bool
    private var judged: [Judged] = []
    private(set) var unread: [UnreadObject] = []
    private(set) var unconfirmed = 0
    private var counted = ObjectClasses()

    init(
        subject: Subject, nowSeconds: Int64, kinds: Set<FindingKind>?, limits: ComparisonLimits, read: Set<String>,
        trustsFresh: Bool, mayRead: Bool
    ) {
        self.kinds = kinds
        self.subject = subject
        self.nowSeconds = nowSeconds
        self.limits = limits
        self.read = read
        self.trustsFresh = trustsFresh
        self.mayRead = mayRead
    }

    func take(_ pairs: [DifferingPair]) throws {
        for pair in pairs { try take(pair) }
    }

    private func take(_ found: DifferingPair) throws {
        var found = found
        var isConfirmed = true
        if let id = found.unread {
            if !Self.isReadable(id) {
                found.pair = found.pair.asLookalike
            } else if canRead {
                unread.append(UnreadObject(id: id, isOfRow: true))
                return
            } else {
                isConfirmed = false
            }
        }
        var verdict = subject.classify(found.pair, nowSeconds: nowSeconds)
        // Where nobody has asked Stripe, nobody knows whether it agrees, or is to be ignored.
        if !isConfirmed { verdict = Verdict(verdict.kind ?? .missingInStripe, .review, Self.unread) }
        guard let kind = verdict.kind, kinds?.contains(kind) ?? true else {
            counted.count(found.pair, .agreed)
            return
        }
        var action = isConfirmed ? verdict.action(on: subject.on) : .review
        if action == .ignore {
            counted.count(found.pair, .ignored)
            return
        }
        if let id = found.pair.existingStripeID, found.pair.needsFreshRead(for: kind), !isFresh(id, found) {
            if canRead {
                unread.append(UnreadObject(id: id))
                return
            }
            isConfirmed = false
            verdict = Verdict(kind, .review, Self.unread)
        }
        if !isConfirmed {
            unconfirmed += 1
            action = .review
        }
        guard judged.count < limits.differences else {
            throw ComparisonError.tooManyDifferences(account: subject.account, limit: limits.differences)
        }
        counted.count(found.pair, .differing)
        judged.append(
            Judged(
                comparison: subject.comparison, found: found, kind: kind, verdict: verdict, action: action,
                isConfirmed: isConfirmed))
    }

    /// What is said of a difference that could not be confirmed.
    private static let unread = """
        Not confirmed: more objects had to be read afresh than one run reads, and Stripe was not asked about this one. \
        It may be as it should be. A later run looks at it again; a backfill over its time does so now.
        """

    /// What was judged, in order; it is held here no longer.
    func takeJudged() -> [Judged] {
        var list = judged
        judged = []
        list.sort()
        return list
    }

    /// What was visited here, and what the diff counted as agreeing.
    func classes(agreed: [String: Reconciliation.Tally]) throws -> [String: ComparedClasses] {
        try counted.sums(agreed)
    }

    private func isFresh(_ id: String, _ found: DifferingPair) -> Bool {
        found.isFresh && (trustsFresh || read.contains(id))
    }

    private var canRead: Bool { mayRead && read.count + unread.count < limits.reads }

    /// Whether the text can be an id in a path. What cannot is a finding, not a request.
    private static func isReadable(_ id: String) -> Bool {
        (3...255).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
            }
    }
}

/// Why a comparison came to no end.
enum ComparisonError: AdvisesCommand {
    case tooManyDifferences(account: String, limit: Int)
    case tooManyNamed(account: String, objects: Int, limit: Int)
    /// Each round has found that more was taken back.
    case neverSettled(account: String)
    /// Which of them a charge paid that was given back, is not to be found out one by one.
    case tooManyPaid(account: String, invoices: Int, limit: Int)

    var advice: Advice {
        switch self {
        case .tooManyDifferences(let account, let limit):
            """
            \(account): more than \(limit) differences. Check that the job's table, account and period belong \
            together; nothing was repaired.
            """
        case .tooManyNamed(let account, let objects, let limit):
            """
            \(account): events name \(objects) objects that are older than the look-back and that the table says \
            something else of; at most \(limit) are read one by one. Backfill their time first: \
            \(command: "trueup backfill")
            """
        case .neverSettled(let account):
            """
            \(account): each time that the sides were compared, more had been taken back of payments that are older \
            than the look-back; nothing was repaired. Run again.
            """
        case .tooManyPaid(let account, let invoices, let limit):
            """
            \(account): charges without a payment intent were refunded or disputed, and their customers have \
            \(invoices) paid invoices, of which any may be the one that they paid; at most \(limit) are asked for one \
            by one. Nothing was repaired. Give the account an api_version before 2025-03-31.basil, whose charges name \
            their invoice.
            """
        }
    }
}
