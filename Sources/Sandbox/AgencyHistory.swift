/// The seeded history of what agencies are charged: payment intents in Stripe and rows of `agency_charge` side by side,
/// with a known number of deviations planted. Unplanted charges agree on both sides. The account also holds invoices
/// of agencies, whose intents belong to them and to no charge, and the record of the notices about them.
///
/// Nothing is kept but the plantings: every object is made from the seed and its index, in constant time.
///
/// ```swift
/// let history = try AgencyHistory(
///     seed: 1, charges: 8_000, agencies: 212, nowSeconds: now, plants: [.succeededPending: 12, .staleOpen: 5])
/// for row in history.localRows { /* COPY into agency_charge */ }
/// let account = SandboxAccount.medflyt(history: .agency(history))
/// ```
public struct AgencyHistory: Sendable {
    /// What everything is drawn from.
    public let seed: UInt64
    /// How many charges there are.
    public let count: Int
    /// How many invoices the agencies got on this account.
    public let invoices: Int
    /// How many agencies there are.
    public let agencyCount: Int
    /// The moment that ages are counted from; the sandbox's clock has to start here.
    public let nowSeconds: Int64
    /// The job's `stale_after`.
    public let staleAfterSeconds: Int64
    /// The job's `look_back`.
    public let lookBackSeconds: Int64
    /// The account whose ids the rows carry.
    public let accountID: String
    /// The name of the account in `agency_invoice_notice`.
    public let accountName: String
    /// What was planted.
    public let plants: [ChargePlant: Int]
    let space: IDSpace
    let timeline: Timeline
    private let plantings: [Int: Planting]
    /// The invoices of the agencies.
    let billing: AgencyInvoices

    typealias Planting = IntentPlanting<ChargePlant>

    /// How far back the charges reach.
    public static let lengthSeconds: Int64 = 400 * 86_400

    /// - Parameters:
    ///   - seed: that of the other histories, where they are loaded into one database: the agencies and their
    ///     customers follow from it.
    ///   - charges: how many charges, spread over 400 days.
    ///   - agencies: how many agencies are charged; the same ids as in a ``CreditHistory`` of as many.
    ///   - invoices: how many invoices the account holds besides; `nil` for a tenth of the charges.
    ///   - missedNotices: how many finalized invoices have no notice.
    ///   - plants: how many of each deviation.
    /// - Throws: ``AgencyHistoryError`` when there is not enough room of the right age for a planting.
    public init(
        seed: UInt64, charges: Int, agencies: Int, nowSeconds: Int64, invoices: Int? = nil, missedNotices: Int = 0,
        staleAfterSeconds: Int64 = 7 * 86_400, lookBackSeconds: Int64 = 35 * 86_400,
        accountID: String = SandboxAccount.medflyt().accountID, accountName: String = "medflyt",
        plants: [ChargePlant: Int] = [:]
    ) throws(AgencyHistoryError) {
        guard charges >= 0, agencies > 0, missedNotices >= 0, invoices ?? 0 >= 0 else {
            throw AgencyHistoryError("a history needs at least one agency and no negative number of anything")
        }
        guard staleAfterSeconds >= 5 * 86_400, lookBackSeconds >= staleAfterSeconds + 3 * 86_400,
            lookBackSeconds <= 200 * 86_400
        else {
            throw AgencyHistoryError("stale_after must be at least 5 days, look_back 3 days more, and at most 200 days")
        }
        self.seed = seed
        count = charges
        self.invoices = invoices ?? charges / 10
        agencyCount = agencies
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
        self.lookBackSeconds = lookBackSeconds
        self.accountID = accountID
        self.accountName = accountName
        self.plants = plants.filter { $0.value > 0 }
        space = IDSpace(seed: seed, accountID: accountID)
        timeline = Timeline(
            count: Int64(charges), fromSeconds: nowSeconds - Self.lengthSeconds, toSeconds: nowSeconds - 600,
            skew: .even, seed: seed ^ 0xA6E)
        var bed = IntentBed<ChargePlant>(
            timeline: timeline, nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds,
            lookBackSeconds: lookBackSeconds, lengthSeconds: Self.lengthSeconds,
            draw: SeededDraw(seed: seed, 0xC4A26E))
        for plant in ChargePlant.allCases + ChargePlant.eventsOnly {
            for number in 0..<(self.plants[plant] ?? 0) where !bed.place(plant, number, plant.age(number)) {
                throw AgencyHistoryError(
                    "there are not enough charges of the right age for every planted \(plant.rawValue); add charges "
                        + "or plant fewer")
            }
        }
        plantings = bed.plantings
        billing = try AgencyInvoices(
            seed: seed, count: self.invoices, agencyCount: agencies, nowSeconds: nowSeconds,
            lengthSeconds: Self.lengthSeconds, lookBackSeconds: lookBackSeconds, missedNotices: missedNotices,
            accountName: accountName, space: space)
    }

    func planting(_ index: Int) -> Planting? { plantings[index] }

    /// What was planted at an index; `nil` where both sides agree.
    public func plant(at index: Int) -> ChargePlant? { plantings[index]?.plant }

    var plantedIndices: [Int] { plantings.keys.sorted() }

    /// How many findings of each kind a complete run of the charges has to make.
    public var expected: [String: Int] { counts { _ in true } }

    /// How many of them a run repairs by itself.
    public var expectedRepairs: [String: Int] { counts { $0.action == .apply } }

    /// How many finalized invoices have no notice: `missed_finalized_notice` of the job of the agencies' invoices.
    public var expectedMissedNotices: Int { billing.unnoticed.count }

    private func counts(where isCounted: (ChargePlant) -> Bool) -> [String: Int] {
        var counts: [String: Int] = [:]
        for (plant, number) in plants where isCounted(plant) {
            if let kind = plant.kind { counts[kind, default: 0] += number }
        }
        return counts
    }
}

/// A history that cannot be made.
public struct AgencyHistoryError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}
