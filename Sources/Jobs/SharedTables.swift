/// Tables of orders or charges that jobs of two accounts compare: no column says whose a row is, so that each account's
/// rows would be missing in Stripe for the other.
struct SharedTables {
    private(set) var errors: [JobFileError] = []

    init(_ files: [JobFile]) {
        var users: [String: [(file: JobFile, account: String)]] = [:]
        for file in files {
            // More accounts than one are reported where the file is read.
            guard case .reconcile(let job)? = file.result?.definition.kind, job.side.isOfOneAccount,
                job.accounts.count == 1
            else { continue }
            users["\(job.table.schema).\(job.table.name)", default: []].append((file, job.accounts[0]))
        }
        for (table, users) in users {
            // At each of them: which one is wrong nobody knows, and none of them is to go on with a new definition.
            for (file, account) in users {
                guard let other = users.first(where: { $0.account != account }) else { continue }
                errors.append(
                    Self.error(
                        "the rows of \(quoted(table)) are compared with account \(quoted(account)), and those of "
                            + "\(quoted(other.account)) in \(other.file.path): " + Self.consequence, file))
            }
        }
    }

    /// What a table of two accounts' rows leads to, what is wanted, and what helps.
    static let consequence =
        "the rows of one account would be missing in Stripe for the other, and be cancelled there"
    static let expectation = "one account for each table"
    static let remedy = "Give each account a table, or a view, of its own rows."

    private static func error(_ message: String, _ file: JobFile) -> JobFileError {
        let place = file.result?.tablePlace
        // The text was let go after reading; it is needed again only for this.
        guard case .success(let source) = Loader.read(file.path) else {
            return JobFileError(
                file: file.path, line: place?.line, column: place?.column, message: message, expected: expectation,
                remedy: remedy)
        }
        source.report(message, at: place, expected: expectation, remedy: remedy)
        return source.errors[0]
    }
}
