/// A small JSON text in the making, for answers that are not served by the thousand.
enum JSON {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    case null
    /// A text that is laid out for its place already.
    case raw(String)

    static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    static func optional(_ value: Int64?) -> JSON { value.map { .integer($0) } ?? .null }
    static func map(_ pairs: [(key: String, value: String)]) -> JSON {
        .object(pairs.map { ($0.key, .string($0.value)) })
    }

    /// An upper bound of the bytes at this depth.
    func sizeBound(depth: Int) -> Int {
        switch self {
        case .object(let members):
            members.reduce(2 * depth + 4) {
                $0 + 2 * depth + 8 + 6 * $1.0.utf8.count + $1.1.sizeBound(depth: depth + 1)
            }
        case .array(let items):
            items.reduce(2 * depth + 4) { $0 + 2 * depth + 4 + $1.sizeBound(depth: depth + 1) }
        case .string(let text): 6 * text.utf8.count + 2
        case .raw(let text): text.utf8.count
        case .integer, .boolean, .null: 24
        }
    }

    /// Writes it indented by two spaces; `depth` is that of its closing brace.
    func write(depth: Int, to pen: inout Pen) {
        switch self {
        case .object(let members):
            guard !members.isEmpty else { return pen.text("{}") }
            pen.text("{")
            for (position, member) in members.enumerated() {
                if position > 0 { pen.text(",") }
                pen.line(depth + 1)
                pen.quoted(member.0)
                pen.text(": ")
                member.1.write(depth: depth + 1, to: &pen)
            }
            pen.line(depth)
            pen.text("}")
        case .array(let items):
            guard !items.isEmpty else { return pen.text("[]") }
            pen.text("[")
            for (position, item) in items.enumerated() {
                if position > 0 { pen.text(",") }
                pen.line(depth + 1)
                item.write(depth: depth + 1, to: &pen)
            }
            pen.line(depth)
            pen.text("]")
        case .string(let text): pen.quoted(text)
        case .integer(let number): pen.integer(number)
        case .boolean(let value): pen.boolean(value)
        case .null: pen.text("null")
        case .raw(let text): pen.text(text)
        }
    }
}
