import PostgreSQL
import Reconciliation

/// A report that was just written to files, on its way into the database.
public struct NewReport: Sendable {
    public var job: String
    public var name: String
    public var statement: Reconciliation.Statement
    public var verdict: String
    public var periodFromSeconds: Int64?
    public var asOfSeconds: Int64
    public var runIDs: [Int64]
    public var formats: [String]
    public var definitionHash: String
    public var dataHash: String
    public var programVersion: String
    public var cumulative: [CumulativeLine]
    /// The numbers of the findings behind the statement's items, by item id.
    public var findingIDs: [String: Int64]
    /// What it tells of as resolved.
    public var resolved: [ResolvedFinding]
    /// The numbers of the repairs that it tells of.
    public var repairIDs: [Int64]

    // Known with its number.
    public private(set) var id: Int64 = 0
    public private(set) var previousHash: String?
    /// When its number was taken.
    public private(set) var madeAt = Timestamp(microseconds: 0)
    public private(set) var requestedBy = ""
    /// Its job made it or it is sent: later ones are compared with it.
    public private(set) var isRegular = true

    // Known once its files are written.
    public var manifestHash = ""
    public var files: [StoredReport.File] = []
    /// Where its files are.
    public var folder: String?

    public init(
        job: String, name: String, statement: Reconciliation.Statement, verdict: String, periodFromSeconds: Int64?,
        asOfSeconds: Int64, runIDs: [Int64], formats: [String], definitionHash: String, dataHash: String,
        programVersion: String, cumulative: [CumulativeLine], findingIDs: [String: Int64],
        resolved: [ResolvedFinding] = [], repairIDs: [Int64] = []
    ) {
        self.job = job
        self.name = name
        self.statement = statement
        self.verdict = verdict
        self.periodFromSeconds = periodFromSeconds
        self.asOfSeconds = asOfSeconds
        self.runIDs = runIDs
        self.formats = formats
        self.definitionHash = definitionHash
        self.dataHash = dataHash
        self.programVersion = programVersion
        self.cumulative = cumulative
        self.findingIDs = findingIDs
        self.resolved = resolved
        self.repairIDs = repairIDs
    }

    /// Makes it the report of a number.
    /// - Parameter previousHash: the manifest of the report before it.
    public mutating func take(
        _ number: StoredReports.Number, after previousHash: String?, by origin: RunOrigin, isRegular: Bool
    ) {
        id = number.id
        madeAt = number.takenAt
        self.previousHash = previousHash
        requestedBy = origin.requestedBy
        self.isRegular = isRegular
    }

    /// Makes it a report that was made before, with the words that its rows had then.
    public mutating func take(_ report: StoredReport, isRegular: Bool) {
        id = report.id
        madeAt = report.createdAt
        previousHash = report.previousHash
        requestedBy = report.requestedBy
        self.isRegular = isRegular
    }

    /// Writes the report with its figures. It belongs into one transaction with the messages that tell of it.
    /// - Throws: `PostgresError` 23505 when another report of the job goes on from the same one.
    public func insert(on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report (id, job, name, state, verdict, cut_off_seconds, zone, period_from_seconds,
                as_of_seconds, run_ids, formats, open_items, definition_hash, data_sha256, manifest_sha256,
                previous_sha256, program_version, requested_by, created_at, folder)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
            """, id, job, name, statement.state.rawValue, verdict, statement.cutOff.seconds, statement.cutOff.zone,
            periodFromSeconds, asOfSeconds, runIDs, formats, Int64(statement.items.count), definitionHash, dataHash,
            manifestHash, previousHash, programVersion, requestedBy, madeAt, folder)
        if isRegular { try await StoredReports.markRegular(id, at: madeAt, on: connection) }
        try await insertFiles(on: connection)
        try await insertLines(on: connection)
        try await insertItems(on: connection)
        try await insertTold(on: connection)
    }

    private func insertFiles(on connection: Connection) async throws {
        for file in files {
            try await connection.execute(
                "INSERT INTO trueup.report_file (report_id, name, bytes, sha256) VALUES ($1, $2, $3, $4)", id,
                file.name, file.bytes, file.sha256)
        }
    }

    private func insertLines(on connection: Connection) async throws {
        var rows = BinaryRows()
        for line in lines {
            rows.beginRow(columns: 10)
            rows.append(id)
            rows.append(line.agencyID)
            rows.append(line.opening)
            rows.append(line.computed)
            rows.append(line.recorded)
            rows.append(line.explained)
            rows.append(line.boughtAtStripe)
            rows.append(line.boughtLocally)
            rows.append(line.consumed)
            rows.append(line.adjustments)
        }
        try await connection.copyIn(
            """
            COPY trueup.report_line (report_id, agency_id, opening, computed, recorded, explained, bought_at_stripe,
                bought_locally, consumed, adjustments) FROM STDIN (FORMAT binary)
            """, rows)
        var sums = BinaryRows()
        for sum in charges {
            sums.beginRow(columns: 6)
            sums.append(id)
            sums.append(sum.key.agencyID)
            sums.append(sum.key.currency)
            sums.append(sum.charged)
            sums.append(sum.recorded)
            sums.append(sum.explained)
        }
        try await connection.copyIn(
            """
            COPY trueup.report_charge (report_id, agency_id, currency, charged, recorded, explained)
            FROM STDIN (FORMAT binary)
            """, sums)
    }

    private func insertTold(on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report_resolved (report_id, finding_id, closed_at)
            SELECT $1, id, closed_at FROM unnest($2::bigint[], $3::timestamptz[]) AS t (id, closed_at)
            """, id, told.map(\.findingID), told.map(\.closedAt))
        try await connection.execute(
            "INSERT INTO trueup.report_repair (report_id, repair_id) SELECT $1, r FROM unnest($2::bigint[]) AS r", id,
            repairIDs)
    }

    private func insertItems(on connection: Connection) async throws {
        let items = items
        var start = 0
        while start < items.count {
            let part = items[start..<min(start + 2_000, items.count)]
            start += 2_000
            // Arrays of arrays have to be of one length, so amounts travel as texts of arrays.
            let currencies = part.map { arrayText($0.amountEffects.map(\.currency)) }
            let amounts = part.map { arrayText($0.amountEffects.map { String($0.minorUnits) }) }
            try await connection.execute(
                """
                INSERT INTO trueup.report_item (report_id, finding_id, credits_effect, currencies, amounts)
                SELECT $1, finding, effect, currencies::text[], amounts::bigint[]
                FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[])
                    AS i (finding, effect, currencies, amounts)
                """, id, part.map(\.findingID), part.map(\.creditsEffect), currencies, amounts)
        }
    }
}

/// An array as PostgreSQL reads it: <https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO>. The words are quoted,
/// because a currency is what a column of the application holds.
func arrayText(_ words: [String]) -> String {
    let quoted = words.map { word in
        var text = "\""
        for character in word.unicodeScalars {
            if character == "\"" || character == "\\" { text.append("\\") }
            text.unicodeScalars.append(character)
        }
        return text + "\""
    }
    return "{" + quoted.joined(separator: ",") + "}"
}
