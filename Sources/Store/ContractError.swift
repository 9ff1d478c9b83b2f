/// Why a job's `table` cannot be used.
public enum ContractError: AdvisesCommand, Equatable {
    case noTable(String)
    case noColumn(String, role: String, table: String, known: [String])
    case wrongType(String, role: String, table: String, type: String, expected: [String])
    case hiddenRows(String)
    /// Two rows hold the same value where each must be one of its kind.
    case notUnique(String, table: String, example: String)

    /// The end of the sentence: how a table is made that is one of the application's.
    private static func making(_ table: String) -> Advice {
        guard ApplicationTables.names.contains(where: { table == "public.\($0)" || table == $0 }) else { return "." }
        return """
            , or, in a database for trying out, make the application's tables with: \
            \(command: "trueup db migrate --application")
            """
    }

    public var advice: Advice {
        switch self {
        case .noTable(let table):
            "The database has no table \(table). Name an existing one in the job's `table`\(Self.making(table))"
        case .noColumn(let column, let role, let table, let known):
            """
            Table \(table) has no column “\(column)” (role \(role)). Its columns: \(known.joined(separator: ", ")). \
            Name the right one in the job's `table.columns`.
            """
        case .wrongType(let column, let role, let table, let type, let expected):
            "Column “\(column)” of \(table) (role \(role)) is \(type), expected \(expected.joined(separator: " or "))."
        case .notUnique(let column, let table, let example):
            """
            Two rows of \(table) have “\(example)” in column \(column), which no unique index forbids: one payment \
            would count for both. Decide which row is right, clear the other one, and add a unique index.
            """
        case .hiddenRows(let table):
            """
            Row-level security hides rows of \(table) from this role, so nothing could be called complete. Use a role \
            with BYPASSRLS or a policy that shows every row.
            """
        }
    }
}
