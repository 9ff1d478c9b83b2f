import PostgreSQL
import Reconciliation

/// A refund, a dispute or a credit note: money that was taken back of a payment.
public struct ReversalFacts: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case refund, dispute
        case creditNote = "credit_note"
    }

    public var id: String
    public var kind: Kind
    public var createdSeconds: Int64
    public var status: String
    /// Lower-case ISO 4217.
    public var currency: String
    /// Minor units.
    public var amount: Int64
    /// It counts: neither failed nor canceled, won or withdrawn.
    public var stands: Bool
    public var paymentIntent: String?
    /// The invoice whose payment it reverses, once it is known.
    public var invoiceID: String?

    public init(
        id: String, kind: Kind, createdSeconds: Int64, status: String, currency: String, amount: Int64, stands: Bool,
        paymentIntent: String?, invoiceID: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.createdSeconds = createdSeconds
        self.status = status
        self.currency = currency
        self.amount = amount
        self.stands = stands
        self.paymentIntent = paymentIntent
        self.invoiceID = invoiceID
    }
}

extension Reversed {
    /// What stands of some reversals of one payment, as ``StagedReversals`` adds it up in SQL: one rule for what a run
    /// has staged and for what is read of a single object. Stripe takes a payment back in the payment's own currency.
    public init(_ reversals: some Sequence<ReversalFacts>) {
        self.init()
        for facts in reversals where facts.stands {
            switch facts.kind {
            case .refund: refunded = refunded.addingClamped(facts.amount)
            case .dispute: disputed = disputed.addingClamped(facts.amount)
            // The invoice itself says what was credited.
            case .creditNote: break
            }
        }
    }
}

extension Int64 {
    /// The sum, or the largest number where it has none.
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// The reversals that a run has read. They are few next to the objects: all of one list are written at once.
public struct StagedReversals: Sendable {
    /// Ready for SQL: schema and table name.
    public let name: String

    public init(runID: Int64) { name = "trueup.staged_reversal_\(runID)" }

    var createSQL: String { "CREATE TABLE \(name) (LIKE trueup.staged_reversal) WITH (autovacuum_enabled = off);" }
    var dropSQL: String { "DROP TABLE IF EXISTS \(name);" }

    /// Puts the reversals of one account in place of what was staged of it.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    public func replace(
        _ reversals: [(facts: ReversalFacts, requestID: String)], account: String, for fence: RunFence,
        on connection: Connection
    ) async throws {
        let encoded = Self.rows(reversals, account)
        try await connection.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: RunFence.idleMillisecondsMax)
            try await connection.execute("DELETE FROM \(name) WHERE account = $1", account)
            _ = try await connection.copyIn("COPY \(name) FROM STDIN (FORMAT binary)", encoded)
            // Last, as in ``StagingTable/replace(_:account:with:for:on:)``.
            try await fence.hold(on: connection)
        }
    }

    /// Adds what was read of single payments, and leaves what is staged of them already.
    /// - Parameters:
    ///   - reversals: each names the object that it was read of.
    ///   - object: what that is: an invoice, or a payment intent.
    /// - Returns: how many of those that stand were not staged of their objects before.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    public func add(
        _ reversals: [(facts: ReversalFacts, requestID: String)], of object: ListedObject, account: String,
        for fence: RunFence, on connection: Connection
    ) async throws -> Int {
        guard !reversals.isEmpty else { return 0 }
        let column = object == .invoice ? "invoice_id" : "payment_intent"
        return try await connection.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: RunFence.idleMillisecondsMax)
            let known = try await connection.query(
                "SELECT id || ' ' || \(column) AS text FROM \(name) WHERE account = $1 AND id = ANY($2)", account,
                Array(Set(reversals.map { $0.facts.id }))
            ).compactMap { try $0["text"] as String? }
            var seen = Set(known)
            let new = reversals.filter { reversal in
                let of = object == .invoice ? reversal.facts.invoiceID : reversal.facts.paymentIntent
                return seen.insert("\(reversal.facts.id) \(of ?? "")").inserted
            }
            guard !new.isEmpty else { return 0 }
            _ = try await connection.copyIn("COPY \(name) FROM STDIN (FORMAT binary)", Self.rows(new, account))
            try await fence.hold(on: connection)
            return new.count { $0.facts.stands }
        }
    }

    private static func rows(
        _ reversals: [(facts: ReversalFacts, requestID: String)], _ account: String
    ) -> BinaryRows {
        var rows = BinaryRows()
        for (facts, requestID) in reversals {
            rows.beginRow(columns: 11)
            rows.append(account)
            rows.append(facts.id)
            rows.append(facts.kind.rawValue)
            rows.append(facts.createdSeconds)
            rows.append(facts.status)
            rows.append(facts.currency.lowercased())
            rows.append(facts.amount)
            rows.append(facts.stands)
            rows.append(facts.paymentIntent)
            rows.append(facts.invoiceID)
            rows.append(requestID)
        }
        return rows
    }

    /// SQL for the sums that stand, by payment intent: columns `payment_intent`, `refunded`, `disputed`. One that is
    /// staged of several invoices counts once.
    func byIntent(account: String) -> String {
        """
        (SELECT payment_intent, \(sum(.refund)) AS refunded, \(sum(.dispute)) AS disputed
         FROM (SELECT DISTINCT id, kind, amount, payment_intent FROM \(name)
            WHERE \(standing(account)) AND payment_intent IS NOT NULL) taken
         GROUP BY payment_intent)
        """
    }

    /// SQL for the sums that stand, by invoice: columns `invoice_id`, `refunded`, `disputed` and `is_shared`: a payment
    /// of it paid other invoices too.
    func byInvoice(account: String) -> String {
        """
        (SELECT invoice_id, \(sum(.refund)) AS refunded, \(sum(.dispute)) AS disputed,
            bool_or(first_of <> last_of) AS is_shared
         FROM (SELECT invoice_id, kind, amount, min(invoice_id) OVER (PARTITION BY id) AS first_of,
                max(invoice_id) OVER (PARTITION BY id) AS last_of FROM \(name)
            WHERE \(standing(account)) AND invoice_id IS NOT NULL) taken
         GROUP BY invoice_id)
        """
    }

    private func standing(_ account: String) -> String {
        "account = \(quoteLiteral(account)) AND stands AND kind <> 'credit_note'"
    }

    private func sum(_ kind: ReversalFacts.Kind) -> String {
        // `least` passes over NULL: without a zero, "nothing" would become all that there is.
        let sum = "coalesce(sum(amount) FILTER (WHERE kind = '\(kind.rawValue)'), 0)"
        return "least(\(sum), 9223372036854775807)::bigint"
    }
}
