import PostgreSQL
import Reconciliation
import Runner
import Sandbox

/// What happens between the signature and the next night: rows come back from yesterday's backup, so that repairs are
/// undone; a draft and payments are left lying at Stripe; and Stripe gives a status that nobody knows.
struct DemoDay {
    /// The repairs that were undone: their differences are there again.
    private(set) var undone: [ReportedFinding] = []
    /// What is new at Stripe, by id, with what it has to be found as.
    private(set) var new: [String: FindingKind] = [:]

    /// One repair of each of these kinds is undone.
    private static let kinds: [FindingKind] = [
        .missedPaid, .missedVoid, .missingInStripe, .unlinkedOrder, .missedSucceeded, .missedCanceled, .missedFailed,
        .missedFinalizedNotice,
    ]

    /// - Parameter repaired: what the night repaired.
    init(_ repaired: [ReportedFinding], _ history: DemoHistory, _ server: SandboxServer, _ pool: Pool) async throws {
        for kind in Self.kinds {
            for finding in repaired where finding.kind == kind {
                guard try await Self.restore(finding, pool) else { continue }
                undone.append(finding)
                break
            }
        }
        try leave(history, server)
    }

    /// Puts a row back to what it was before its repair.
    /// - Returns: `false` where something else became of the row since.
    private static func restore(_ finding: ReportedFinding, _ pool: Pool) async throws -> Bool {
        let order = "UPDATE task_credit_stripe_invoice SET"
        let sql: String
        switch (finding.kind, finding.comparison) {
        case (.missedPaid, .orders):
            sql = """
                WITH back AS (\(order) paid = false, paid_at = NULL WHERE id = $1 AND paid RETURNING agency_id, credits)
                UPDATE task_credit_agency_balance b SET balance = balance - back.credits FROM back
                WHERE b.agency_id = back.agency_id
                """
        case (.missedVoid, .orders), (.missingInStripe, .orders):
            sql = "\(order) cancelled_at = NULL WHERE id = $1 AND NOT paid AND cancelled_at IS NOT NULL"
        case (.unlinkedOrder, .orders) where !finding.stripeID.isEmpty:
            sql = "\(order) stripe_invoice_id = NULL WHERE id = $1 AND NOT paid AND cancelled_at IS NULL"
        case (.missedSucceeded, .charges), (.missedCanceled, .charges), (.missedFailed, .charges):
            sql = "UPDATE agency_charge SET status = 'pending', succeeded_at = NULL WHERE id = $1"
        case (.missedFinalizedNotice, .notices):
            let id = finding.stripeID
            return try await pool.withConnection {
                try await $0.execute("DELETE FROM agency_invoice_notice WHERE stripe_invoice_id = $1", id)
            } == 1
        default: return false
        }
        guard let row = Int64(finding.localID) else { return false }
        return try await pool.withConnection { try await $0.execute(sql, row) } == 1
    }

    /// What nobody will finish is ten days old.
    private static let oldSeconds: Int64 = 10 * 86_400

    private mutating func leave(_ history: DemoHistory, _ server: SandboxServer) throws {
        let (credits, medflyt) = (try server.world(of: "task_health"), try server.world(of: "medflyt"))
        let created = server.clock.nowSeconds - Self.oldSeconds
        let draft = SandboxInvoiceDraft(amount: 40_000, createdSeconds: created)
        new[try credits.insert(draft, delivery: .lost)] = .staleDraft
        for (world, amount) in [(credits, Int64(12_000)), (credits, 18_000), (medflyt, 9_500)] {
            let intent = try world.insertPaymentIntent(amount: amount, createdSeconds: created, delivery: .lost)
            new[intent] = .staleIntent
        }
        let open = history.credits.orders.lazy.filter { order in
            history.credits.plant(at: order.index) == nil && order.invoice?.status == .open
        }
        guard let invoice = open.first?.invoice?.id else { return }
        try credits.setStrangeStatus(invoice, "on_hold")
        new[invoice] = .unknownStatus
    }
}
