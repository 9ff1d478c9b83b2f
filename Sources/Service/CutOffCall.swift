import Logging
import PostgreSQL
import Stripe

/// A call about an order that could not be ended: what the caller is told of what is there now, and of what to do.
enum CutOffCall: Sendable {
    /// - Parameters:
    ///   - order: the order's row, once it is there.
    ///   - hasKey: the caller has sent an `Idempotency-Key`.
    case placing(order: Int64?, hasKey: Bool)
    case cancelling(order: Int64)

    /// The error with words for the caller. What is no matter of Stripe or the database being away stays as it is.
    func fault(of error: any Error, logger: Logger) -> any Error {
        if let error = error as? PostgresError, case .poolExhausted = error.kind, begunID == nil {
            logger.warning("too many orders at once", metadata: ["trueup.error": .string(error.brief)])
            return APIError.unavailable(
                "busy",
                "As many orders as are worked on at a time are under way, because Stripe answers slowly, most likely. "
                    + "Nothing was begun; ask again in a moment.")
        }
        guard error is PostgresError || error is StripeError else { return error }
        if let error = error as? PostgresError, error.isUnstorableValue {
            return ServiceResponder.fault(of: error, logger: logger)
        }
        var fault = ServiceResponder.fault(of: error, logger: logger)
        let isUnknown = (error as? PostgresError)?.isCommitOutcomeUnknown ?? false
        fault.message = "\(ServiceResponder.away(error)) \(words(isUnknown: isUnknown))"
        return fault
    }

    private var begunID: Int64? {
        switch self {
        case .placing(let order, _): order
        case .cancelling: nil
        }
    }

    private func words(isUnknown: Bool) -> String {
        switch self {
        case .placing(let order?, hasKey: true):
            "Order \(order) is kept: ask again with the same Idempotency-Key, and it goes on where it stopped."
        case .placing(let order?, hasKey: false):
            "Order \(order) was begun, and without an Idempotency-Key nothing goes on with it: look at it in "
                + "credit_orders and cancel it there before ordering again. One without an invoice, that nobody "
                + "cancels, the nightly run ends."
        case .placing(nil, hasKey: true) where isUnknown:
            "Whether the order was begun is not known; ask again with the same Idempotency-Key, and there is one."
        case .placing(nil, hasKey: false) where isUnknown:
            "Whether the order was begun is not known; look at credit_orders before ordering again."
        case .placing: "No order was begun; ask again."
        case .cancelling(let order): "Whether order \(order) is cancelled is not known; ask again, and it will be."
        }
    }
}
