import Glibc

/// Long lines for people, broken between words where their terminal ends. What goes into a file or a pipe stays whole.
enum WrappedLine {
    /// How wide the terminal behind stdout is; `nil` where there is none.
    static var terminalColumns: Int? {
        guard Terminal.stdoutIsTerminal else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else { return 80 }
        return Int(size.ws_col)
    }

    /// The line in pieces of at most `columns` characters; the further ones are indented as its words are. A word that
    /// is longer stays whole.
    static func pieces(_ line: String, columns: Int) -> [String] {
        let indent = String(repeating: " ", count: indentation(of: line))
        var pieces: [String] = []
        var rest = Substring(line)
        while rest.count > columns {
            let room = rest.prefix(columns + 1)
            // Not in the indentation itself, or nothing would be taken off.
            let start = rest.firstIndex { $0 != " " } ?? rest.startIndex
            guard let end = room.lastIndex(of: " ") ?? rest.dropFirst(columns).firstIndex(of: " "), end > start else {
                break
            }
            pieces.append(String(rest[..<end]))
            rest = Substring(indent + rest[end...].drop { $0 == " " })
            // A long word behind the indentation is as long as it is.
            guard rest.dropFirst(indent.count).contains(" ") else { break }
        }
        return pieces + [String(rest)]
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
