import PostgreSQL
import Reconciliation

/// A signature that somebody is about to put under a report.
public struct NewSignature: Sendable, Hashable {
    /// `preparer` or `reviewer`.
    public var role: String
    /// As the person gives it. It proves nothing by itself: the two logins stand beside it.
    public var person: String
    public var note: String
    /// `user@host`: the user of the process, as the operating system says.
    public var systemUser: String
    /// The settings allow both to sign under one login.
    public var isSharedLogin: Bool
    /// Why a report that is UNEXPLAINED or INCOMPLETE is signed all the same.
    public var accepted: String
    /// A statement of the same cut-off that this one takes the place of.
    public var supersedes: Int64?

    public init(
        role: String, person: String, note: String, systemUser: String, isSharedLogin: Bool = false,
        accepted: String = "", supersedes: Int64? = nil
    ) {
        self.role = role
        self.person = person
        self.note = note
        self.systemUser = systemUser
        self.isSharedLogin = isSharedLogin
        self.accepted = accepted
        self.supersedes = supersedes
    }
}

extension StoredReports {
    /// Signs a report. The database notes the user of its login beside the names.
    /// - Parameter also: what belongs into the transaction of the signature, such as the messages that tell of it.
    /// - Throws: ``SignError``: which rule of signing is broken.
    public func sign(
        _ id: Int64, _ signature: NewSignature, also: (@Sendable (Connection) async throws -> Void)? = nil
    ) async throws {
        guard let report = try await report(id: id) else { throw SignError.noReport(id) }
        let mixed = SignerName(signature.person).mixedAlphabets
        guard mixed.isEmpty else { throw SignError.mixedAlphabets(signature.person, mixed) }
        if let supersedes = signature.supersedes, signature.role != "preparer" {
            throw SignError.supersedeIsPrepared(id, supersedes)
        }
        do {
            try await pool.transaction { connection in
                let isReviewer = signature.role == "reviewer"
                if isReviewer, let same = try await Self.preparer(id, named: signature.person, connection) {
                    let isSame = SignerName(same).plain == SignerName(signature.person).plain
                    throw isSame
                        ? SignError.samePerson(id, person: same)
                        : SignError.lookAlike(id, person: same, typed: signature.person)
                }
                if let supersedes = signature.supersedes {
                    try await connection.execute(
                        "INSERT INTO trueup.report_supersede (report_id, supersedes, note) VALUES ($1, $2, $3)", id,
                        supersedes, signature.note)
                }
                try await connection.execute(
                    """
                    INSERT INTO trueup.report_sign (report_id, role, person, note, manifest_sha256, system_user_name,
                        is_shared_login, accepted)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    """, id, signature.role, signature.person, signature.note, report.manifestHash,
                    signature.systemUser, signature.isSharedLogin, signature.accepted)
                try await also?(connection)
            }
        } catch let error as PostgresError {
            throw try await refusal(error, report, signature) ?? error
        }
    }

    /// The preparer of a report where a name looks like theirs, in whatever letters.
    private static func preparer(_ id: Int64, named name: String, _ connection: Connection) async throws -> String? {
        let person: String? = try await connection.query(
            "SELECT person FROM trueup.report_sign WHERE report_id = $1 AND role = 'preparer'", id
        ).first.map { try $0["person"] }
        guard let person, SignerName(person).looksLike(SignerName(name)) else { return nil }
        return person
    }

    /// What a refusal of the database means to the one who signs; `nil` when it is something else.
    private func refusal(
        _ error: PostgresError, _ report: StoredReport, _ signature: NewSignature
    ) async throws -> SignError? {
        let id = report.id
        let preparer = try await signatures(of: id).first { $0.role == "preparer" }
        switch error.server?.constraint {
        case "report_sign_pkey": return .signed(id, role: signature.role)
        case "report_sign_accepted": return .notWhole(id, report.state)
        case "report_sign_prepared": return .notPrepared(id)
        case "report_sign_two_people": return .samePerson(id, person: preparer?.person ?? "")
        case "report_sign_two_logins":
            return .sameLogin(
                id, person: preparer?.person ?? "", systemUser: preparer?.systemUser ?? "",
                databaseUser: preparer?.databaseUser ?? "")
        case "report_sign_one_statement":
            let other = try await pool.withConnection {
                try await Self.lastSigned(
                    job: report.job, cutOffSeconds: report.cutOffSeconds, otherThan: report.id, on: $0)
            }
            return .otherStatement(id, other: other ?? 0)
        case "report_supersede_same_cut_off", "report_supersede_check", "report_supersede_supersedes_fkey":
            return .cannotSupersede(id, signature.supersedes ?? 0)
        case "report_supersede_supersedes_key", "report_supersede_pkey":
            return .supersededAlready(signature.supersedes ?? 0)
        default: return nil
        }
    }

    public func signatures(of id: Int64) async throws -> [StoredReport.Signature] {
        try await pool.withConnection { try await Self.signatures(of: id, on: $0) }
    }

    /// The signatures of a report, the preparer's first.
    public static func signatures(of id: Int64, on connection: Connection) async throws -> [StoredReport.Signature] {
        try await connection.query(
            """
            SELECT role, person, note, manifest_sha256, signed_at, system_user_name, database_user_name,
                is_shared_login, accepted
            FROM trueup.report_sign WHERE report_id = $1 ORDER BY signed_at, role
            """, id
        ).map { row in
            StoredReport.Signature(
                role: try row["role"], person: try row["person"], note: try row["note"],
                manifestHash: try row["manifest_sha256"], signedAt: try row["signed_at"],
                systemUser: try row["system_user_name"], databaseUser: try row["database_user_name"],
                isSharedLogin: try row["is_shared_login"], accepted: try row["accepted"])
        }
    }

    // MARK: Pages of signatures

    /// Keeps the hash of a page that was written; a page that is written again is the same one.
    public func recordPage(_ sha256: String, of id: Int64) async throws {
        _ = try await pool.withConnection {
            try await $0.execute(
                """
                INSERT INTO trueup.report_sign_page (report_id, sha256) VALUES ($1, $2)
                ON CONFLICT (report_id, sha256) DO NOTHING
                """, id, sha256)
        }
    }

    /// The report whose page of signatures has this hash, and whether it is the last one of it.
    public func page(_ sha256: String) async throws -> (reportID: Int64, isLast: Bool)? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT report_id, NOT EXISTS (SELECT FROM trueup.report_sign_page n
                    WHERE n.report_id = p.report_id AND n.id > p.id) AS is_last
                FROM trueup.report_sign_page p WHERE sha256 = $1 ORDER BY id DESC LIMIT 1
                """, sha256
            ).first.map { (try $0["report_id"], try $0["is_last"]) }
        }
    }
}

/// Why a report is not signed.
public enum SignError: AdvisesCommand, Hashable {
    case noReport(Int64)
    case notWhole(Int64, StatementState)
    case signed(Int64, role: String)
    case notPrepared(Int64)
    case samePerson(Int64, person: String)
    case lookAlike(Int64, person: String, typed: String)
    case mixedAlphabets(String, [String])
    case sameLogin(Int64, person: String, systemUser: String, databaseUser: String)
    case otherStatement(Int64, other: Int64)
    case cannotSupersede(Int64, Int64)
    case supersededAlready(Int64)
    case supersedeIsPrepared(Int64, Int64)
    /// Rows of its signatures are not what was signed; in words.
    case forged(Int64, [String])

    public var advice: Advice {
        switch self {
        case .noReport(let id): "There is no report \(id). See: \(command: "trueup report list")"
        case .notWhole(let id, let state):
            """
            Report \(id) is \(state.rawValue). Make it again when that is settled, or sign it with \
            --accept-unexplained "why": the reason is kept and shown with the signature.
            """
        case .signed(let id, let role): "Report \(id) has been signed by a \(role) already; a signature is not changed."
        case .notPrepared(let id):
            """
            Report \(id) has no preparer yet: a reviewer signs what somebody prepared. \
            See: \(command: "trueup report sign \(id) --as preparer")
            """
        case .samePerson(let id, let person):
            "Report \(id) was prepared by \(person), who cannot review it as well: another person has to."
        case .lookAlike(let id, let person, let typed):
            """
            Report \(id) was prepared by \(person), and “\(typed)” can be taken for that name on paper (letters that \
            look the same, such as l, I and 1, or rn and m, are the same here). Another person has to review it, under \
            a name that tells the two apart, with --name.
            """
        case .mixedAlphabets(let person, let alphabets):
            """
            The name “\(person)” has letters of several alphabets (\(alphabets.joined(separator: ", "))): on paper it \
            could be taken for somebody else's. Write it in one alphabet, with --name.
            """
        case .sameLogin(let id, let person, let systemUser, let databaseUser):
            """
            Report \(id) was prepared by \(person) as \(systemUser) with the database's user \(databaseUser), and so \
            would this be: a typed name is no second person. Sign as another user of the machine or of the database; \
            where people have to share both, settings.yaml says sign_off: {shared_login: true}.
            """
        case .otherStatement(let id, let other):
            """
            Report \(other) of the same cut-off is signed: one statement of a cut-off counts. To replace it: \
            \(command: "trueup report sign \(id) --as preparer --supersede \(other) --note \"why\"")
            """
        case .cannotSupersede(let id, let other):
            "Report \(id) cannot supersede \(other): that has to be a signed report of the same job and cut-off."
        case .supersededAlready(let other):
            """
            Report \(other) has been superseded, or this one supersedes another: \
            see \(command: "trueup report show \(other)")
            """
        case .supersedeIsPrepared(let id, let other):
            "It is the preparer who says that report \(id) supersedes \(other); a reviewer signs or does not."
        case .forged(let id, let words):
            """
            No page of signatures of report \(id) was written: \(words.joined(separator: "; ")). Whoever owns the \
            tables can do that; find out who, and see \(command: "trueup report verify"). A page that was written \
            before says what was signed.
            """
        }
    }
}
