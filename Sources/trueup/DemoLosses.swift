import Reconciliation
import Runner
import Sandbox

/// Webhooks that get lost after the night: what happens at Stripe meanwhile, and what replaying its events has to make
/// up for. Half of the events are still listed as undelivered; the others were answered 2xx and then failed.
struct DemoLosses {
    /// One class of what happens.
    private struct Event: Hashable {
        let account: String
        let words: String
        let kind: FindingKind
    }

    private let events: [Event] = [
        Event(account: "task_health", words: "credit invoices are paid", kind: .missedPaid),
        Event(account: "task_health", words: "credit invoices are voided", kind: .missedVoid),
        Event(account: "medflyt", words: "charges succeed", kind: .missedSucceeded),
        Event(account: "medflyt", words: "charges are canceled", kind: .missedCanceled),
        Event(account: "medflyt", words: "agency invoices are finalized", kind: .missedFinalizedNotice),
    ]
    /// The kind of each object's loss.
    private var kinds: [String: FindingKind] = [:]
    /// The credits of the paid invoices, by agency.
    private(set) var grants: [Int64: Int64] = [:]

    /// So long after the night it is when the events are replayed, in seconds: a notice may take an hour.
    static let pauseSeconds: Int64 = 2 * 3_600

    /// Lets it happen in the stand-in, and time pass.
    init(_ history: DemoHistory, _ server: SandboxServer) throws {
        try loseInvoices(history.credits, try server.world(of: "task_health"))
        let medflyt = try server.world(of: "medflyt")
        try loseCharges(history.charges, medflyt)
        try loseNotices(history.charges, medflyt)
        server.clock.advance(bySeconds: Self.pauseSeconds)
    }

    private func delivery(_ number: Int) -> SandboxDelivery { number.isMultiple(of: 2) ? .undelivered : .delivered }

    private mutating func loseInvoices(_ history: CreditHistory, _ world: World) throws {
        let open = history.orders.reversed().lazy.filter { order in
            history.plant(at: order.index) == nil && order.invoice?.status == .open
        }
        for (number, order) in open.prefix(9).enumerated() {
            guard let invoice = order.invoice else { continue }
            if number < 6 {
                try world.pay(invoice.id, delivery: delivery(number))
                kinds[invoice.id] = .missedPaid
                grants[order.agencyID, default: 0] += order.credits
            } else {
                try world.void(invoice.id, delivery: delivery(number))
                kinds[invoice.id] = .missedVoid
            }
        }
    }

    private mutating func loseCharges(_ history: AgencyHistory, _ world: World) throws {
        let open = history.charges.reversed().lazy.filter { charge in
            charge.plant == nil && charge.row?.status == "pending" && charge.intent?.status == .requiresPaymentMethod
        }
        for (number, charge) in open.prefix(7).enumerated() {
            guard let intent = charge.intent else { continue }
            if number < 5 {
                try world.succeed(paymentIntent: intent.id, delivery: delivery(number))
                kinds[intent.id] = .missedSucceeded
            } else {
                try world.cancel(paymentIntent: intent.id, delivery: delivery(number))
                kinds[intent.id] = .missedCanceled
            }
        }
    }

    private mutating func loseNotices(_ history: AgencyHistory, _ world: World) throws {
        for agency in 1...3 {
            let draft = SandboxInvoiceDraft(
                amount: 12_500, customerID: history.customerID(ofAgency: Int64(agency)), daysUntilDue: 30)
            let id = try world.insert(draft)
            try world.finalize(id, delivery: delivery(agency))
            kinds[id] = .missedFinalizedNotice
        }
    }

    /// Lost, found and repaired as text; differences are noted as failures. Whatever else the replay sees must be what
    /// the night left to a person.
    /// - Parameter known: objects that the demo left at Stripe for a person.
    func table(_ result: RunResult, _ check: inout DemoCheck, known: Set<String>) -> String {
        var found: [FindingKind: Set<String>] = [:]
        var repaired: [FindingKind: Set<String>] = [:]
        for finding in result.findings {
            if kinds[finding.stripeID] == finding.kind {
                found[finding.kind, default: []].insert(finding.stripeID)
                if finding.closedHow == .repaired { repaired[finding.kind, default: []].insert(finding.stripeID) }
                continue
            }
            if known.contains(finding.stripeID), finding.closedHow != .repaired { continue }
            let place = check.plantings.place(of: finding)
            if place.map(check.left.contains) != true || finding.closedHow == .repaired {
                check.fail("replay: \(DemoCheck.words(finding)) was not left by the night: \(finding.explanation)")
            }
        }
        var table = TextTable(
            headings: ["   account", "lost", "finding", "lost", "found", "repaired", ""], rightAligned: [3, 4, 5])
        for event in events {
            let (lost, f) = (kinds.values.count { $0 == event.kind }, found[event.kind]?.count ?? 0)
            let r = repaired[event.kind]?.count ?? 0
            let isRight = lost > 0 && f == lost && r == lost
            if !isRight { check.fail("replay: \(lost) \(event.words), \(f) were found and \(r) repaired") }
            table.rows.append([
                "   " + event.account, event.words, event.kind.rawValue, String(lost), String(f), String(r),
                isRight ? "✓" : "✗",
            ])
        }
        return table.lines.joined(separator: "\n")
    }
}
