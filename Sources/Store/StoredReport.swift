import PostgreSQL
import Reconciliation

/// A report as it is kept: what it said, and the hashes of its files.
public struct StoredReport: Sendable, Hashable {
    public let id: Int64
    public let job: String
    /// Such as `balance-report/2026-03-08T05:00:00Z`.
    public let name: String
    public let state: StatementState
    public let verdict: String
    public let cutOffSeconds: Int64
    public let zone: String
    public let periodFromSeconds: Int64?
    /// The instant of the data that it rests on, Unix seconds.
    public let asOfSeconds: Int64
    public let runIDs: [Int64]
    /// In which forms it was written, by name.
    public let formats: [String]
    public let openItems: Int64
    public let definitionHash: String
    public let dataHash: String
    public let manifestHash: String
    /// The manifest of the report before it; `nil` for the first of its job.
    public let previousHash: String?
    public let programVersion: String
    public let requestedBy: String
    public let createdAt: Timestamp
    /// Where its files were written, on the machine that made it; `nil` in reports of earlier versions.
    public let folder: String?

    static let columns = """
        id, job, name, state, verdict, cut_off_seconds, zone, period_from_seconds, as_of_seconds, run_ids, formats,
        open_items, definition_hash, data_sha256, manifest_sha256, previous_sha256, program_version, requested_by,
        created_at, folder
        """

    /// One agency's figures as a report has them; the last four from the beginning to the cut-off.
    public struct Line: Sendable, Hashable {
        public let agencyID: Int64?
        public let opening: Int64
        public let computed: Int64
        public let recorded: Int64?
        public let explained: Int64
        public let boughtAtStripe: Int64
        public let boughtLocally: Int64
        public let consumed: Int64
        public let adjustments: Int64
    }

    /// One agency's charges in one currency as a report has them, in minor units.
    public struct ChargeSum: Sendable, Hashable {
        public struct Key: Sendable, Hashable {
            public let agencyID: Int64?
            public let currency: String

            public init(agencyID: Int64?, currency: String) {
                self.agencyID = agencyID
                self.currency = currency
            }
        }

        public let key: Key
        public let charged: Int64
        public let recorded: Int64?
        public let explained: Int64
    }

    /// An item that a report told of as resolved.
    public struct Told: Sendable, Hashable {
        public let findingID: Int64
        public let closedAt: Timestamp
    }

    /// An open item as a report has it.
    public struct Item: Sendable, Hashable {
        public let findingID: Int64
        public let creditsEffect: Int64
        public let amountEffects: [Money]
    }

    /// A file of a report.
    public struct File: Sendable, Hashable {
        public let name: String
        public let bytes: Int64
        /// 64 lower-case hexadecimal digits.
        public let sha256: String

        public init(name: String, bytes: Int64, sha256: String) {
            self.name = name
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// A signature.
    public struct Signature: Sendable, Hashable {
        public let role: String
        public let person: String
        public let note: String
        /// The manifest that was signed.
        public let manifestHash: String
        public let signedAt: Timestamp
        /// `user@host`, as the operating system said; empty in signatures of earlier versions.
        public let systemUser: String
        /// The user of the login to the database (`session_user`), as the database said; likewise.
        public let databaseUser: String
        /// The settings allowed both to sign under one login.
        public let isSharedLogin: Bool
        /// Why an UNEXPLAINED or INCOMPLETE report was signed; empty for others.
        public let accepted: String
    }

    /// What became of a report at one destination.
    public struct Delivery: Sendable, Hashable {
        /// `directory`, `email`, `slack` or `s3`.
        public var destination: String
        /// Where, as a person would say it; never a secret.
        public var address: String
        public var outcome: DeliveryOutcome
        public var detail: String

        public init(destination: String, address: String, outcome: DeliveryOutcome, detail: String = "") {
            self.destination = destination
            self.address = address
            self.outcome = outcome
            self.detail = detail
        }
    }
}

/// How a delivery ended.
public enum DeliveryOutcome: String, Sendable, Hashable {
    case delivered
    /// It lies in the outbox, and leaves from there.
    case queued
    case failed
}

// Reading.
extension StoredReport {
    init(_ row: Row) throws {
        id = try row["id"]
        job = try row["job"]
        name = try row["name"]
        state = StatementState(rawValue: try row["state"]) ?? .incomplete
        verdict = try row["verdict"]
        cutOffSeconds = try row["cut_off_seconds"]
        zone = try row["zone"]
        periodFromSeconds = try row["period_from_seconds"]
        asOfSeconds = try row["as_of_seconds"]
        runIDs = try row["run_ids"]
        formats = try row["formats"]
        openItems = try row["open_items"]
        definitionHash = try row["definition_hash"]
        dataHash = try row["data_sha256"]
        manifestHash = try row["manifest_sha256"]
        previousHash = try row["previous_sha256"]
        programVersion = try row["program_version"]
        requestedBy = try row["requested_by"]
        createdAt = try row["created_at"]
        folder = try row["folder"]
    }

    /// Two people signed it, and nothing that two people signed took its place.
    static let isSigned = """
        ((SELECT count(*) FROM trueup.report_sign s WHERE s.report_id = r.id) = 2
            AND NOT EXISTS (SELECT FROM trueup.report_supersede x WHERE x.supersedes = r.id
                AND (SELECT count(*) FROM trueup.report_sign s WHERE s.report_id = x.report_id) = 2))
        """

    /// What others are compared with: its job made it, it was sent, or it is signed.
    static let isBasis = """
        (EXISTS (SELECT FROM trueup.report_regular g WHERE g.report_id = r.id) OR \(isSigned))
        """

    /// The reports that others are compared with.
    static var basisSQL: String { "SELECT r.id, r.job, r.cut_off_seconds FROM trueup.report r WHERE \(isBasis)" }

    /// The report of a job with the latest cut-off before `cutOffSeconds`, and of those with one cut-off the last: of
    /// those that are signed, else of those that others are compared with.
    static func latest(
        job: String, before cutOffSeconds: Int64, isSigned: Bool, on connection: Connection
    ) async throws -> StoredReport? {
        try await connection.query(
            """
            SELECT \(columns) FROM trueup.report r
            WHERE job = $1 AND cut_off_seconds < $2 AND CASE WHEN $3 THEN \(Self.isSigned) ELSE \(Self.isBasis) END
            ORDER BY cut_off_seconds DESC, id DESC LIMIT 1
            """, job, cutOffSeconds, isSigned
        ).first.map(StoredReport.init)
    }

    /// The last report of each of the last cut-offs before `cutOffSeconds`, the oldest first.
    static func trend(
        job: String, before cutOffSeconds: Int64, limit: Int, on connection: Connection
    ) async throws -> [StoredReport] {
        try await connection.query(
            """
            SELECT DISTINCT ON (cut_off_seconds) \(columns) FROM trueup.report r
            WHERE job = $1 AND cut_off_seconds < $2 AND \(Self.isBasis)
            ORDER BY cut_off_seconds DESC, id DESC LIMIT $3
            """, job, cutOffSeconds, limit
        ).map(StoredReport.init).reversed()
    }

    static func lines(of id: Int64, on connection: Connection) async throws -> [Line] {
        try await connection.query(
            """
            SELECT agency_id, opening, computed, recorded, explained, bought_at_stripe, bought_locally, consumed,
                adjustments
            FROM trueup.report_line
            WHERE report_id = $1 ORDER BY agency_id
            """, id
        ).map { row in
            Line(
                agencyID: try row["agency_id"], opening: try row["opening"], computed: try row["computed"],
                recorded: try row["recorded"], explained: try row["explained"],
                boughtAtStripe: try row["bought_at_stripe"], boughtLocally: try row["bought_locally"],
                consumed: try row["consumed"], adjustments: try row["adjustments"])
        }
    }

    static func charges(of id: Int64, on connection: Connection) async throws -> [ChargeSum] {
        try await connection.query(
            "SELECT agency_id, currency, charged, recorded, explained FROM trueup.report_charge WHERE report_id = $1",
            id
        ).map { row in
            ChargeSum(
                key: ChargeSum.Key(agencyID: try row["agency_id"], currency: try row["currency"]),
                charged: try row["charged"], recorded: try row["recorded"], explained: try row["explained"])
        }
    }

    static func told(of id: Int64, on connection: Connection) async throws -> [Told] {
        try await connection.query(
            "SELECT finding_id, closed_at FROM trueup.report_resolved WHERE report_id = $1 ORDER BY finding_id", id
        ).map { Told(findingID: try $0["finding_id"], closedAt: try $0["closed_at"]) }
    }

    static func items(of id: Int64, on connection: Connection) async throws -> [Item] {
        try await connection.query(
            """
            SELECT finding_id, credits_effect, currencies, amounts FROM trueup.report_item
            WHERE report_id = $1 ORDER BY finding_id
            """, id
        ).map { row in
            let currencies: [String] = try row["currencies"]
            let amounts: [Int64] = try row["amounts"]
            return Item(
                findingID: try row["finding_id"], creditsEffect: try row["credits_effect"],
                amountEffects: zip(amounts, currencies).map { Money(minorUnits: $0, currency: $1) })
        }
    }
}
