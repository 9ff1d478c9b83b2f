// Long lines for people, broken between words where a terminal or a mail ends.
extension ReportText {
    /// The text in lines of at most `columns` characters. A word that is longer stays whole.
    /// - Parameter hang: how far the further lines are indented; `nil`: as the words of the first one are.
    package static func lines(_ text: String, columns: Int, hang: Int? = nil) -> [String] {
        let indent = String(repeating: " ", count: hang ?? indentation(of: text))
        var lines: [String] = []
        var rest = Substring(text)
        while rest.count > columns {
            let room = rest.prefix(columns + 1)
            // Not in the indentation itself, or nothing would be taken off.
            let start = rest.firstIndex { $0 != " " } ?? rest.startIndex
            guard let end = room.lastIndex(of: " ") ?? rest.dropFirst(columns).firstIndex(of: " "), end > start else {
                break
            }
            // Between two columns there are several blanks, which end no line.
            lines.append(String(rest[..<end]).trimmedAtEnd)
            rest = Substring(indent + rest[end...].drop { $0 == " " })
            // A long word behind the indentation is as long as it is.
            guard rest.dropFirst(indent.count).contains(" ") else { break }
        }
        return lines + [String(rest)]
    }

    /// Under the value of a line with a name, else a little further in than the line itself.
    private static func indentation(of line: String) -> Int {
        let outer = line.prefix { $0 == " " }.count
        guard outer == 0, let gap = line.firstRange(of: "  ") else { return outer + 2 }
        let value = line[gap.lowerBound...].prefix { $0 == " " }.endIndex
        let column = line.distance(from: line.startIndex, to: value)
        return column <= 16 ? column : 2
    }
}

extension String {
    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
