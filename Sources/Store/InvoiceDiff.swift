import PostgreSQL
import Reconciliation

/// The set-based comparison (DESIGN section 2, step 5): PostgreSQL joins staged invoices and local rows in one
/// REPEATABLE READ, READ ONLY snapshot and returns only the pairs that may differ; ``InvoiceRules`` judges them.
///
/// The conditions here must never call a pair equal that the rules call a difference; the tests hold the two against
/// each other.
public struct InvoiceDiff: JoinedDiff {
    let staged: StagingTable
    let reversals: StagedReversals
    let table: OrderTable
    let account: String
    let period: Window
    let rules: InvoiceRules
    /// A row this young may still get its Stripe id.
    let settleSeconds: Int64
    /// Open rows are compared whatever their age; else only those of the period.
    let ofAnyAge: Bool
    let candidatesMax: Int

    /// - Parameter candidatesMax: how many objects, and how many rows, that may differ are held until they are looked
    ///   up; where there are more, both sides are joined once more for each kind of difference.
    public init(
        staged: StagingTable, reversals: StagedReversals, table: OrderTable, account: String, period: Window,
        rules: InvoiceRules,
        settleSeconds: Int64, ofAnyAge: Bool = true, candidatesMax: Int = 50_000
    ) {
        self.staged = staged
        self.reversals = reversals
        self.table = table
        self.account = account
        self.period = period
        self.rules = rules
        self.settleSeconds = settleSeconds
        self.ofAnyAge = ofAnyAge
        self.candidatesMax = candidatesMax
    }

    /// Those of these invoices that are not staged: they have to be read by id.
    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }
}
