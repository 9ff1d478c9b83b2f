/// An amount in the minor unit of one currency (cents for USD, yen for JPY, fils for BHD).
///
/// Amounts of different currencies are never added, and an addition that leaves `Int64` is an error: see
/// ``adding(_:)``.
public struct Money: Sendable, Hashable {
    public let minorUnits: Int64
    /// Lower-case ISO 4217 code, as Stripe writes it.
    public let currency: String

    public init(minorUnits: Int64, currency: String) {
        self.minorUnits = minorUnits
        self.currency = currency.lowercased()
    }

    /// The sum of two amounts of one currency.
    /// - Throws: ``MoneyError`` when the currencies differ or the sum leaves `Int64`.
    public func adding(_ other: Money) throws(MoneyError) -> Money {
        guard currency == other.currency else { throw .differentCurrencies(currency, other.currency) }
        let (sum, overflow) = minorUnits.addingReportingOverflow(other.minorUnits)
        if overflow { throw .overflow(currency: currency) }
        return Money(minorUnits: sum, currency: currency)
    }

    /// How many decimals the currency's minor unit stands for, as Stripe counts them
    /// (https://docs.stripe.com/currencies: zero-decimal and three-decimal currencies, and the special cases: UGX and
    /// ISK have no cents any more, and in amounts they still have two decimals, which are always 00).
    public static func decimals(of currency: String) -> Int {
        switch currency.lowercased() {
        case "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf": 0
        case "bhd", "jod", "kwd", "omr", "tnd": 3
        default: 2
        }
    }
}

extension Money: CustomStringConvertible {
    /// For people: `$1,400.00`, `-$7.00`, `1,000 JPY`, `12.345 BHD`.
    public var description: String {
        let decimals = Money.decimals(of: currency)
        let digits = String(minorUnits.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let whole = Money.grouped(String(padded.dropLast(decimals)))
        let number = decimals == 0 ? whole : whole + "." + padded.suffix(decimals)
        let sign = minorUnits < 0 ? "-" : ""
        return currency == "usd" ? "\(sign)$\(number)" : "\(sign)\(number) \(currency.uppercased())"
    }

    /// Digits with a comma between thousands: `1234567` becomes `1,234,567`.
    public static func grouped(_ digits: String) -> String {
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return result
    }

    /// A whole number for people: `-1,234`.
    public static func grouped(_ number: Int64) -> String {
        (number < 0 ? "-" : "") + grouped(String(number.magnitude))
    }

    /// A number of things for people: `1 object`, `2,030 objects`.
    /// - Parameter several: where it does not end in an `s` more.
    public static func counted(_ number: Int64, _ one: String, _ several: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? one : several ?? one + "s")"
    }
}

/// Why two amounts cannot be added.
public enum MoneyError: Error, Equatable, CustomStringConvertible {
    case differentCurrencies(String, String)
    case overflow(currency: String)

    public var description: String {
        switch self {
        case .differentCurrencies(let a, let b):
            "Amounts in \(a.uppercased()) and \(b.uppercased()) cannot be added: keep one total per currency."
        case .overflow(let currency):
            "A sum in \(currency.uppercased()) is larger than 9,223,372,036,854,775,807 minor units."
        }
    }
}
