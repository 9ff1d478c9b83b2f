import Reconciliation

/// A file's text and lines, and the errors found in it so far.
package final class SourceText {
    /// As printed.
    package let file: String
    package let bytes: [UInt8]
    package private(set) var errors: [JobFileError] = []
    package private(set) var warnings: [JobFileError] = []
    private let lines: [String]

    /// Lines end with LF or CRLF.
    package init(file: String, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
        lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
    }

    /// A place in the file, both from 1; the column counts Unicode scalars.
    package struct Place: Sendable, Hashable {
        package let line: Int
        package let column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    /// Notes an error.
    /// - Parameter hides: the value may be a secret, so its line is printed only up to the place.
    package func report(
        _ message: String, at place: Place?, found: String? = nil, expected: String? = nil,
        suggestion: String? = nil, remedy: String? = nil, hides: Bool = false
    ) {
        var new = error(message, at: place, found: found, expected: expected, suggestion: suggestion, hides: hides)
        new.remedy = remedy
        errors.append(new)
    }

    package func warn(_ message: String, at place: Place?) {
        warnings.append(
            error(message, at: place, found: nil, expected: nil, suggestion: nil, hides: false))
    }

    private func error(
        _ message: String, at place: Place?, found: String?, expected: String?, suggestion: String?, hides: Bool
    ) -> JobFileError {
        JobFileError(
            file: file, line: place?.line, column: place?.column, message: Redaction.withoutSecrets(message),
            found: found.map(Redaction.withoutSecrets), expected: expected,
            suggestion: suggestion.map(Redaction.withoutSecrets), sourceLine: place.flatMap { line($0, hides: hides) })
    }

    /// A line for people: redacted, without control characters, cut around the place.
    private func line(_ place: Place, hides: Bool) -> String? {
        guard lines.indices.contains(place.line - 1) else { return nil }
        var text = lines[place.line - 1]
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        if hides { text = String(String.UnicodeScalarView(text.unicodeScalars.prefix(place.column - 1))) + "***" }
        text = Redaction.redacted(text)
        guard text.unicodeScalars.count <= 400 else { return nil }
        return printable(text)
    }

    /// A place `offset` characters into a text that begins at a place, behind its opening quote if it has one.
    package func inside(_ place: Place?, _ offset: Int) -> Place? {
        guard let place, lines.indices.contains(place.line - 1) else { return place }
        let first = lines[place.line - 1].unicodeScalars.dropFirst(place.column - 1).first
        // Block texts begin on a later line, where the offset means nothing.
        if first == "|" || first == ">" { return place }
        let quote = first == "\"" || first == "'" ? 1 : 0
        return Place(line: place.line, column: place.column + quote + offset)
    }

    /// The lines in which a secret stands, whatever the YAML around them means.
    package func reportSecrets() {
        for (index, line) in lines.enumerated() {
            guard let range = Redaction.secret(in: line) else { continue }
            let before = String(decoding: Array(line.utf8)[..<range.lowerBound], as: UTF8.self)
            let place = Place(line: index + 1, column: before.unicodeScalars.count + 1)
            report(
                "this looks like a secret; secrets are never in YAML", at: place,
                expected: "the name of an environment variable under a key that ends in _env",
                remedy: "Have its issuer replace it: it has been in a file.", hides: true)
        }
    }
}

/// Control characters and characters that turn the writing direction become `?`, so that a file cannot write on the
/// reader's terminal.
func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.isUnseen && $0 != "\t" ? "?" : $0 }))
}

/// A user's text in quotes for a message: redacted, one line, not too long.
func quoted(_ text: String) -> String {
    let line = Redaction.redacted(String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\n" ? " " : $0 })))
    let isLong = line.unicodeScalars.count > 60
    return "\"" + printable(isLong ? String(line.unicodeScalars.prefix(57)) + "..." : line) + "\""
}
