/// A finalized invoice of an agency and what the local tables know of the e-mail about it (`agency_invoice_notice`).
public struct NoticePair: Sendable, Hashable {
    public var stripe: InvoiceFacts
    /// Whether a notice was recorded.
    public var isNoticed: Bool
    /// The agency whose customer the invoice is for; `nil` where the tables do not know the customer.
    public var agencyID: Int64?
    /// Where the notice would go.
    public var email: String?

    public init(
        stripe: InvoiceFacts, isNoticed: Bool, agencyID: Int64? = nil, email: String? = nil
    ) {
        self.stripe = stripe
        self.isNoticed = isNoticed
        self.agencyID = agencyID
        self.email = email
    }
}
