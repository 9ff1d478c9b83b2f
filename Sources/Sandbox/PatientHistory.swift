/// The seeded history of what patients pay: payment intents of customers that `stripe_customer_patient_assoc` knows,
/// with a known number of payments planted that nobody explains. The account also holds invoices that agencies get by
/// themselves, and the record of the notices about them.
///
/// Nothing is kept but the plantings: every object is made from the seed and its index, in constant time.
///
/// ```swift
/// let history = try PatientHistory(
///     seed: 1, payments: 8_000, agencies: 212, nowSeconds: now, missedNotices: 5, plants: [.unknownSucceeded: 3])
/// for row in history.customers { /* COPY into stripe_customer_patient_assoc */ }
/// let account = SandboxAccount.default(history: .patients(history))
/// ```
public struct PatientHistory: Sendable {
    /// What everything is drawn from.
    public let seed: UInt64
    /// How many payments there are.
    public let count: Int
    /// How many patients pay.
    public let patientCount: Int
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
    public let plants: [PatientPlant: Int]
    let space: IDSpace
    let timeline: Timeline
    /// The invoices of the agencies.
    let billing: AgencyInvoices
    private let plantings: [Int: IntentPlanting<PatientPlant>]
    /// The places whose payer no row knows: each has a customer of its own.
    let strangers: [Int]

    /// How far back the payments reach.
    public static let lengthSeconds: Int64 = 400 * 86_400

    /// - Parameters:
    ///   - seed: that of the other histories, where they are loaded into one database: the agencies and their
    ///     customers follow from it.
    ///   - payments: how many payments, spread over 400 days.
    ///   - agencies: how many agencies there are; the same ids as in an ``AgencyHistory`` of as many.
    ///   - invoices: how many invoices the account holds besides; `nil` for a tenth of the payments.
    ///   - missedNotices: how many finalized invoices have no notice.
    ///   - plants: how many of each planted payment.
    /// - Throws: ``AgencyHistoryError`` when there is not enough room of the right age for a planting.
    public init(
        seed: UInt64, payments: Int, agencies: Int, nowSeconds: Int64, invoices: Int? = nil, missedNotices: Int = 0,
        staleAfterSeconds: Int64 = 7 * 86_400, lookBackSeconds: Int64 = 35 * 86_400,
        accountID: String = SandboxAccount.default().accountID, accountName: String = "default",
        plants: [PatientPlant: Int] = [:]
    ) throws(AgencyHistoryError) {
        guard payments >= 0, agencies > 0, missedNotices >= 0, invoices ?? 0 >= 0 else {
            throw AgencyHistoryError("a history needs at least one agency and no negative number of anything")
        }
        guard staleAfterSeconds >= 5 * 86_400, lookBackSeconds >= staleAfterSeconds + 3 * 86_400,
            lookBackSeconds <= 200 * 86_400
        else {
            throw AgencyHistoryError("stale_after must be at least 5 days, look_back 3 days more, and at most 200 days")
        }
        self.seed = seed
        count = payments
        patientCount = 1 + payments / 4
        self.invoices = invoices ?? payments / 10
        agencyCount = agencies
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
        self.lookBackSeconds = lookBackSeconds
        self.accountID = accountID
        self.accountName = accountName
        self.plants = plants.filter { $0.value > 0 }
        space = Self.space(seed, accountID)
        timeline = Timeline(
            count: Int64(payments), fromSeconds: nowSeconds - Self.lengthSeconds, toSeconds: nowSeconds - 600,
            skew: .even, seed: seed ^ 0x9A71E27)
        var bed = IntentBed<PatientPlant>(
            timeline: timeline, nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds,
            lookBackSeconds: lookBackSeconds, lengthSeconds: Self.lengthSeconds, draw: SeededDraw(seed: seed, 0x9A7BED))
        for plant in PatientPlant.allCases {
            for number in 0..<(self.plants[plant] ?? 0) where !bed.place(plant, number, plant.age) {
                throw AgencyHistoryError(
                    "there are not enough payments of the right age for every planted \(plant.rawValue); add payments "
                        + "or plant fewer")
            }
        }
        plantings = bed.plantings
        strangers = bed.plantings.filter { $0.value.plant.payer == .stranger }.keys.sorted()
        billing = try AgencyInvoices(
            seed: seed ^ 0xDEFA, count: self.invoices, agencyCount: agencies, nowSeconds: nowSeconds,
            lengthSeconds: Self.lengthSeconds, lookBackSeconds: lookBackSeconds, missedNotices: missedNotices,
            accountName: accountName, space: space)
    }

    /// Agencies are the same customers as on the account that charges them: the tables have one column for both.
    static func space(_ seed: UInt64, _ accountID: String) -> IDSpace {
        IDSpace(seed: seed, accountID: accountID, customersOf: SandboxAccount.medflyt().accountID)
    }

    func planting(_ index: Int) -> IntentPlanting<PatientPlant>? { plantings[index] }

    /// What was planted at an index; `nil` for a payment that a patient explains.
    public func plant(at index: Int) -> PatientPlant? { plantings[index]?.plant }

    var plantedIndices: [Int] { plantings.keys.sorted() }

    /// How many findings of each kind a complete run of the payments has to make. None is repaired by itself.
    public var expected: [String: Int] {
        var expected: [String: Int] = [:]
        for (plant, number) in plants {
            if let kind = plant.kind { expected[kind, default: 0] += number }
        }
        return expected
    }

    /// How many finalized invoices have no notice: `missed_finalized_notice` of the job of the agencies' invoices.
    public var expectedMissedNotices: Int { billing.unnoticed.count }
}
