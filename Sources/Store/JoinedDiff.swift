import PostgreSQL
import Reconciliation

/// A comparison whose two sides meet in one outer join.
///
/// The join is read once: it counts what agrees, and names every object and every row that may differ. What is said of
/// those is then looked up for them alone; where they are more than ``candidatesMax``, by joining both sides again, so
/// that memory does not grow and nothing is looked up a part at a time.
protocol JoinedDiff: Diff {
    var staged: StagingTable { get }
    var reversals: StagedReversals { get }
    var account: String { get }
    /// How many objects, and how many rows, are held in memory until they are looked up.
    var candidatesMax: Int { get }

    /// The column in which a staged object names its row.
    static var name: String { get }
    /// SQL on a staged object `s`: it may be the one that the row which it names waits for.
    static var isLive: String { get }
    /// SQL on a staged object `s`: the money that it stands for.
    static var amount: String { get }

    /// The two sides of the outer join.
    func sides(alsoRead: [String], alsoRows: [Int64], hasReversals: Bool) -> OuterJoin
    /// Rows that no staged object matches exactly.
    /// - Parameter keys: of these rows, which the join found; `nil`: of all.
    func localOnly(alsoRead: [String], alsoRows: [Int64], among keys: [Int64]?) -> SQLStatement
    /// Objects with the rows that name them exactly.
    /// - Parameters:
    ///   - found: all of these; `nil`: those that do not agree.
    ///   - lookalikes: to be visited, whether they agree or not.
    func matched(among found: FoundObjects?, lookalikes: [String]) -> SQLStatement
    /// Objects that no row names, exactly or nearly.
    func stripeOnly(among found: FoundObjects?, nearlyNamed: [String]) -> SQLStatement
    /// Of objects that no row names, exactly or nearly, those that are in no difference, by currency.
    func agreedAlone(among found: FoundObjects) -> SQLStatement
    /// All objects in no difference, by currency.
    func agreed(lookalikes: [String], nearlyNamed: [String]) -> SQLStatement

    func localOnlyPair(_ row: Row) throws -> DifferingPair
    func matchedPair(_ row: Row, lookalikes: [String: [Int64]]) throws -> DifferingPair
    func stripeOnlyPair(_ row: Row) throws -> DifferingPair
}

extension JoinedDiff {
    /// Walks all pairs that may differ, in one snapshot.
    /// - Parameters:
    ///   - alsoRead: objects of findings that are still open, to be looked at whatever their age.
    ///   - alsoRows: local rows of such findings.
    ///   - isLast: whether what agrees is counted as well.
    ///   - visit: called with batches of at most 1,000 pairs.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await snapshot(on: connection) { connection in
            let sides = try await readSides(on: connection, alsoRead, alsoRows)
            let lookalikes = Lookalikes()
            if sides.keys?.isEmpty != true {
                try await each(
                    localOnly(alsoRead: alsoRead, alsoRows: alsoRows, among: sides.keys), on: connection
                ) { rows in
                    let pairs = try rows.map(localOnlyPair)
                    await lookalikes.add(pairs)
                    try await visit(pairs)
                }
            }
            let seconds = await SecondRows(of: lookalikes.rows, nearlyNamed: lookalikes.nearlyNamed)
            var count = LocalCount(rows: sides.rows, staged: sides.staged)
            if let objects = sides.objects {
                let found = try await visitFound(objects, seconds, on: connection, visit)
                if await isLast() {
                    count.agreed = try await agreed(sides, objects, seconds, found, on: connection)
                }
            } else {
                try await visitAll(seconds, on: connection, visit)
                if await isLast() {
                    let sums = agreed(lookalikes: seconds.exact, nearlyNamed: seconds.nearlyNamed)
                    count.agreed = try tallies(try await connection.query(sums.sql, parameters: sums.parameters))
                }
            }
            return count
        }
    }

    private func each(
        _ statement: SQLStatement, on connection: Connection, _ body: @Sendable ([Row]) async throws -> Void
    ) async throws {
        _ = try await connection.forEachBatch(
            of: Self.batch, statement.sql, parameters: statement.parameters, body)
    }

    /// Reads the outer join.
    private func readSides(
        on connection: Connection, _ alsoRead: [String], _ alsoRows: [Int64]
    ) async throws -> JoinedSides {
        let hasReversals: Bool = try await connection.query(
            "SELECT EXISTS (SELECT FROM \(reversals.name) WHERE account = $1) AS found", account)[0]["found"]
        let join = sides(alsoRead: alsoRead, alsoRows: alsoRows, hasReversals: hasReversals)
        let reading = JoinReading(candidatesMax: candidatesMax)
        // Few groups, or as many as there are candidates.
        try await connection.run(script: "SET LOCAL enable_hashagg = on")
        try await each(join.statement, on: connection) { try await reading.add($0) }
        try await connection.run(script: "SET LOCAL enable_hashagg = off")
        return await reading.sides
    }

    /// All that do not agree, by joining the sides again.
    private func visitAll(
        _ seconds: SecondRows, on connection: Connection,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws {
        try await each(matched(among: nil, lookalikes: seconds.exact), on: connection) { rows in
            try await visit(try rows.map { try matchedPair($0, lookalikes: seconds.rows) })
        }
        try await each(stripeOnly(among: nil, nearlyNamed: seconds.nearlyNamed), on: connection) { rows in
            try await visit(try rows.map(stripeOnlyPair))
        }
    }
}

// The objects that the join found, looked up.
extension JoinedDiff {
    /// What of the join's objects was looked up.
    fileprivate typealias Found = (alone: FoundObjects, moved: [String])

    /// - Returns: the objects without a row, and those that the join counted as agreeing but that were visited: a row
    ///   nearly names them, or another object names their row.
    private func visitFound(
        _ objects: JoinedSides.Objects, _ seconds: SecondRows, on connection: Connection,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> Found {
        var (live, more) = try await namesakes(of: objects, on: connection)
        let near = Set(seconds.nearlyNamed)
        let unplaced = near.filter { objects.place(of: $0) == nil && more[$0] == nil }
        more.merge(try await places(of: Array(unplaced), on: connection)) { one, _ in one }
        let exact = FoundObjects(
            places: Array(objects.matched.values) + more.values, ids: Array(objects.matched.keys) + more.keys,
            live: live)
        if !exact.places.isEmpty {
            try await each(matched(among: exact, lookalikes: []), on: connection) { rows in
                try await visit(try rows.map { try matchedPair($0, lookalikes: seconds.rows) })
            }
        }
        let alone = [objects.alone, objects.unsure].flatMap { $0.filter { !near.contains($0.key) }.values }
        if !alone.isEmpty {
            let found = FoundObjects(places: alone, live: live)
            try await each(stripeOnly(among: found, nearlyNamed: []), on: connection) { rows in
                try await visit(try rows.map(stripeOnlyPair))
            }
        }
        let unsure = objects.unsure.filter { !near.contains($0.key) }.values
        return (FoundObjects(places: Array(unsure), live: live), Array(more.values))
    }

    /// How many live objects name each row that a candidate names; and the places of those of them that the join
    /// counted as agreeing, where there are several. One of several is always a candidate: their row has one id.
    private func namesakes(
        of objects: JoinedSides.Objects, on connection: Connection
    ) async throws -> (live: [String: Int64], more: [String: String]) {
        guard !objects.names.isEmpty else { return ([:], [:]) }
        let rows = try await connection.query(
            """
            SELECT s.id, s.ctid::text AS place, s.\(Self.name) AS name FROM \(staged.name) s
            WHERE s.account = $1 AND s.\(Self.name) IN (SELECT unnest($2::text[])) AND \(Self.isLive)
            """, account, Array(objects.names))
        var live: [String: Int64] = [:]
        for row in rows { live[try row["name"], default: 0] += 1 }
        var more: [String: String] = [:]
        for row in rows where live[try row["name"]] ?? 0 > 1 {
            let id: String = try row["id"]
            if objects.place(of: id) == nil { more[id] = try row["place"] }
        }
        return (live, more)
    }

    private func places(of ids: [String], on connection: Connection) async throws -> [String: String] {
        guard !ids.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT s.id, s.ctid::text AS place FROM \(staged.name) s
            WHERE s.account = $1 AND s.id IN (SELECT unnest($2::text[]))
            """, account, ids)
        var places: [String: String] = [:]
        for row in rows { places[try row["id"]] = try row["place"] }
        return places
    }

    /// What the join counted as agreeing, without what was visited all the same, and with what agrees although the join
    /// could not tell.
    private func agreed(
        _ sides: JoinedSides, _ objects: JoinedSides.Objects, _ seconds: SecondRows, _ found: Found,
        on connection: Connection
    ) async throws -> [String: Tally] {
        var agreed = try sides.tallies()
        if !found.alone.places.isEmpty {
            let alone = agreedAlone(among: found.alone)
            let sums = try tallies(try await connection.query(alone.sql, parameters: alone.parameters))
            try agreed.merge(sums) { try $0.plus($1) }
        }
        if !found.moved.isEmpty {
            let rows = try await connection.query(
                """
                SELECT lower(s.currency) AS currency, count(*) AS n, sum(\(Self.amount))::bigint AS amount
                FROM \(staged.name) s
                WHERE \(FoundObjects.isAmong(1)) AND s.status <> '\(StagingTable.absent)' GROUP BY 1
                """, found.moved)
            for (currency, moved) in try tallies(rows) {
                agreed[currency] = try (agreed[currency] ?? Tally()).plus(moved.negative())
            }
        }
        return agreed.filter { $0.value.count != 0 || $0.value.amount != 0 }
    }
}

/// Second rows of objects.
private struct SecondRows: Sendable {
    /// By the object that another row names exactly.
    let rows: [String: [Int64]]
    /// Every object that some row names by a lookalike.
    let nearlyNamed: [String]

    init(of rows: [String: [Int64]], nearlyNamed: [String]) {
        self.rows = rows
        self.nearlyNamed = nearlyNamed
    }

    /// Objects that one row names exactly and another nearly.
    var exact: [String] { Array(rows.keys) }
}
