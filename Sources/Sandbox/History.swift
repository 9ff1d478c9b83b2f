/// What an account holds before anybody changes it.
public enum SandboxHistory: Sendable {
    /// Nothing.
    case empty
    /// Invoices and payment intents of every state, in the proportions of a real account.
    case plain(
        seed: UInt64, invoices: Int, paymentIntents: Int, fromSeconds: Int64, toSeconds: Int64,
        skew: SandboxSkew = .even)
    /// The credit orders of Task Health.
    case credits(CreditHistory)
    /// The charges of agencies, and their invoices.
    case agency(AgencyHistory)
    /// The payments of patients, and invoices of agencies.
    case patients(PatientHistory)
}

/// Objects made from a seed and an index, never kept. Indices are ordered by creation time.
protocol GeneratedHistory: Sendable {
    var seed: UInt64 { get }
    var invoiceCount: Int64 { get }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64
    /// The invoice with everything that ever happens to it, also in the future.
    func invoice(_ index: Int64) -> InvoiceRecord
    func invoiceFate(_ index: Int64) -> InvoiceFate
    /// How long after its creation an invoice is finalized, if ever. The same for all, so that the payment intents
    /// of the invoices are ordered as the invoices are.
    var finalizeDelaySeconds: Int64 { get }
    /// No invoice changes later than this after its creation, except those of ``longLivedInvoices``.
    var longestLifeSeconds: Int64 { get }
    var longLivedInvoices: [Int64] { get }
    var intentCount: Int64 { get }
    func intentCreatedSeconds(_ index: Int64) -> Int64
    func intent(_ index: Int64) -> IntentRecord
    /// Whether the index stands for an intent at all.
    func hasIntent(_ index: Int64) -> Bool
    /// Intents that change more than ``longestLifeSeconds`` after their creation.
    var longLivedIntents: [Int64] { get }
    var customerCount: Int64 { get }
    func customer(_ index: Int64) -> CustomerRecord
    /// Whether the webhook of what ended this invoice never arrived.
    func isUndelivered(invoice index: Int64) -> Bool
    /// Whether the webhook of what ended this intent never arrived.
    func isUndelivered(intent index: Int64) -> Bool
    /// Whether the webhook of the finalization of this invoice never arrived.
    func isUndelivered(finalizationOf index: Int64) -> Bool
    /// The intents of their own that pay an invoice besides that invoice's own intent, in order.
    var otherInvoiceIntents: [Int64] { get }
    /// The ids of the objects on that account.
    func space(accountID: String) -> IDSpace
}

extension GeneratedHistory {
    func hasIntent(_ index: Int64) -> Bool { true }
    var longLivedIntents: [Int64] { [] }
    func isUndelivered(intent index: Int64) -> Bool { false }
    func isUndelivered(finalizationOf index: Int64) -> Bool { false }
    var otherInvoiceIntents: [Int64] { [] }
    func space(accountID: String) -> IDSpace { IDSpace(seed: seed, accountID: accountID) }
}

/// Whether a generated invoice can be seen.
enum InvoiceFate: Sendable {
    case exists
    /// A draft that was deleted then.
    case deleted(seconds: Int64)
    /// The index stands for no invoice at all.
    case never
}

/// An account in which nothing has happened yet.
struct EmptyHistory: GeneratedHistory {
    var seed: UInt64 { 0 }
    var invoiceCount: Int64 { 0 }
    func invoiceCreatedSeconds(_ index: Int64) -> Int64 { 0 }
    func invoice(_ index: Int64) -> InvoiceRecord { InvoiceRecord(index: index, hash: 0, createdSeconds: 0) }
    func invoiceFate(_ index: Int64) -> InvoiceFate { .never }
    var finalizeDelaySeconds: Int64 { 0 }
    var longestLifeSeconds: Int64 { 0 }
    var longLivedInvoices: [Int64] { [] }
    var intentCount: Int64 { 0 }
    func intentCreatedSeconds(_ index: Int64) -> Int64 { 0 }
    func intent(_ index: Int64) -> IntentRecord {
        IntentRecord(kind: .intent, index: index, hash: 0, createdSeconds: 0, amount: 0)
    }
    var customerCount: Int64 { 0 }
    func customer(_ index: Int64) -> CustomerRecord { CustomerRecord(index: index, createdSeconds: 0, hash: 0) }
    func isUndelivered(invoice index: Int64) -> Bool { false }
}
