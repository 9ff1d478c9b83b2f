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
    /// Stripe's words for the statuses that an object never leaves.
    static var finalWords: [String] { get }
    /// SQL on a staged object `s`: the money came in.
    static var isPaid: String { get }
    /// The column that says when, in Unix seconds; it may be null.
    static var paidAt: String { get }
    /// SQL on a staged object `s`: the payment intent that pays it, where that is not the object itself.
    static var payment: String { get }

    var local: LocalNames { get }

    /// The two sides of the outer join.
    func sides(alsoRead: [String], alsoRows: [Int64], hasReversals: Bool) -> OuterJoin
    /// SQL: a staged object `s` and the row `l` agree in everything; whether another object names the row is not asked.
    /// - Parameter isReversed: SQL: something was taken back of it.
    func agrees(isReversed: String) -> String
    /// Rows that no staged object matches exactly.
    /// - Parameter found: of these rows, which the join found; `nil`: of all.
    func localOnly(alsoRead: [String], alsoRows: [Int64], among found: FoundRows?) -> SQLStatement
    /// Objects with the rows that name them exactly.
    /// - Parameters:
    ///   - found: all of these; `nil`: those that do not agree.
    ///   - lookalikes: to be visited, whether they agree or not.
    func matched(among found: FoundObjects?, lookalikes: [String]) -> SQLStatement
    /// Objects that no row names, exactly or nearly, with the rows that they name, which may be of any age; columns as
    /// for ``LocalNames/eachWhole(of:_:on:_:)``.
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
    public func paid(
        before seconds: Int64?, among carried: CarriedObjects?, on connection: Connection
    ) async throws -> [PaidObject] {
        // Mostly none: a list shows objects that were made since, and nothing is paid before it is made. So the table
        // is asked for those alone.
        let before = seconds ?? Int64.max
        let rows = try await connection.query(
            """
            SELECT s.id, \(Self.payment) AS payment FROM \(staged.name) s
            WHERE coalesce(s.\(Self.paidAt), s.created_seconds) < $2 AND s.account = $1 AND \(Self.isPaid)
            """, account, before)
        let paid = try rows.map { PaidObject(id: try $0["id"], paymentIntent: try $0["payment"]) }
        guard !paid.isEmpty else { return [] }
        let (ids, keys): ([String], [Int64]) = (carried?.stripeIDs ?? [], carried?.localIDs ?? [])
        let named = try await connection.query(
            """
            SELECT \(local.id)::text AS id FROM \(local.table)
            WHERE \(local.id) = ANY($1::text[])
                AND ($2::boolean OR \(local.id) = ANY($3::text[]) OR \(local.key) = ANY($4::bigint[]))
            """, paid.map(\.id), carried == nil, ids, keys
        ).map { try $0["id"] as String }
        let known = Set(named)
        return paid.filter { known.contains($0.id) }
    }

    /// Walks the pairs that have to be read afresh before anything is said of them, as far as they are found without a
    /// join of both sides: objects that can still change, with the rows that name them exactly. Nothing but what to
    /// read is to be taken from it. At most ``candidatesMax``.
    /// - Parameter visit: called with batches of at most 1,000 pairs.
    public func lookAhead(
        on connection: Connection, _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws {
        try await snapshot(on: connection) { connection in
            let rows = try await connection.query(
                """
                SELECT s.id, s.ctid::text AS place
                FROM \(staged.name) s
                JOIN \(local.table) l ON l.\(local.id) = s.id
                \(local.agencyJoin)
                WHERE s.account = $1 AND s.status <> ALL($2::text[])
                    AND NOT coalesce(\(agrees(isReversed: "false")), false)
                    AND NOT (\(local.needed.isOdd) OR \(local.needed.isShort))
                LIMIT \(candidatesMax)
                """, account, Self.finalWords + [StagingTable.absent])
            guard !rows.isEmpty else { return }
            let found = FoundObjects(
                places: try rows.map { try $0["place"] }, ids: try rows.map { try $0["id"] }, live: [:])
            try await each(matched(among: found, lookalikes: []), on: connection) { rows in
                try await visit(try rows.map { try matchedPair($0, lookalikes: [:]) })
            }
        }
    }

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
            let (rows, neighbours) = try await lookAround(sides, on: connection)
            let lookalikes = Lookalikes()
            if rows?.keys.isEmpty != true {
                try await each(
                    localOnly(alsoRead: alsoRead, alsoRows: alsoRows, among: rows), on: connection
                ) { rows in
                    let pairs = try rows.map(localOnlyPair)
                    await lookalikes.add(pairs)
                    try await visit(pairs)
                }
            }
            let seconds = await SecondRows(of: lookalikes.rows, nearlyNamed: lookalikes.nearlyNamed)
            var count = LocalCount(rows: sides.rows, olderRows: sides.olderRows, staged: sides.staged)
            if let objects = sides.objects {
                let found = try await visitFound(objects, neighbours, seconds, on: connection, visit)
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
    /// - Throws: ``OddRows``, where nothing can be said of some rows.
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
        let read = await reading.sides
        guard read.odd == 0 else {
            let odd = try await local.needed.oddRows(read.oddKeys, of: read.odd, in: local, on: connection)
            throw odd
        }
        return read
    }

    /// All that do not agree, by joining the sides again.
    private func visitAll(
        _ seconds: SecondRows, on connection: Connection,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws {
        try await each(matched(among: nil, lookalikes: seconds.exact), on: connection) { rows in
            try await visit(try rows.map { try matchedPair($0, lookalikes: seconds.rows) })
        }
        let alone = stripeOnly(among: nil, nearlyNamed: seconds.nearlyNamed)
        try await local.eachWhole(of: Self.batch, alone, on: connection) { rows in
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
        _ objects: JoinedSides.Objects, _ neighbours: Neighbours, _ seconds: SecondRows, on connection: Connection,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> Found {
        let near = Set(seconds.nearlyNamed)
        // What is nearly named was found with the rows that name it, or, where these are too many, is looked for now.
        var more = neighbours.namesakes
        for (id, place) in neighbours.alike where near.contains(id) && objects.place(of: id) == nil { more[id] = place }
        let unplaced = near.filter { objects.place(of: $0) == nil && more[$0] == nil }
        more.merge(try await places(of: Array(unplaced), on: connection)) { one, _ in one }
        let exact = FoundObjects(
            places: Array(objects.matched.values) + more.values, ids: Array(objects.matched.keys) + more.keys,
            live: neighbours.live)
        if !exact.places.isEmpty {
            try await each(matched(among: exact, lookalikes: []), on: connection) { rows in
                try await visit(try rows.map { try matchedPair($0, lookalikes: seconds.rows) })
            }
        }
        var alone = FoundObjects(
            places: [objects.alone, objects.unsure].flatMap { $0.filter { !near.contains($0.key) }.values },
            live: neighbours.live)
        if !alone.places.isEmpty {
            (alone.namedKeys, alone.namedIDs) = try await namedRows(objects.names, on: connection)
            let named = stripeOnly(among: alone, nearlyNamed: [])
            try await local.eachWhole(of: Self.batch, named, on: connection) { rows in
                try await visit(try rows.map(stripeOnlyPair))
            }
        }
        alone.places = Array(objects.unsure.filter { !near.contains($0.key) }.values)
        return (alone, Array(more.values))
    }

    /// Reads the staged objects once for those that have to do with what the join found: whose ids look like those of
    /// rows without an object, or that name the same rows.
    private func lookAround(
        _ sides: JoinedSides, on connection: Connection
    ) async throws -> (FoundRows?, Neighbours) {
        var found: FoundRows?
        var ids: [String] = []
        if let keys = sides.keys {
            let rows = try await connection.query(
                """
                SELECT \(local.key)::bigint AS key, \(local.id)::text AS id FROM \(local.table)
                WHERE \(local.key) = ANY($1)
                """, keys)
            found = FoundRows(keys: keys, unlinked: [])
            for row in rows {
                if let id = try row["id"] as String? { ids.append(id) } else { found?.unlinked.append(try row["key"]) }
            }
        }
        let names = Array(sides.objects?.names ?? [])
        guard !ids.isEmpty || !names.isEmpty else { return (found, Neighbours()) }
        let rows = try await around(names, asked: try await plain(ids, on: connection), on: connection)
        var neighbours = Neighbours()
        for row in rows where try row["is_namesake"] { neighbours.live[try row["name"], default: 0] += 1 }
        for row in rows {
            let id: String = try row["id"]
            if try row["is_alike"] {
                let place: String = try row["place"]
                neighbours.alike[id] = place
                found?.lookPlaces.append(place)
                found?.lookIDs.append(id)
            }
            // One of several that name a row is always a candidate: the row has one id. So the others are known here.
            guard try row["is_namesake"], neighbours.live[try row["name"]] ?? 0 > 1 else { continue }
            if sides.objects?.place(of: id) == nil { neighbours.namesakes[id] = try row["place"] }
        }
        return (found, neighbours)
    }

    /// Staged objects that name one of these rows, or whose ids look like one of those asked for: one scan, which
    /// several processors can share.
    /// - Parameter asked: as ``Lookalikes/plain(_:)`` has them.
    private func around(_ names: [String], asked: [String], on connection: Connection) async throws -> [Row] {
        // Taking blanks off costs more than folding does: an id that has some, and looks like another, is longer.
        let isAlike = """
            s.status <> '\(StagingTable.absent)'
                AND CASE WHEN octet_length(s.id) > \(asked.map(\.utf8.count).min() ?? 0)
                    THEN \(Lookalikes.plain("s.id")) ELSE lower(s.id COLLATE "C") END = ANY($3::text[])
            """
        // Few are found, which the planner cannot know: it would not share the scan for the sake of handing over many.
        try await connection.run(script: "SET LOCAL parallel_tuple_cost = 0")
        let parameters: [any PostgresEncodable] = asked.isEmpty ? [account, names] : [account, names, asked]
        let rows = try await connection.query(
            """
            SELECT * FROM (
                SELECT s.id, s.ctid::text AS place, s.\(Self.name) AS name,
                    coalesce(s.\(Self.name) = ANY($2::text[]) AND \(Self.isLive), false) AS is_namesake,
                    \(asked.isEmpty ? "false" : isAlike) AS is_alike
                FROM \(staged.name) s WHERE s.account = $1) around
            WHERE is_namesake OR is_alike
            """, parameters: parameters)
        try await connection.run(script: "SET LOCAL parallel_tuple_cost TO DEFAULT")
        return rows
    }

    /// Ids as lookalikes are compared.
    private func plain(_ ids: [String], on connection: Connection) async throws -> [String] {
        guard !ids.isEmpty else { return [] }
        return try await connection.query(
            "SELECT \(Lookalikes.plain("id")) AS id FROM unnest($1::text[]) AS given (id)", ids
        ).map { try $0["id"] }
    }

    /// The rows that objects name by their keys, and the ids of these rows.
    private func namedRows(_ names: Set<String>, on connection: Connection) async throws -> ([Int64], [String]) {
        let keys = names.compactMap { name in Int64(name).flatMap { String($0) == name ? $0 : nil } }
        guard !keys.isEmpty else { return ([], []) }
        let rows = try await connection.query(
            """
            SELECT \(local.id)::text AS id FROM \(local.table)
            WHERE \(local.key) = ANY($1) AND \(local.id) IS NOT NULL
            """, keys)
        return (keys, try rows.map { try $0["id"] })
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

/// Objects that have to do with those that the join found.
private struct Neighbours: Sendable {
    /// How many live objects name each row that a candidate names.
    var live: [String: Int64] = [:]
    /// Of several that name one row, those that the join counted as agreeing, by id: where they are.
    var namesakes: [String: String] = [:]
    /// Those whose ids look like those of rows without an object, by id: where they are.
    var alike: [String: String] = [:]
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
