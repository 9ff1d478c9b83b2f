import Glibc

/// Long lines for people, broken between words where their terminal ends. What goes into a file or a pipe stays whole,
/// so that it can be searched.
enum WrappedLine {
    /// How wide the terminal behind stdout is; `nil` where there is none.
    static var terminalColumns: Int? { columns(of: STDOUT_FILENO) }

    /// How wide the terminal behind a descriptor is, 80 where it does not say; `nil` where there is none.
    static func columns(of descriptor: Int32) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else { return 80 }
        return Int(size.ws_col)
    }

    /// The line in parts of so many columns at most, those behind the first indented by two more. A word that is longer
    /// than that, such as an address, has a part of its own.
    /// - Parameter columns: `nil`: the line stays whole.
    static func parts(_ line: String, columns: Int?) -> [String] {
        guard let columns, width(line) > columns else { return [line] }
        let indent = String(line.prefix { $0 == " " })
        var parts: [String] = []
        var part = indent
        var hasWord = false
        var gap = ""
        for piece in pieces(line.dropFirst(indent.count)) {
            if piece.first == " " {
                gap = piece
                continue
            }
            if hasWord, width(part) + gap.count + width(piece) > columns {
                parts.append(part)
                part = indent + "  " + piece
            } else {
                part += (hasWord ? gap : "") + piece
            }
            (hasWord, gap) = (true, "")
        }
        return parts + [part]
    }

    /// Words and the spaces between them, in turn.
    private static func pieces(_ text: Substring) -> [String] {
        var pieces: [String] = []
        for character in text {
            if let last = pieces.last?.last, (last == " ") == (character == " ") {
                pieces[pieces.count - 1].append(character)
            } else {
                pieces.append(String(character))
            }
        }
        return pieces
    }

    /// The columns of a text, without the sequences that colour it.
    private static func width(_ text: String) -> Int {
        var columns = 0
        var isSequence = false
        for character in text {
            if character == "\u{1B}" { isSequence = true }
            if !isSequence { columns += 1 }
            if isSequence, character == "m" { isSequence = false }
        }
        return columns
    }
}

extension [String] {
    /// Each line in parts of so many columns at most; `nil`: they stay whole.
    func wrapped(_ columns: Int?) -> [String] { flatMap { WrappedLine.parts($0, columns: columns) } }
}
