/// A three-letter currency code in lower case, in one machine word.
struct Currency: Sendable, Hashable {
    private let letters: UInt32

    init?(_ code: String) {
        let bytes = Array(code.utf8)
        guard bytes.count == 3, bytes.allSatisfy({ (97...122).contains($0 | 32) }) else { return nil }
        letters = bytes.reduce(0) { $0 << 8 | UInt32($1 | 32) }
    }

    private init(_ first: Unicode.Scalar, _ second: Unicode.Scalar, _ third: Unicode.Scalar) {
        letters = first.value << 16 | second.value << 8 | third.value
    }

    static let usd = Currency("u", "s", "d")
    static let eur = Currency("e", "u", "r")
    static let gbp = Currency("g", "b", "p")
    static let jpy = Currency("j", "p", "y")

    var code: String {
        String(decoding: [UInt8(letters >> 16 & 255), UInt8(letters >> 8 & 255), UInt8(letters & 255)], as: UTF8.self)
    }

    @inline(__always)
    func write(to pen: inout Pen) {
        pen.byte(UInt8(truncatingIfNeeded: letters >> 16))
        pen.byte(UInt8(truncatingIfNeeded: letters >> 8))
        pen.byte(UInt8(truncatingIfNeeded: letters))
    }
}
