/// A card or a bank account that a customer pays with. See https://docs.stripe.com/api/payment_methods/object
public struct PaymentMethod: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    /// `card`, `us_bank_account`, or another word of Stripe's.
    public var type: String
    /// `nil`: nobody's yet.
    public var customer: String?
    public var cardBrand: String?
    public var cardMonth: Int64?
    public var cardYear: Int64?
    public var bankName: String?
    /// The last four digits of the card or the account.
    public var lastDigits: String?

    /// For people: `visa ••4242, 8/2030`.
    public var words: String {
        let end = lastDigits.map { " ••\($0)" } ?? ""
        if let cardBrand {
            let expiry = cardMonth.flatMap { month in cardYear.map { ", \(month)/\($0)" } } ?? ""
            return cardBrand + end + expiry
        }
        return (bankName ?? type) + end
    }
}

/// A bank account as the older API for sources has it. See https://docs.stripe.com/api/customer_bank_accounts/object
public struct BankAccount: Sendable, Hashable {
    /// ba_…
    public var id: String
    public var customer: String?
    public var bankName: String?
    public var lastDigits: String?
    /// `new`, `verified` (as one from Plaid is) and others.
    public var status: String
}
