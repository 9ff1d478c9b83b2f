import Store

/// Why an order was not placed or not cancelled. What Stripe or the database said instead of an answer is thrown as
/// `StripeError` and `PostgresError`: asking again under the same key then goes on where it stopped.
public enum OrderingError: AdvisesCommand, Equatable {
    /// The `Idempotency-Key` is empty or longer than 255 characters.
    case badKey
    /// The same `Idempotency-Key` came with another order before.
    case keyConflict
    case noAgency(Int64)
    /// The agency has no such member.
    case noMember(Int64, agencyID: Int64)
    case noOption(Int64)
    /// The option cannot be ordered: it is not active, or its price is not that of its credits.
    case optionUnavailable(Int64, reason: String)
    /// The agency has no Stripe customer on the account.
    case noCustomer(agencyID: Int64, account: String)
    /// The agency has no such order.
    case noOrder(Int64)
    /// The invoice is paid: the order cannot be cancelled. Its credits are granted by now.
    case alreadyPaid(Int64)
    /// Another call is at this order, and has been for longer than this one waits.
    case busy(Int64)
    /// What Stripe has is not what the order says, or the row has moved; a person has to look at it.
    case unexpected(orderID: Int64, reason: String)
    /// The table lacks columns that placing an order needs.
    case incompleteTable(String)

    public var advice: Advice {
        switch self {
        case .badKey: "The Idempotency-Key must have 1 to 255 characters."
        case .keyConflict: "This Idempotency-Key was used for another order. Use a new key for a new order."
        case .noAgency(let id): "There is no agency \(id)."
        case .noMember(let id, let agency): "Agency \(agency) has no member \(id)."
        case .noOption(let id): "There is no credit order option \(id)."
        case .optionUnavailable(let id, let reason): "Option \(id) cannot be ordered: \(reason)."
        case .noCustomer(let agency, let account):
            """
            Agency \(agency) has no Stripe customer on account \(account). Make one: \
            \(command: "trueup stripe customer create --account \(account) --agency \(agency)")
            """
        case .noOrder(let id): "The agency has no order \(id)."
        case .alreadyPaid(let id): "Order \(id) is paid and cannot be cancelled."
        case .busy(let id): "Another call is at order \(id) and waits for Stripe, most likely. Ask again in a moment."
        case .unexpected(let id, let reason): "Order \(id): \(reason)"
        case .incompleteTable(let table):
            "\(table) lacks agency_member_id, order_option_id or hosted_invoice_url, without which no order is placed."
        }
    }
}
