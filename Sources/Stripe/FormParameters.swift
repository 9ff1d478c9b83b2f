/// A value in Stripe's form encoding.
public indirect enum FormValue: Sendable {
    case text(String)
    case integer(Int64)
    case flag(Bool)
    /// `key=`: unsets the value.
    case null
    /// `key[0]=…&key[1]=…`
    case array([FormValue])
    /// `key[name]=…`
    case object([(String, FormValue)])
}

/// Parameters in the order given, as application/x-www-form-urlencoded with Stripe's brackets for nesting.
public struct FormParameters: Sendable {
    private var pairs: [(String, FormValue)] = []

    public init(_ pairs: [(String, FormValue)] = []) {
        self.pairs = pairs
    }

    public var isEmpty: Bool {
        pairs.isEmpty
    }

    /// Adds a parameter; brackets in the name are kept as they are.
    public mutating func add(_ name: String, _ value: FormValue) {
        pairs.append((name, value))
    }

    /// The encoded text, for a body or a query. Names and values are percent-encoded, brackets included.
    public var encoded: String {
        var parts: [String] = []
        for (name, value) in pairs {
            Self.append(name, value, to: &parts)
        }
        return parts.joined(separator: "&")
    }

    private static func append(_ name: String, _ value: FormValue, to parts: inout [String]) {
        switch value {
        case .text(let text): parts.append("\(escaped(name))=\(escaped(text))")
        case .integer(let integer): parts.append("\(escaped(name))=\(integer)")
        case .flag(let flag): parts.append("\(escaped(name))=\(flag)")
        case .null: parts.append("\(escaped(name))=")
        case .array(let values):
            for (index, element) in values.enumerated() {
                append("\(name)[\(index)]", element, to: &parts)
            }
        case .object(let members):
            for (key, member) in members {
                append("\(name)[\(key)]", member, to: &parts)
            }
        }
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986.
    static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
