import Foundation

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Writes JSON with members in random order, random white space and random escapes.
struct ScrambledJSON {
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func write(_ object: [String: Any]) -> [UInt8] {
        Array(value(object).utf8)
    }

    private mutating func value(_ any: Any) -> String {
        switch any {
        case let object as [String: Any]:
            let members = object.sorted { $0.key < $1.key }.shuffled(using: &random)
                .map { space() + text($0.key) + space() + ":" + space() + value($0.value) + space() }
            return "{" + members.joined(separator: ",") + space() + "}"
        case let array as [Any]:
            return "[" + array.map { space() + value($0) + space() }.joined(separator: ",") + "]"
        case let string as String:
            return text(string)
        case let number as NSNumber where isBoolean(number):
            return number.boolValue ? "true" : "false"
        case let number as NSNumber:
            return "\(number)"
        default:
            return "null"
        }
    }

    private func isBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" || number === trueNumber || number === falseNumber
    }

    private let trueNumber = NSNumber(value: true)
    private let falseNumber = NSNumber(value: false)

    private mutating func space() -> String {
        ["", "", "", " ", "\n", "\t", "\r\n  "].randomElement(using: &random) ?? ""
    }

    private mutating func text(_ string: String) -> String {
        var result = "\""
        for unit in string.unicodeScalars {
            let mustEscape = unit == "\"" || unit == "\\" || unit.value < 0x20
            if mustEscape || Int.random(in: 0..<40, using: &random) == 0 {
                for half in String(unit).utf16 {
                    let digits = String(half, radix: 16, uppercase: Bool.random(using: &random))
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else {
                result.unicodeScalars.append(unit)
            }
        }
        return result + "\""
    }
}
