import PostgreSQL
import Runner
import Sandbox

// What must hold of charges and notices at the end.
extension Torture {
    private struct Charge {
        var agency: Int64
        var amount: Int64
        var intent: String?
        var status: String
        var succeededSeconds: Int64?
    }

    func auditCharges() async throws -> [String] {
        var faults: [String] = []
        let rows = try await chargeRows()
        let intents = try town.world("medflyt").allPaymentIntents().filter { $0.invoiceID == nil }
        for intent in intents {
            guard let key = intent.metadata["charge_id"].flatMap({ Int64($0) }), let row = rows[key] else {
                faults.append("\(intent.id) names no charge that is there")
                continue
            }
            if row.intent == intent.id { faults += check(intent, row, key) }
        }
        let live = Dictionary(grouping: intents.filter { $0.status != .canceled }) { $0.metadata["charge_id"] ?? "" }
        for (charge, several) in live where several.count > 1 {
            faults.append("charge \(charge) has \(several.count) payments")
        }
        let known = Set(intents.map(\.id))
        for (key, row) in rows {
            if let intent = row.intent {
                if !known.contains(intent) { faults.append("charge \(key) names \(intent), which is not there") }
            } else if live[String(key)] != nil {
                faults.append("charge \(key) has a payment and does not name it")
            } else if row.status != "pending", row.status != "failed" {
                faults.append("charge \(key) is \(row.status) and has no payment")
            }
        }
        if rows.count > charges.count { faults.append("\(rows.count) charges for \(charges.count) wishes") }
        return faults
    }

    /// A payment and its charge say the same.
    private func check(_ intent: SandboxPaymentIntent, _ row: Charge, _ key: Int64) -> [String] {
        let what = "charge \(key), \(intent.id) \(intent.status.rawValue)"
        guard row.amount == intent.amount else { return ["\(what): \(row.amount) for \(intent.amount)"] }
        let allowed: [String] =
            switch intent.status {
            case .succeeded: ["succeeded"]
            // A charge that failed is over; what becomes of its payment then changes nothing.
            case .canceled: ["canceled", "failed"]
            case .requiresPaymentMethod: intent.isDeclined ? ["failed"] : ["pending"]
            case .requiresConfirmation, .requiresAction, .requiresCapture, .processing: ["pending", "failed"]
            }
        guard allowed.contains(row.status) else { return ["\(what): the row is \(row.status)"] }
        guard (row.status == "succeeded") == (row.succeededSeconds != nil) else {
            return ["\(what): it succeeded at \(row.succeededSeconds.map(String.init) ?? "no time")"]
        }
        return []
    }

    private func chargeRows() async throws -> [Int64: Charge] {
        var rows: [Int64: Charge] = [:]
        let found = try await town.query(
            """
            SELECT id, agency_id, amount_cents, stripe_payment_intent_id, status,
                floor(extract(epoch FROM succeeded_at))::bigint AS succeeded FROM agency_charge
            """)
        for row in found {
            rows[try row["id"]] = Charge(
                agency: try row["agency_id"], amount: try row["amount_cents"],
                intent: try row["stripe_payment_intent_id"], status: try row["status"],
                succeededSeconds: try row["succeeded"])
        }
        return rows
    }

    /// Every invoice that an agency was to be told of is one row and one mail.
    func auditNotices() async throws -> [String] {
        let rows = try await town.query("SELECT stripe_invoice_id AS id FROM agency_invoice_notice")
        let noticed = Set(try rows.map { try $0["id"] as String })
        var mails: [String: Int64] = [:]
        for row in try await town.query(
            "SELECT about->>'notice' AS id, count(*) AS mails FROM trueup.outbox WHERE about ? 'notice' GROUP BY 1")
        {
            mails[try row["id"]] = try row["mails"]
        }
        var faults: [String] = []
        for invoice in try town.world("medflyt").allInvoices() {
            let what = "\(invoice.id) \(invoice.status.rawValue)"
            let count = mails[invoice.id] ?? 0
            if count > 1 { faults.append("\(what): \(count) mails") }
            if noticed.contains(invoice.id) != (count > 0) { faults.append("\(what): a mail without notice, or none") }
            switch invoice.status {
            case .draft: if count > 0 { faults.append("\(what): a mail about a draft") }
            case .open, .paid, .uncollectible: if count == 0 { faults.append("\(what): nobody was told") }
            case .void: break
            }
        }
        return faults
    }

    /// Stripe was asked to mail every invoice of an order that is still to be paid, and has mailed none twice.
    func auditMails() async throws -> [String] {
        let states = try await town.query("SELECT stripe_invoice_id AS id, state FROM trueup.invoice_mail")
        var mailed: [String: String] = [:]
        for row in states { mailed[try row["id"]] = try row["state"] }
        let sends = Set(
            town.server.statistics.log.filter { $0.method == "POST" && $0.path.hasSuffix("/send") }
                .compactMap { $0.path.split(separator: "/").dropLast().last.map(String.init) })
        let byHand = with { $0.byHand }
        let mails = Dictionary(grouping: try await town.events(of: "task_health", type: "invoice.sent"), by: \.objectID)
        let twice = mails.filter { $0.value.count > 1 && !byHand.contains($0.key) }.keys.sorted()
        let ours = try town.world().allInvoices().filter { $0.status == .open && !byHand.contains($0.id) }
        let missing = ours.compactMap { invoice -> String? in
            let state = mailed[invoice.id] ?? "not noted"
            return state == "sent" && sends.contains(invoice.id) ? nil : "\(invoice.id) is not mailed: \(state)"
        }
        return twice.map { "\($0) is mailed twice" } + missing
    }
}
