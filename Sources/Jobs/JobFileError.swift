/// One thing wrong with one file, with its place.
///
/// Printed as `jobs/x.yaml:7:1: unknown key "tabel"; expected one of …; did you mean "table"?` and below it the line
/// with a caret, then what mends it where that is not plain from the expectation. Nothing that looks like a secret is
/// ever part of it.
public struct JobFileError: Error, Sendable, Hashable {
    /// The file (or directory), as reached from the working directory.
    public var file: String
    /// From 1; `nil` when the whole file is meant.
    public var line: Int?
    /// From 1, in Unicode scalars.
    public var column: Int?
    /// What is wrong.
    public var message: String
    /// What stood there, redacted.
    public var found: String?
    /// What may stand there.
    public var expected: String?
    /// The nearest valid word.
    public var suggestion: String?
    /// What mends it, a whole sentence, where what may stand there does not say it.
    public var remedy: String?
    /// The line itself, redacted.
    public var sourceLine: String?

    public init(
        file: String, line: Int? = nil, column: Int? = nil, message: String, found: String? = nil,
        expected: String? = nil, suggestion: String? = nil, remedy: String? = nil, sourceLine: String? = nil
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.found = found
        self.expected = expected
        self.suggestion = suggestion
        self.remedy = remedy
        self.sourceLine = sourceLine
    }

    /// The first line of ``description``: place, message, expectation and suggestion.
    public var summary: String {
        var text = file
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        text += ": " + message
        if let expected { text += "; expected \(expected)" }
        if let suggestion { text += "; did you mean \"\(suggestion)\"?" }
        return text
    }
}

extension JobFileError: CustomStringConvertible {
    public var description: String {
        var lines = [summary]
        if let sourceLine, !sourceLine.isEmpty, let column {
            // Tabs are kept, so that the caret stands under its character whatever their width.
            let padding = sourceLine.unicodeScalars.prefix(column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
            lines += ["    \(sourceLine)", "    \(padding)^"]
        }
        if let remedy { lines.append("    \(remedy)") }
        return lines.joined(separator: "\n")
    }
}

/// Everything wrong with all files, in the order of file, line and column. Never empty.
public struct JobFileErrors: Error, Sendable, Hashable, CustomStringConvertible {
    public var errors: [JobFileError]

    public init(_ errors: [JobFileError]) {
        self.errors = errors.sorted {
            ($0.file, $0.line ?? 0, $0.column ?? 0, $0.message) < ($1.file, $1.line ?? 0, $1.column ?? 0, $1.message)
        }
    }

    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }
}
