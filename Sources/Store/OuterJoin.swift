import PostgreSQL

/// One statement with its parameters; not a statement of account.
typealias SQLStatement = PostgreSQL.Statement

/// What the outer join says of one object, one row, or both.
enum JoinClass: Int32 {
    /// An object in no difference.
    case agreed = 0
    /// An object that does not agree with the row that names it exactly.
    case matched = 1
    /// An object that no row names exactly, and that needs one.
    case alone = 2
    /// A row that no object matches exactly.
    case row = 3
    /// An object that no row names exactly: whether it needs one takes another look.
    case unsure = 4
    /// A row that has to be compared and cannot: see ``OddRows``.
    case odd = 5
    /// Nothing to say: an object that Stripe does not know any more, or a row that is not compared.
    case nothing = 9
}

/// Staged objects and local rows, joined by the Stripe id: one row for each candidate, and one for all objects of a
/// currency that agree.
struct OuterJoin: Sendable {
    /// The staged objects, as in ``StagingTable/name``, and whose of them.
    let staged: StagingTable
    let account: String
    /// The column in which an object names its row.
    let name: String
    /// SQL on an object `s`: the money that it stands for.
    let amount: String
    /// SQL for the local rows: columns `trueup_key`, `trueup_id`, `trueup_counts`, `trueup_is_older` (made before the
    /// period), `trueup_is_odd`, `trueup_is_short` (see ``NeededColumns``), whatever ``classes`` need.
    let rows: String
    /// More joins on `s`, or nothing.
    let joins: String
    /// SQL for the ``JoinClass`` of an object `s` and a row `l`, one of which may be missing.
    let classes: String
    let parameters: [any PostgresEncodable]

    /// Columns `class`, `tag` (an object's id, a row's key, or a currency), `n`, `amount`, `staged`, `local`,
    /// `older` (of the local ones), `name` and `place`, an object's `ctid`.
    var statement: SQLStatement {
        SQLStatement(
            """
            SELECT class, tag, count(*) AS n, sum(amount)::text AS amount,
                count(*) FILTER (WHERE is_staged) AS staged, count(*) FILTER (WHERE counts) AS local,
                count(*) FILTER (WHERE counts AND is_older) AS older,
                max(name) AS name, max(place) AS place
            FROM (
                SELECT class, amount, is_staged, counts, is_older,
                    CASE class WHEN 0 THEN currency WHEN 3 THEN key::text WHEN 5 THEN key::text WHEN 9 THEN NULL
                        ELSE id END AS tag,
                    CASE WHEN class IN (1, 2, 4) THEN name END AS name,
                    CASE WHEN class IN (1, 2, 4) THEN place::text END AS place
                FROM (
                    SELECT \(classes) AS class, s.id, s.currency, s.\(name) AS name, s.place, \(amount) AS amount,
                        l.trueup_key AS key, l.trueup_counts AS counts,
                        l.trueup_is_older AS is_older,
                        s.status <> '\(StagingTable.absent)' AS is_staged
                    FROM (SELECT ctid AS place, * FROM \(staged.name)
                        WHERE account = \(quoteLiteral(account))) s
                    FULL JOIN (\(rows)) l ON l.trueup_id = s.id
                    \(joins)
                    OFFSET 0) judged) named
            GROUP BY class, tag
            """, parameters: parameters)
    }
}

/// Staged objects that are looked up by where they are in their table.
struct FoundObjects: Sendable {
    /// `ctid`s; they hold for the length of a snapshot.
    var places: [String]
    /// Their ids, where rows are looked up by them.
    var ids: [String] = []
    /// How many live objects name a row, by the name. A row that none names is not in it.
    var live: [String: Int64]
    /// The rows that they name, and the ids of these rows.
    var namedKeys: [Int64] = []
    var namedIDs: [String] = []

    var names: [String] { Array(live.keys) }
    /// In the order of ``names``.
    var counts: [Int64] { Array(live.values) }

    /// SQL that holds for these objects.
    /// - Parameter number: of the parameter with ``places``.
    static func isAmong(_ number: Int) -> String { "s.ctid = ANY($\(number)::text[]::tid[])" }
}

/// Local rows that are looked up.
struct FoundRows: Sendable {
    var keys: [Int64]
    /// Those of them without a Stripe id.
    var unlinked: [Int64]
    /// The objects whose ids look like those of some of them: where they are in their table, and their ids.
    var lookPlaces: [String] = []
    var lookIDs: [String] = []
}

/// The table of the local side, quoted.
struct LocalNames: Sendable {
    var table: String
    /// For people.
    var plainName: String
    var key: String
    var id: String
    /// SQL that joins the row's agency.
    var agencyJoin: String
    var needed: NeededColumns
}
