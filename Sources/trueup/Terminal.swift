import Glibc
import Synchronization

/// stdout is data, stderr is talk. Both are written at once, also into a pipe.
enum Terminal {
    /// Why stdout could not be written; 0 while it could.
    private static let outputErrno = Atomic<Int32>(0)

    /// What became of the data, if it did not all go out: a document cut short must not look like a success.
    static var outputFailure: String? {
        let number = outputErrno.load(ordering: .relaxed)
        return number == 0 ? nil : String(cString: strerror(number))
    }

    /// Data, to stdout.
    static func print(_ text: String) {
        write(text + "\n", to: STDOUT_FILENO)
    }

    /// Data that ends as it ends.
    static func printRaw(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                // A reader that went away, or a closed stdout, wanted no more. A full disk is another matter.
                let number = errno
                if descriptor == STDOUT_FILENO, number != EPIPE, number != EBADF {
                    outputErrno.store(number, ordering: .relaxed)
                }
                return
            }
            bytes = bytes.dropFirst(written)
        }
    }

    static var stderrIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    static var stdoutIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// https://no-color.org
    static var hasColor: Bool {
        stdoutIsTerminal && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
            && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    enum Style: String {
        case bold = "1"
        case green = "32"
        case yellow = "33"
        case red = "31"
        case dim = "2"
    }

    static func styled(_ text: String, _ style: Style) -> String {
        hasColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// Columns of text, padded to the widest cell; numbers to the right.
struct TextTable {
    var headings: [String]
    var rightAligned: Set<Int> = []
    var rows: [[String]] = []

    /// Between two columns.
    private static let gap = 2
    /// Before the columns of a row's further lines.
    private static let indent = 4

    private var widths: [Int] {
        headings.indices.map { column in
            rows.reduce(headings[column].count) { max($0, $1[column].count) }
        }
    }

    /// How many columns of a terminal it takes.
    var width: Int { widths.reduce(0, +) + Self.gap * (widths.count - 1) }

    /// The lines, the heading first. Without rows there is nothing.
    var lines: [String] { lines(columns: nil) }

    /// The lines on a terminal: where the table is wider, its columns go on in further lines, which are indented. Each
    /// row has them as the headings have, but for those that are empty; a text that is wider is broken between words.
    /// - Parameter columns: how wide the terminal is; `nil`: there is none, and the table is as wide as it is.
    func lines(columns: Int?) -> [String] {
        guard !rows.isEmpty else { return [] }
        let widths = widths
        let parts = columns.map { Self.parts(widths, columns: $0) } ?? [widths.indices]
        return ([headings] + rows).flatMap { row -> [String] in
            let lines = parts.map { part -> String in
                let space = part.lowerBound == 0 ? "" : String(repeating: " ", count: Self.indent)
                return space + line(row, part, widths)
            }
            return lines.filter { line in !line.allSatisfy { $0 == " " } }.wrapped(columns)
        }
    }

    private func line(_ row: [String], _ part: Range<Int>, _ widths: [Int]) -> String {
        let cells = part.map { column in
            let space = String(repeating: " ", count: widths[column] - row[column].count)
            return rightAligned.contains(column) ? space + row[column] : row[column] + space
        }
        let line = cells.joined(separator: String(repeating: " ", count: Self.gap))
        return String(line.reversed().drop(while: { $0 == " " }).reversed())
    }

    /// Which columns stand beside each other, as many as there is room for.
    private static func parts(_ widths: [Int], columns: Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = 0
        var used = 0
        for (index, width) in widths.enumerated() {
            if index == start {
                used += width
            } else if used + gap + width > columns {
                parts.append(start..<index)
                start = index
                used = indent + width
            } else {
                used += gap + width
            }
        }
        return parts + [start..<widths.count]
    }

    /// The same columns in another order.
    /// - Parameter order: the numbers of all of them.
    func inOrder(_ order: [Int]) -> TextTable {
        TextTable(
            headings: order.map { headings[$0] },
            rightAligned: Set(order.indices.filter { rightAligned.contains(order[$0]) }),
            rows: rows.map { row in order.map { row[$0] } })
    }
}

/// One line on a terminal that is written over; nothing elsewhere.
final class ProgressLine: Sendable {
    private let isOn = Terminal.stderrIsTerminal && !Talk.isLogged
    private let state = Mutex((text: "", lastNanoseconds: UInt64(0)))

    /// Shows a text, at most ten times a second.
    func show(_ text: @autoclosure () -> String, always: Bool = false) {
        guard isOn else { return }
        let now = Self.nanoseconds()
        let isDue = state.withLock { state in
            guard always || now - state.lastNanoseconds > 100_000_000 else { return false }
            state.lastNanoseconds = now
            return true
        }
        if isDue { Terminal.write("\r\u{1B}[K" + text(), to: STDERR_FILENO) }
    }

    /// Whether there is a terminal for it.
    var isShown: Bool { isOn }

    /// Takes the line away.
    func clear() {
        if isOn { Terminal.write("\r\u{1B}[K", to: STDERR_FILENO) }
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
