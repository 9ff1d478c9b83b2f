/// A figure of a signed statement.
public enum SignedFigure: Sendable, Hashable {
    case credits(Int64)
    case money(Money)

    /// As people read it.
    public var text: String {
        switch self {
        case .credits(let credits): Money.grouped(credits)
        case .money(let money): money.description
        }
    }

    /// `credits`, or the currency in capitals.
    public var unit: String {
        switch self {
        case .credits: "credits"
        case .money(let money): money.currency.uppercased()
        }
    }

    /// By how much it is more than what it was; `nil` where both are not of one unit, or it is more than can be told.
    public func more(than then: SignedFigure) -> SignedFigure? {
        switch (self, then) {
        case (.credits(let now), .credits(let then)):
            let (more, overflow) = now.subtractingReportingOverflow(then)
            return overflow ? nil : .credits(more)
        case (.money(let now), .money(let then)):
            let (more, overflow) = now.minorUnits.subtractingReportingOverflow(then.minorUnits)
            return overflow || now.currency != then.currency
                ? nil : .money(Money(minorUnits: more, currency: now.currency))
        default: return nil
        }
    }
}
