import PostgreSQL
import Reconciliation

/// A report that was just written to files, on its way into the database.
public struct NewReport: Sendable {
    public var id: Int64
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
    public var manifestHash: String
    public var previousHash: String?
    public var files: [StoredReport.File]
    public var cumulative: [CumulativeLine]
    /// The numbers of the findings behind the statement's items, by item id.
    public var findingIDs: [String: Int64]
    /// What it tells of as resolved.
    public var resolved: [ResolvedFinding]
    /// Where its files are.
    public var folder: String?
    /// Its job made it or it is sent: later ones are compared with it.
    public var isRegular: Bool
    /// The numbers of the repairs that it tells of.
    public var repairIDs: [Int64]

    public init(
        id: Int64, job: String, name: String, statement: Reconciliation.Statement, verdict: String,
        periodFromSeconds: Int64?,
        asOfSeconds: Int64, runIDs: [Int64], formats: [String], definitionHash: String, dataHash: String,
        manifestHash: String, previousHash: String?, files: [StoredReport.File], cumulative: [CumulativeLine],
        findingIDs: [String: Int64], resolved: [ResolvedFinding] = [], repairIDs: [Int64] = [], folder: String? = nil,
        isRegular: Bool = true
    ) {
        self.id = id
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
        self.manifestHash = manifestHash
        self.previousHash = previousHash
        self.files = files
        self.cumulative = cumulative
        self.findingIDs = findingIDs
        self.resolved = resolved
        self.repairIDs = repairIDs
        self.folder = folder
        self.isRegular = isRegular
    }

    /// Writes the report with its figures. It belongs into one transaction with the messages that tell of it.
    /// - Throws: `PostgresError` 23505 when another report of the job goes on from the same one.
    public func insert(origin: RunOrigin, on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report (id, job, name, state, verdict, cut_off_seconds, zone, period_from_seconds,
                as_of_seconds, run_ids, formats, open_items, definition_hash, data_sha256, manifest_sha256,
                previous_sha256, program_version, requested_by, folder)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
            """, id, job, name, statement.state.rawValue, verdict, statement.cutOff.seconds, statement.cutOff.zone,
            periodFromSeconds, asOfSeconds, runIDs, formats, Int64(statement.items.count), definitionHash, dataHash,
            manifestHash, previousHash, origin.programVersion, origin.requestedBy, folder)
        if isRegular { try await StoredReports.markRegular(id, on: connection) }
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
        var sums: [Int64?: CumulativeLine] = [:]
        for line in cumulative { sums[line.agencyID] = line }
        var rows = BinaryRows()
        for line in statement.agencies {
            let sum = sums[line.activity.agencyID]
            rows.beginRow(columns: 10)
            rows.append(id)
            rows.append(line.activity.agencyID)
            rows.append(line.activity.opening)
            rows.append(line.computed)
            rows.append(line.activity.recorded)
            rows.append(line.explained)
            rows.append(sum?.boughtAtStripe ?? 0)
            rows.append(sum?.boughtLocally ?? 0)
            rows.append(sum?.consumed ?? 0)
            rows.append(sum?.adjustments ?? 0)
        }
        try await connection.copyIn(
            """
            COPY trueup.report_line (report_id, agency_id, opening, computed, recorded, explained, bought_at_stripe,
                bought_locally, consumed, adjustments) FROM STDIN (FORMAT binary)
            """, rows)
        var charges = BinaryRows()
        for line in statement.charges {
            charges.beginRow(columns: 6)
            charges.append(id)
            charges.append(line.activity.agencyID)
            charges.append(line.activity.currency)
            charges.append(line.activity.charged.amount)
            charges.append(line.activity.recorded?.amount)
            charges.append(line.explained)
        }
        try await connection.copyIn(
            """
            COPY trueup.report_charge (report_id, agency_id, currency, charged, recorded, explained)
            FROM STDIN (FORMAT binary)
            """, charges)
    }

    private func insertTold(on connection: Connection) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.report_resolved (report_id, finding_id, closed_at)
            SELECT $1, id, closed_at FROM unnest($2::bigint[], $3::timestamptz[]) AS t (id, closed_at)
            """, id, resolved.map(\.finding.findingID), resolved.map(\.closedAt))
        try await connection.execute(
            "INSERT INTO trueup.report_repair (report_id, repair_id) SELECT $1, r FROM unnest($2::bigint[]) AS r", id,
            repairIDs)
    }

    private func insertItems(on connection: Connection) async throws {
        let known = statement.items.compactMap { item in findingIDs[item.id].map { ($0, item) } }
        var start = 0
        while start < known.count {
            let part = known[start..<min(start + 2_000, known.count)]
            start += 2_000
            // Arrays of arrays have to be of one length, so amounts travel as texts of arrays.
            let currencies = part.map { arrayText($0.1.amountEffects.map(\.currency)) }
            let amounts = part.map { arrayText($0.1.amountEffects.map { String($0.minorUnits) }) }
            try await connection.execute(
                """
                INSERT INTO trueup.report_item (report_id, finding_id, credits_effect, currencies, amounts)
                SELECT $1, finding, effect, currencies::text[], amounts::bigint[]
                FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[])
                    AS i (finding, effect, currencies, amounts)
                """, id, part.map(\.0), part.map(\.1.creditsEffect), currencies, amounts)
        }
    }
}

/// An array as PostgreSQL reads it: <https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO>. The words are quoted,
/// because a currency is what a column of the application holds.
private func arrayText(_ words: [String]) -> String {
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
