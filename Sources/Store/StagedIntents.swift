import PostgreSQL
import Reconciliation

/// Payment intents as rows of a ``StagingTable``.
public enum StagedIntents {
    /// How many columns a row has, in the order of `trueup.staged_intent`.
    static let columnCount = 19

    /// Encodes one payment intent for COPY.
    public static func append(
        _ intent: IntentFacts, account: String, requestID: String, isFresh: Bool, to rows: inout BinaryRows
    ) {
        rows.beginRow(columns: columnCount)
        rows.append(account)
        rows.append(intent.id)
        rows.append(intent.status.word)
        rows.append(intent.createdSeconds)
        rows.append(intent.currency.lowercased())
        rows.append(intent.amount)
        rows.append(intent.amountReceived)
        rows.append(intent.customer)
        rows.append(intent.invoiceID)
        rows.append(intent.latestCharge)
        rows.append(intent.hasFailed)
        rows.append(intent.hasCheckoutSession)
        rows.append(intent.chargeID)
        rows.append(intent.agencyID)
        rows.append(intent.orderID)
        rows.append(intent.canceledAtSeconds)
        rows.append(intent.chargedAtSeconds)
        rows.append(requestID)
        rows.append(isFresh)
    }

    /// Encodes "404 on a fresh read".
    public static func appendAbsent(_ id: String, account: String, requestID: String, to rows: inout BinaryRows) {
        let facts = IntentFacts(
            id: id, status: .unknown(StagingTable.absent), createdSeconds: 0, currency: "", amount: 0)
        append(facts, account: account, requestID: requestID, isFresh: true, to: &rows)
    }
}
