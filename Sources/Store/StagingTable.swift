import PostgreSQL

/// A kind of object that is listed and staged in a table of its own.
public enum ListedObject: String, Sendable, Hashable, CaseIterable {
    case invoice
    case paymentIntent = "payment_intent"
    /// A hint that an object has changed.
    case event
    /// What joins an invoice and an intent since 2025-03-31.basil.
    case invoicePayment = "invoice_payment"

    /// For people.
    public var plural: String {
        switch self {
        case .invoice: "invoices"
        case .paymentIntent: "payment intents"
        case .event: "events"
        case .invoicePayment: "invoice payments"
        }
    }

    /// The template in schema `trueup`, and the beginning of the names of the tables that are made like it.
    var template: String {
        switch self {
        case .invoice: "staged_invoice"
        case .paymentIntent: "staged_intent"
        case .event: "staged_event"
        case .invoicePayment: "staged_invoice_payment"
        }
    }
}

/// A list has not shown an object that it has to show, being complete.
public struct UnlistedObject: Error, Equatable {
    public let id: String
}

/// The staging table of one run for one kind of object: what Stripe said, page by page.
///
/// A page's rows and its window's cursor are one transaction, so that a crash loses both or neither. The commit of a
/// page need not reach the disk at once (`synchronous_commit = off`): what a power failure takes is read again.
public struct StagingTable: Sendable, Hashable {
    public let runID: Int64
    public let object: ListedObject
    /// Ready for SQL: schema and table name.
    public let name: String

    public init(_ object: ListedObject, runID: Int64) {
        self.object = object
        self.runID = runID
        name = "trueup.\(object.template)_\(runID)"
    }

    /// The word in `status` of an object that Stripe answered 404 for on a fresh read.
    public static let absent = "absent"

    var createSQL: String {
        "CREATE TABLE \(name) (LIKE trueup.\(object.template)) WITH (autovacuum_enabled = off);"
    }
    var dropSQL: String { "DROP TABLE IF EXISTS \(name);" }
    /// For ``Connection/copyIn(_:_:)`` of rows that ``StagedInvoices`` and its like encode.
    public var copySQL: String { "COPY \(name) FROM STDIN (FORMAT binary)" }

    /// Replaces what is staged of these ids by what a fresh read said.
    /// - Parameters:
    ///   - ids: all ids that were read.
    ///   - rows: as ``StagedInvoices`` or ``StagedIntents`` encode them: those that exist, and those that do not.
    ///   - listed: those of them that a list which is complete has shown, so that they are staged.
    /// - Throws: ``UnlistedObject`` where one of `listed` is not: nothing is changed then; ``RunLost``, ``LeaseLost``.
    public func replace(
        _ ids: [String], account: String, with rows: BinaryRows, listed: [String] = [], for fence: RunFence,
        on connection: Connection
    ) async throws {
        try await connection.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: RunFence.idleMillisecondsMax)
            if listed.isEmpty {
                try await connection.execute("DELETE FROM \(name) WHERE account = $1 AND id = ANY($2)", account, ids)
            } else {
                let gone = try await connection.query(
                    "DELETE FROM \(name) WHERE account = $1 AND id = ANY($2) RETURNING id, status", account, ids)
                var known: Set<String> = []
                for row in gone {
                    let status: String = try row["status"]
                    if status != Self.absent { known.insert(try row["id"]) }
                }
                if let lost = listed.first(where: { !known.contains($0) }) { throw UnlistedObject(id: lost) }
            }
            _ = try await connection.copyIn(copySQL, rows)
            // Last: a process that is frozen in the middle of the COPY, where no limit of the server's ends it, must
            // not hold the run and its occurrence.
            try await fence.hold(on: connection)
        }
    }

    /// Adds rows to what is staged.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    public func add(_ rows: BinaryRows, for fence: RunFence, on connection: Connection) async throws {
        try await connection.transaction { connection in
            _ = try await connection.copyIn(copySQL, rows)
            try await fence.hold(on: connection)
        }
    }

    /// SQL: an id that can be asked for.
    ///
    /// Its length is not counted by the expression: PostgreSQL unrolls `{3,255}`, which takes far longer.
    static func isReadable(_ id: String) -> String {
        "(octet_length(\(id)) BETWEEN 3 AND 255 AND \(id) !~ '[^A-Za-z0-9_]')"
    }

    /// Those of these objects that are not staged: they have to be read by id.
    public func unstaged(_ ids: [String], account: String, on connection: Connection) async throws -> [String] {
        guard !ids.isEmpty else { return [] }
        return try await connection.query(
            """
            SELECT id FROM unnest($1::text[]) AS asked (id)
            WHERE \(Self.isReadable("id"))
                AND NOT EXISTS (SELECT FROM \(name) s WHERE s.account = $2 AND s.id = asked.id)
            """, ids, account
        ).map { try $0["id"] }
    }

    /// Gives the planner statistics; call once when the last page is in.
    public func analyze(on connection: Connection) async throws {
        // Ids are unique and the joins read everything: the number of rows matters, and a small sample of the rest.
        try await connection.run(script: "SET LOCAL default_statistics_target = 3; ANALYZE \(name)")
    }

    /// Rows and distinct ids of an account: equal when every object was staged exactly once. Absent ones count
    /// only among what was read afresh.
    public func count(
        account: String, on connection: Connection
    ) async throws -> (rows: Int64, distinct: Int64, fresh: Int64) {
        let isRead = object == .invoice || object == .paymentIntent
        let (fresh, exists) = isRead ? ("is_fresh", "status <> '\(Self.absent)'") : ("false", "true")
        let row = try await connection.transaction(access: .readOnly) { connection in
            try await connection.run(script: Connection.wholeTablesSQL)
            return try await connection.query(
                """
                SELECT count(*) FILTER (WHERE \(exists)) AS rows, count(*) FILTER (WHERE \(fresh)) AS fresh,
                    count(DISTINCT hashtextextended(id, 0)) FILTER (WHERE \(exists)) AS ids
                FROM \(name) WHERE account = $1
                """, account)[0]
        }
        let (rows, hashes): (Int64, Int64) = (try row["rows"], try row["ids"])
        // One id has one hash, so that as many hashes as rows are as many ids; numbers are sorted faster. Fewer
        // hashes may be two ids that share one.
        let ids = rows == hashes ? hashes : try await distinct(account, exists, on: connection)
        return (rows, ids, try row["fresh"])
    }

    private func distinct(_ account: String, _ exists: String, on connection: Connection) async throws -> Int64 {
        try await connection.query(
            "SELECT count(DISTINCT id COLLATE \"C\") AS ids FROM \(name) WHERE account = $1 AND \(exists)", account
        )[0]["ids"]
    }
}
