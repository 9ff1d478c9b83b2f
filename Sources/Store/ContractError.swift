/// Why a job's `table` cannot be used.
public enum ContractError: Error, Equatable, CustomStringConvertible {
    case noTable(String)
    case noColumn(String, role: String, table: String, known: [String])
    case wrongType(String, role: String, table: String, type: String, expected: [String])
    case hiddenRows(String)
    /// Two rows hold the same value where each must be one of its kind.
    case notUnique(String, table: String, example: String)

    /// Whether the command that makes the application's tables makes this one.
    private static func isOfApplication(_ table: String) -> Bool {
        ApplicationTables.names.contains { table == "public.\($0)" || table == $0 }
    }

    public var description: String {
        switch self {
        case .noTable(let table):
            "The database has no table \(table). Name an existing one in the job's `table`"
                + (Self.isOfApplication(table)
                    ? ", or, in a database for trying out, make the application's tables with: trueup db migrate "
                        + "--application"
                    : ".")
        case .noColumn(let column, let role, let table, let known):
            "Table \(table) has no column “\(column)” (role \(role)). Its columns: \(known.joined(separator: ", ")). "
                + "Name the right one in the job's `table.columns`."
        case .wrongType(let column, let role, let table, let type, let expected):
            "Column “\(column)” of \(table) (role \(role)) is \(type), expected \(expected.joined(separator: " or "))."
        case .notUnique(let column, let table, let example):
            "Two rows of \(table) have “\(example)” in column \(column), which no unique index forbids: one payment "
                + "would count for both. Decide which row is right, clear the other one, and add a unique index."
        case .hiddenRows(let table):
            "Row-level security hides rows of \(table) from this role, so nothing could be called complete. Use a role "
                + "with BYPASSRLS or a policy that shows every row."
        }
    }
}
