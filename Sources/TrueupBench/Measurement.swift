/// How fast one part is, and how fast a plain way of doing the same.
struct Measurement: Encodable {
    /// What is measured, such as `page decoder`.
    let part: String
    /// What is counted, such as `MB`.
    let unit: String
    /// What the part is held against.
    let plainWay: String
    let unitsPerSecond: Double
    let plainUnitsPerSecond: Double

    var ratio: Double { unitsPerSecond / plainUnitsPerSecond }

    enum CodingKeys: String, CodingKey {
        case part, unit, plainWay = "plain_way", unitsPerSecond = "units_per_second"
        case plainUnitsPerSecond = "plain_units_per_second", ratio
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(part, forKey: .part)
        try container.encode(unit, forKey: .unit)
        try container.encode(plainWay, forKey: .plainWay)
        try container.encode(unitsPerSecond, forKey: .unitsPerSecond)
        try container.encode(plainUnitsPerSecond, forKey: .plainUnitsPerSecond)
        try container.encode(ratio, forKey: .ratio)
    }
}

/// The two ways gave different answers, so neither may be measured.
struct Disagreement: Error, CustomStringConvertible {
    let description: String
}

/// Repeats `body` for about `seconds`, after one call that does not count.
/// - Parameter body: gives how many units it has worked off.
/// - Returns: units a second, of the fastest third: what else the machine does slows the others.
func unitsPerSecond(seconds: Double, _ body: () throws -> Double) rethrows -> Double {
    _ = try body()
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var speeds: [Double] = []
    while speeds.count < 3 || clock.now < end {
        var units = 0.0
        let spent = try clock.measure { units = try body() }
        speeds.append(units / (spent / .seconds(1)))
    }
    let fastest = speeds.sorted(by: >).prefix(max(1, speeds.count / 3))
    return fastest.reduce(0, +) / Double(fastest.count)
}
