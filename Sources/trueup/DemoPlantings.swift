import Reconciliation
import Runner
import Sandbox
import Store

/// Everything that was planted, class by class, with the objects and rows that it is about. What is expected follows
/// from the histories alone.
struct DemoPlantings: Sendable {
    /// One class of deviations on one account.
    struct Group: Sendable {
        let account: String
        /// The state in Stripe, then the local state.
        let name: String
        /// The kind of finding that it leads to; `nil`: it only looks wrong, and nothing may be said of it.
        let kind: String?
        let planted: Int
        /// How many findings have to come of it.
        let found: Int
        /// How many of them a night has to repair; the others are left to a person.
        let repaired: Int
    }

    /// One planting, or one half of a duplicate.
    struct Place: Sendable, Hashable {
        let group: Int
        let what: String
    }

    private(set) var groups: [Group] = []
    /// The plantings of an object or a row.
    private var places: [String: [Place]] = [:]

    init(_ history: DemoHistory) {
        addOrders(history.credits)
        addPayments(history.credits)
        addCharges(history.charges)
        addDrafts(history.charges)
        addNotices("medflyt", history.charges.unnoticedInvoiceIDs)
        addNotices("default", history.patients.unnoticedInvoiceIDs)
        addPatients(history.patients)
    }

    /// What a finding is about; `nil` where nothing of its kind was planted.
    func place(of finding: ReportedFinding) -> Place? {
        let row = Self.row(finding.comparison, finding.localID)
        for key in [finding.stripeID, row] {
            for place in places["\(finding.account) \(key)"] ?? [] where kind(of: place) == finding.kind.rawValue {
                let group = groups[place.group]
                // Each half of a duplicate is a finding of its own.
                return group.found == group.planted
                    ? place : Place(group: place.group, what: "\(finding.stripeID) \(row)")
            }
        }
        return nil
    }

    private func kind(of place: Place) -> String? { groups[place.group].kind }

    private static func row(_ comparison: ComparisonName, _ id: String) -> String { "\(comparison.localNoun) \(id)" }

    /// - Parameter keys: of each planting the ids and rows by which a finding may name it.
    private mutating func add(_ group: Group, _ keys: [[String]]) {
        for words in keys {
            let place = Place(group: groups.count, what: words[0])
            for word in words { places["\(group.account) \(word)", default: []].append(place) }
        }
        groups.append(group)
    }

    private mutating func addOrders(_ history: CreditHistory) {
        var keys: [Plant: [[String]]] = [:]
        for index in 0..<history.count {
            guard let plant = history.plant(at: index) else { continue }
            let order = history.order(at: index)
            let row = order.row.map { Self.row(.orders, String($0.id)) }
            keys[plant, default: []].append([order.invoice?.id, row].compactMap(\.self))
        }
        for plant in Plant.allCases + Plant.afterPayment + Plant.eventsOnly {
            guard let planted = history.plants[plant] else { continue }
            let found = planted * plant.findings
            // Nobody waits for a draft without an order: the comparison leaves it to the expiry.
            let isRepaired = plant.action == .apply || plant == .draftStaleAbsent
            add(
                Group(
                    account: "task_health", name: plant.rawValue, kind: plant.kind, planted: planted, found: found,
                    repaired: isRepaired ? found : 0), keys[plant] ?? [])
        }
    }

    private mutating func addPayments(_ history: CreditHistory) {
        for plant in PaymentPlant.allCases {
            guard let planted = history.payments[plant] else { continue }
            let found = planted * plant.findings
            let intents: [SandboxPaymentIntent] = history.plantedIntents[plant] ?? []
            let keys = intents.map { intent -> [String] in
                // Of two payments of one invoice the first is no planting, and is found by its order.
                let order = plant == .paidTwice ? intent.metadata["order_id"] : nil
                return [intent.id] + (order.map { [Self.row(.payments, $0)] } ?? [])
            }
            add(
                Group(
                    account: "task_health", name: "payment_" + plant.rawValue, kind: plant.kind, planted: planted,
                    found: found, repaired: plant.action == .apply ? found : 0), keys)
        }
    }

    private mutating func addCharges(_ history: AgencyHistory) {
        var keys: [ChargePlant: [[String]]] = [:]
        for index in 0..<history.count {
            guard let plant = history.plant(at: index) else { continue }
            let charge = history.charge(at: index)
            keys[plant, default: []].append([
                history.paymentIntentID(at: index), Self.row(.charges, String(charge.chargeID)),
            ])
        }
        for plant in ChargePlant.allCases + ChargePlant.eventsOnly {
            guard let planted = history.plants[plant] else { continue }
            let found = plant.kind == nil ? 0 : planted
            add(
                Group(
                    account: "medflyt", name: plant.rawValue, kind: plant.kind, planted: planted, found: found,
                    repaired: plant.action == .apply ? found : 0), keys[plant] ?? [])
        }
    }

    private mutating func addDrafts(_ history: AgencyHistory) {
        let drafts = history.staleDraftIDs
        add(
            Group(
                account: "medflyt", name: "draft_stale", kind: FindingKind.staleDraft.rawValue, planted: drafts.count,
                found: drafts.count, repaired: drafts.count), drafts.map { [$0] })
    }

    private mutating func addNotices(_ account: String, _ invoices: [String]) {
        add(
            Group(
                account: account, name: "finalized_unnoticed", kind: FindingKind.missedFinalizedNotice.rawValue,
                planted: invoices.count, found: invoices.count, repaired: invoices.count), invoices.map { [$0] })
    }

    private mutating func addPatients(_ history: PatientHistory) {
        for plant in PatientPlant.allCases {
            guard let planted = history.plants[plant] else { continue }
            add(
                Group(
                    account: "default", name: plant.rawValue, kind: plant.kind, planted: planted,
                    found: plant.kind == nil ? 0 : planted, repaired: 0),
                (history.plantedIDs[plant] ?? []).map { [$0] })
        }
    }
}
