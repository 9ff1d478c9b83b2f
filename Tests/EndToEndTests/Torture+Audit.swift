import PostgreSQL
import Runner
import Sandbox

// What must hold at the end, worked out from Stripe's side by hand.
extension Torture {
    private struct Row {
        var agency: Int64
        var credits: Int64
        var invoice: String?
        var paid: Bool
        var isCancelled: Bool
        var hasURL: Bool
    }

    func audit() async throws -> [String] {
        let invoices = try town.world().allInvoices()
        let rows = try await rows()
        var faults: [String] = []
        var bought: [Int64: Int64] = [:]
        for invoice in invoices {
            guard let order = invoice.metadata["order_id"].flatMap({ Int64($0) }), let row = rows[order] else {
                faults.append("\(invoice.id) names no order that is there")
                continue
            }
            if invoice.status == .paid { bought[row.agency, default: 0] += invoice.total / 20_000 }
            faults += check(invoice, row, order)
        }
        let live = Dictionary(grouping: invoices.filter { [.draft, .open, .paid].contains($0.status) }) {
            $0.metadata["order_id"] ?? ""
        }
        for (order, several) in live where several.count > 1 {
            faults.append("order \(order) has \(several.count) invoices")
        }
        faults += try await checkBalances(bought)
        let named = Set(invoices.compactMap { $0.metadata["order_id"] })
        for (order, row) in rows where row.invoice == nil && !row.isCancelled && !named.contains(String(order)) {
            faults.append("order \(order) waits for an invoice for ever")
        }
        for (order, row) in rows where row.paid && row.isCancelled {
            faults.append("order \(order) is paid and cancelled")
        }
        faults += try await checkWishes()
        faults += try await auditCharges()
        faults += try await auditNotices()
        faults += try await auditMails()
        return faults
    }

    /// An invoice and its order say the same.
    private func check(_ invoice: SandboxInvoice, _ row: Row, _ order: Int64) -> [String] {
        let what = "order \(order), \(invoice.id) \(invoice.status.rawValue)"
        guard row.invoice == invoice.id || invoice.status == .void else { return ["\(what): not linked"] }
        switch invoice.status {
        case .paid:
            if !row.paid { return ["\(what): the credits were not granted"] }
            if invoice.total != row.credits * 20_000 { return ["\(what): \(row.credits) credits for \(invoice.total)"] }
        case .open:
            if row.paid { return ["\(what): granted and not paid"] }
            if row.isCancelled { return ["\(what): cancelled, and can be paid"] }
            if !row.hasURL, isAnswered(order) { return ["\(what): nobody knows where to pay"] }
        case .void:
            if row.paid, row.invoice == invoice.id { return ["\(what): granted and void"] }
            if !row.isCancelled, row.invoice == invoice.id { return ["\(what): still waits for payment"] }
        case .draft: return ["\(what): a draft that nobody finishes is left"]
        case .uncollectible: break
        }
        return []
    }

    private func checkBalances(_ bought: [Int64: Int64]) async throws -> [String] {
        var reserved: [Int64: Int64] = [:]
        let used = try await town.query(
            """
            SELECT agency_id, sum(credits)::bigint AS credits FROM task_credit_reservation
            WHERE released_at IS NULL GROUP BY 1
            """)
        for row in used { reserved[try row["agency_id"]] = try row["credits"] }
        let balances = try await town.balances()
        return Set(Town.agencies).union(balances.keys).sorted().compactMap { agency in
            let wanted = (bought[agency] ?? 0) - (reserved[agency] ?? 0)
            let found = balances[agency] ?? 0
            return found == wanted ? nil : "agency \(agency) has \(found) credits, \(wanted) are right"
        }
    }

    /// No wish has led to two orders, and every order comes from a wish.
    private func checkWishes() async throws -> [String] {
        let orders = try await town.number("SELECT count(*) FROM task_credit_stripe_invoice")
        return orders > wishes.count ? ["\(orders) orders for \(wishes.count) wishes"] : []
    }

    private func rows() async throws -> [Int64: Row] {
        var rows: [Int64: Row] = [:]
        let found = try await town.query(
            """
            SELECT id, agency_id, credits, stripe_invoice_id, paid, cancelled_at IS NOT NULL AS cancelled,
                hosted_invoice_url IS NOT NULL AS url FROM task_credit_stripe_invoice
            """)
        for row in found {
            rows[try row["id"]] = Row(
                agency: try row["agency_id"], credits: try row["credits"], invoice: try row["stripe_invoice_id"],
                paid: try row["paid"], isCancelled: try row["cancelled"], hasURL: try row["url"])
        }
        return rows
    }
}
