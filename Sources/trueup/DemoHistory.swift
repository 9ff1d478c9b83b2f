import Sandbox

/// What the demo's three accounts and its tables hold, with every deviation planted that there is.
///
/// The sizes are such that a night's repairs stay below the limits of the job files, and that the requests take less
/// than a minute at the rate that Stripe allows.
struct DemoHistory: Sendable {
    /// Task Health's credit orders.
    let credits: CreditHistory
    /// What the agencies are charged, and invoices of the same agencies.
    let charges: AgencyHistory
    /// What patients pay, and invoices of the same agencies.
    let patients: PatientHistory

    static let agencies = 212

    init(seed: UInt64, nowSeconds: Int64) throws {
        credits = try CreditHistory(
            seed: seed, orders: 10_000, agencies: Self.agencies, nowSeconds: nowSeconds, plants: Self.plants,
            payments: Self.some(of: PaymentPlant.allCases))
        charges = try AgencyHistory(
            seed: seed, charges: 7_000, agencies: Self.agencies, nowSeconds: nowSeconds, invoices: 1_000,
            missedNotices: 3, plants: Self.some(of: ChargePlant.allCases + ChargePlant.eventsOnly))
        patients = try PatientHistory(
            seed: seed, payments: 5_000, agencies: Self.agencies, nowSeconds: nowSeconds, invoices: 1_000,
            missedNotices: 4, plants: Self.some(of: PatientPlant.allCases))
    }

    /// Every deviation of credit orders, in a number that is not the same for any two neighbours.
    private static let plants: [Plant: Int] = {
        var plants = some(of: Plant.allCases + Plant.afterPayment + Plant.eventsOnly)
        plants[.paidOpen] = 14
        plants[.paidOpenOld] = 5
        plants[.voidOpen] = 5
        plants[.voidOpenOld] = 3
        plants[.absentOpen] = 3
        plants[.draftStaleOpen] = 5
        plants[.openOverdue] = 6
        return plants
    }()

    /// Two, three or four of each.
    private static func some<Plant: Hashable>(of plants: [Plant]) -> [Plant: Int] {
        Dictionary(uniqueKeysWithValues: plants.enumerated().map { ($1, 2 + $0 % 3) })
    }

    /// The three accounts of the stand-in.
    var accounts: [SandboxAccount] {
        [
            .default(history: .patients(patients)), .medflyt(history: .agency(charges)),
            .taskHealth(history: .credits(credits)),
        ]
    }
}
