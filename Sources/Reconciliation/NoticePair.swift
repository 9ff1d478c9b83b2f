/// A finalized invoice of an agency and what the local tables know of the e-mail about it (`agency_invoice_notice`).
public struct NoticePair: Sendable, Hashable {
    public var stripe: InvoiceFacts
    /// Whether a notice was recorded.
    public var isNoticed: Bool
    /// The agency whose customer the invoice is for; `nil` where the tables do not know the customer.
    public var agencyID: Int64?
    /// How many agencies have this customer: with more than one, nobody knows whom to tell.
    public var agencies: Int
    /// Where the notice would go.
    public var email: String?

    public init(
        stripe: InvoiceFacts, isNoticed: Bool, agencyID: Int64? = nil, agencies: Int = 1,
        email: String? = nil
    ) {
        self.stripe = stripe
        self.isNoticed = isNoticed
        self.agencyID = agencyID
        self.agencies = agencies
        self.email = email
    }
}
