import Reconciliation

enum OpenItemsSheet {
    static func columns(_ zone: String) -> [Column] {
        [
            Column("item_id", "Item id", .id, 18), Column("agency_id", "Agency id", .id, 12),
            Column("agency", "Agency", .text, 28), Column("kind", "Kind", .text, 20),
            Column("explanation", "Explanation", .text, 60), Column("account", "Account", .text, 14),
            Column("stripe_invoice", "Stripe invoice", .id, 30), Column("payment_intent", "Payment intent", .id, 30),
            Column("local_row", "Local row", .id, 12), Column("stripe_amount", "Stripe amount", .money, 16),
            Column("local_amount", "Local amount", .money, 16), Column("difference", "Difference", .money, 16),
            Column("currency", "Currency", .text, 10), Column("credits", "Credits", .credits, 11),
            Column("credits_effect", "Effect (credits)", .credits, 14),
            Column("stripe_status", "Stripe status", .text, 14), Column("local_status", "Local status", .text, 13),
            Column("paid_at", "Paid at (\(zone))", .time, 18), Column("first_seen", "First seen (\(zone))", .time, 18),
            Column("age_days", "Age (days)", .count, 11), Column("bucket", "Bucket", .text, 10),
            Column("runs_seen", "Runs seen", .count, 10), Column("owner", "Owner", .text, 18),
            Column("state", "State", .text, 15), Column("note", "Note", .text, 40),
            Column("proposed_repair", "Proposed repair", .text, 40),
        ]
    }

    static func sheet(_ report: DiscrepancyReport, _ items: [ReportItem]) -> Sheet {
        let cutOff = report.statement.cutOff.seconds
        let links = LinkMaker(report.accounts)
        return Sheet("open_items", "Open items", columns(report.zone.name), items) { item in
            row(item, cutOffSeconds: cutOff, links)
        }
    }

    private static func row(_ item: ReportItem, cutOffSeconds: Int64, _ links: LinkMaker) -> [Cell] {
        let core = item.item
        let days = Aging.days(sinceSeconds: core.sinceSeconds, cutOffSeconds: cutOffSeconds)
        return [
            .id(core.id), .id(core.agencyID), .text(item.agency), .text(core.kind.rawValue), .text(item.explanation),
            .text(item.account), links.cell(item.stripeInvoice, item.account),
            links.cell(item.paymentIntent, item.account), .id(item.localRow), .money(item.stripeAmount),
            .money(item.localAmount), .money(item.difference),
            item.currencies.isEmpty ? .empty : .text(item.currencies), .credits(item.credits),
            .credits(core.creditsEffect), .text(item.stripeStatus), .text(item.localStatus),
            .time(item.paidAtSeconds), .time(item.firstSeenSeconds), .count(days),
            .text(AgingBucket(days: days).label), .count(item.runsSeen), .text(item.owner), .text(item.state.rawValue),
            .text(item.note), .text(item.proposedRepair),
        ]
    }
}

/// What each open item that explains adds to the local side in money: one row for each item and currency. Added up
/// by part and currency, they are what the statement calls explained.
enum ItemEffectsSheet {
    static let columns = [
        Column("item_id", "Item id", .id, 18), Column("agency_id", "Agency id", .id, 12),
        Column("agency", "Agency", .text, 28), Column("kind", "Kind", .text, 20), Column("part", "Part", .text, 10),
        Column("effect", "Effect", .money, 18), Column("currency", "Currency", .text, 10),
    ]

    static func sheet(_ items: [ReportItem]) -> Sheet {
        let rows = items.filter(\.item.explains).flatMap { item in
            item.item.amountEffects.map { effect in
                [
                    Cell.id(item.item.id), .id(item.item.agencyID), .text(item.agency), .text(item.item.kind.rawValue),
                    .text(item.item.scope.rawValue), .money(effect), .text(effect.currency.uppercased()),
                ]
            }
        }
        return Sheet("item_effects", "Item effects", columns, rows) { $0 }
    }
}

/// Ids as links to the dashboard of the account that they belong to.
struct LinkMaker: Sendable {
    private let accounts: [String: ReportAccount]

    init(_ accounts: [ReportAccount]) {
        self.accounts = Dictionary(accounts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func cell(_ id: String?, _ account: String) -> Cell {
        guard let id else { return .empty }
        guard let account = accounts[account],
            let url = StripeLink.url(id, account: account.stripeID, isLive: account.isLive)
        else { return .id(id) }
        return .link(id: id, url: url)
    }
}

enum ResolvedSheet {
    static func columns(_ zone: String) -> [Column] {
        [
            Column("item_id", "Item id", .id, 18), Column("agency_id", "Agency id", .id, 12),
            Column("agency", "Agency", .text, 28), Column("kind", "Kind", .text, 20),
            Column("amount", "Amount", .money, 16), Column("currency", "Currency", .text, 10),
            Column("credits", "Credits", .credits, 12), Column("closed_at", "Closed at (\(zone))", .time, 18),
            Column("how", "How", .text, 20), Column("by", "By", .text, 20), Column("plan", "Plan", .id, 24),
            Column("in_last_report", "In the last report", .text, 16),
        ]
    }

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let rows = report.resolved.sorted {
            ($0.closedSeconds ?? .max, $0.id) < ($1.closedSeconds ?? .max, $1.id)
        }
        return Sheet("resolved", "Resolved", columns(report.zone.name), rows) { item in
            [
                .id(item.id), .id(item.agencyID), .text(item.agency), .text(item.kind.rawValue), .money(item.amount),
                .text(item.amount?.currency.uppercased()), .credits(item.credits), .time(item.closedSeconds),
                .text(item.how), .text(item.by), .id(item.plan), .text(item.wasStated ? "yes" : "no"),
            ]
        }
    }
}

enum ChangedSheet {
    static let columns = [
        Column("item", "Item", .id, 18), Column("field", "Field", .text, 44), Column("then", "Then", .mixed, 18),
        Column("now", "Now", .mixed, 18), Column("difference", "Difference", .mixed, 18),
        Column("unit", "Unit", .text, 10), Column("note", "Note", .text, 30),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let rows = report.changedSinceSignOff.sorted {
            ($0.item, $0.field, $0.now.text, $0.note) < ($1.item, $1.field, $1.now.text, $1.note)
        }
        return Sheet("changed_since_sign_off", "Changed since sign-off", columns, rows) { change in
            [
                .id(change.item), .text(change.field), cell(change.then), cell(change.now), cell(change.difference),
                .text(change.now.unit), change.note.isEmpty ? .empty : .text(change.note),
            ]
        }
    }

    /// A number with its unit, not words: a sheet adds it up.
    private static func cell(_ figure: SignedFigure?) -> Cell {
        guard let figure else { return .empty }
        switch figure {
        case .credits(let credits): return .credits(credits)
        case .money(let money): return .money(money)
        }
    }
}

enum RepairsSheet {
    static func columns(_ zone: String) -> [Column] {
        [
            Column("plan", "Plan", .id, 24), Column("action", "Action", .text, 30),
            Column("before", "Before", .text, 40), Column("after", "After", .text, 40),
            Column("requested_by", "Requested by", .text, 20), Column("approved_by", "Approved by", .text, 20),
            Column("applied_at", "Applied at (\(zone))", .time, 18), Column("outcome", "Outcome", .text, 24),
        ]
    }

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let rows = report.repairs.sorted { one, other in
            let times = (one.appliedSeconds ?? .max, other.appliedSeconds ?? .max)
            if times.0 != times.1 { return times.0 < times.1 }
            return (one.plan, one.action, one.before, one.after) < (other.plan, other.action, other.before, other.after)
        }
        return Sheet("repairs", "Repairs", columns(report.zone.name), rows) { repair in
            [
                .id(repair.plan), .text(repair.action), .text(repair.before), .text(repair.after),
                .text(repair.requestedBy), .text(repair.approvedBy), .time(repair.appliedSeconds),
                .text(repair.outcome),
            ]
        }
    }
}
