/// Scrambles 64 bits (the finalizer of splitmix64): the source of everything that looks random here and is not.
@inline(__always)
func scrambled(_ value: UInt64) -> UInt64 {
    var bits = value &+ 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
}

/// A stream of seeded draws. The same seed gives the same stream on every machine.
struct SeededDraw: Sendable {
    private var state: UInt64

    init(seed: UInt64, _ first: UInt64 = 0, _ second: UInt64 = 0) {
        state = scrambled(seed ^ scrambled(first ^ scrambled(second &+ 0x51ED)))
    }

    /// The next 64 bits.
    @inline(__always)
    mutating func next() -> UInt64 {
        state = state &+ 0x9E37_79B9_7F4A_7C15
        return scrambled(state)
    }

    /// A number in `0 ..< bound`; `bound` must be positive.
    @inline(__always)
    mutating func below(_ bound: Int64) -> Int64 {
        Int64(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A number in `0 ..< 1`.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// One of `elements`, which must not be empty.
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(below(Int64(elements.count)))]
    }
}
