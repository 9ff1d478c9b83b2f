/// The parameters of a request: `a[b][c]=v`, `a[0]=v` and `a[]=v` from a query or a form body
/// (https://docs.stripe.com/api#request-format).
struct Parameters: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        /// The name before the first bracket, then what stands in the brackets.
        var path: [String]
        var value: String
    }

    private(set) var entries: [Entry] = []

    init() {}

    /// Reads `application/x-www-form-urlencoded` text.
    init(form text: some StringProtocol) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.decoded(parts[0])
            let value = parts.count > 1 ? Self.decoded(parts[1]) : ""
            entries.append(Entry(path: Self.path(name), value: value))
        }
    }

    mutating func append(_ other: Parameters) { entries += other.entries }

    /// The names that were given, in order.
    var names: [String] {
        var names: [String] = []
        for entry in entries where !names.contains(entry.path[0]) { names.append(entry.path[0]) }
        return names
    }

    /// The value of `name`, the last one if it was given twice. An empty value is a value: it unsets.
    func value(_ path: String...) -> String? { entries.last { $0.path == path }?.value }

    func has(_ name: String) -> Bool { entries.contains { $0.path[0] == name } }

    /// The values of a list: `name[0]=a&name[1]=b` or `name[]=a&name[]=b`.
    func list(_ name: String) -> [String] {
        entries.filter { $0.path.count == 2 && $0.path[0] == name }.map(\.value)
    }

    /// The keys and values of a map: `name[key]=value`.
    func map(_ name: String) -> [(key: String, value: String)] {
        entries.filter { $0.path.count == 2 && $0.path[0] == name }.map { ($0.path[1], $0.value) }
    }

    private static func path(_ name: String) -> [String] {
        guard let open = name.firstIndex(of: "["), name.hasSuffix("]") else { return [name] }
        let inner = name[name.index(after: open)...].dropLast()
        var path = [String(name[..<open])]
        var part = ""
        var previous: Character = "["
        for character in inner {
            if character == "[" && previous == "]" {
                part.removeLast()
                path.append(part)
                part = ""
            } else {
                part.append(character)
            }
            previous = character
        }
        path.append(part)
        return path
    }

    /// Undoes `%XX` and `+`.
    static func decoded(_ text: some StringProtocol) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var pending = Array(text.utf8)[...]
        while let unit = pending.popFirst() {
            if unit == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if unit == UInt8(ascii: "%"), pending.count >= 2, let high = hex(pending[pending.startIndex]),
                let low = hex(pending[pending.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                pending = pending.dropFirst(2)
            } else {
                bytes.append(unit)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hex(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - 55
        default: nil
        }
    }
}
