import Credits
import PostgreSQL
import Stripe

/// A package of credits, a row of `task_credit_order_options`.
public struct CreditPackage: Sendable, Hashable {
    public var id: Int64
    public var credits: Int64
    /// US cents.
    public var priceCents: Int64
    public var isActive: Bool

    public init(id: Int64, credits: Int64, priceCents: Int64, isActive: Bool) {
        self.id = id
        self.credits = credits
        self.priceCents = priceCents
        self.isActive = isActive
    }

    /// Why it cannot be ordered; `nil` for one that can. What is offered is what is accepted: both ask here.
    public var obstacle: String? { isActive ? priceObstacle : "it is not active" }

    /// What keeps it from being sold although it is active.
    private var priceObstacle: String? {
        let (price, overflow) = credits.multipliedReportingOverflow(by: CreditEffects.pricePerCreditCents)
        // Such an order would be paid and never granted: the comparison calls it a mismatch.
        guard credits > 0, !overflow, priceCents == price else {
            return "its price of \(priceCents) cents is not \(credits) credits at "
                + "\(CreditEffects.pricePerCreditCents) cents"
        }
        // Its invoice could not be finalized, or never be paid.
        guard price <= PaymentDraft.amountMax else {
            return "its price of \(price) cents is more than the \(PaymentDraft.amountMax) cents that Stripe takes in "
                + "one payment"
        }
        return nil
    }

    /// For an active one that cannot be sold: its id and why, for whoever keeps the table.
    public var complaint: String? {
        guard isActive, let priceObstacle else { return nil }
        return "package \(id) is active and is not offered: \(priceObstacle)"
    }

    private static let selection = """
        SELECT id::bigint AS id, coalesce(credits, 0)::bigint AS credits, coalesce(price_cents, 0)::bigint AS price,
            coalesce(active, false) AS active
        FROM public.task_credit_order_options
        """

    /// All of them, the smallest first.
    public static func all(on connection: Connection) async throws -> [CreditPackage] {
        try await connection.query("\(selection) ORDER BY credits, id").map(CreditPackage.init)
    }

    /// One of them; `nil` where there is none of this id.
    public static func find(_ id: Int64, on connection: Connection) async throws -> CreditPackage? {
        try await connection.query("\(selection) WHERE id = $1", id).first.map(CreditPackage.init)
    }

    private init(_ row: Row) throws {
        self.init(
            id: try row["id"], credits: try row["credits"], priceCents: try row["price"], isActive: try row["active"])
    }
}
