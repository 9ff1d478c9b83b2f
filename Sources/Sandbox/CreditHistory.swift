/// The seeded history of Task Health's credit orders: what Stripe holds and what the local tables hold, side by side,
/// with a known number of deviations planted. Unplanted orders agree on both sides.
///
/// Nothing is kept but the plantings: every order is made from the seed and its index, in constant time.
///
/// ```swift
/// let history = try CreditHistory(
///     seed: 1, orders: 20_000, agencies: 212, nowSeconds: now, plants: [.paidOpen: 41, .voidOpen: 7])
/// for row in history.localRows { /* COPY into task_credit_stripe_invoice */ }
/// let account = SandboxAccount.taskHealth(history: .credits(history))
/// ```
public struct CreditHistory: Sendable {
    /// What everything is drawn from.
    public let seed: UInt64
    /// The places in the history: orders, and the second halves of planted duplicates.
    public let count: Int
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
    /// What was planted.
    public let plants: [Plant: Int]
    let space: IDSpace
    let timeline: Timeline
    /// What was planted among the payment intents that belong to no invoice.
    public let payments: [PaymentPlant: Int]
    private let plantings: [Int: Planting]
    /// In the order of their creation.
    private(set) var plantedPayments: [PlantedPayment] = []

    /// What was planted at an index.
    struct Planting: Sendable {
        var plant: Plant
        var number: Int
        /// The index of the first half, where this is the second half of a duplicate.
        var main: Int?
    }

    /// How far back the orders reach.
    public static let lengthSeconds: Int64 = 400 * 86_400
    /// What one credit costs, in cents.
    public static let creditPriceCents: Int64 = 20_000

    /// - Parameters:
    ///   - orders: how many orders, spread over 400 days.
    ///   - agencies: how many agencies place them.
    ///   - staleAfterSeconds: the job's `stale_after`.
    ///   - lookBackSeconds: the job's `look_back`.
    ///   - skew: how the orders are spread over the days.
    ///   - plants: how many of each deviation.
    ///   - payments: how many payment intents of each kind besides those of the invoices.
    /// - Throws: ``CreditHistoryError`` when there are not enough orders of the right age for a planting.
    public init(
        seed: UInt64, orders: Int, agencies: Int, nowSeconds: Int64, staleAfterSeconds: Int64 = 7 * 86_400,
        lookBackSeconds: Int64 = 35 * 86_400, accountID: String = SandboxAccount.taskHealthAccountID,
        skew: SandboxSkew = .even, plants: [Plant: Int] = [:],
        payments: [PaymentPlant: Int] = [:]
    ) throws(CreditHistoryError) {
        guard orders >= 0, agencies > 0 else {
            throw CreditHistoryError("a history needs at least one agency and no negative number of orders")
        }
        guard staleAfterSeconds >= 3 * 86_400, lookBackSeconds >= staleAfterSeconds + 3 * 86_400,
            lookBackSeconds <= 200 * 86_400
        else {
            throw CreditHistoryError(
                "stale_after must be at least 3 days, look_back 3 days more, and at most 200 days")
        }
        self.seed = seed
        count = orders
        agencyCount = agencies
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
        self.lookBackSeconds = lookBackSeconds
        self.accountID = accountID
        self.plants = plants.filter { $0.value > 0 }
        self.payments = payments.filter { $0.value > 0 }
        space = IDSpace(seed: seed, accountID: accountID)
        // The newest order is ten minutes old: older than the delay that a run leaves for things to settle.
        timeline = Timeline(
            count: Int64(orders), fromSeconds: nowSeconds - Self.lengthSeconds, toSeconds: nowSeconds - 600,
            skew: skew, seed: seed ^ 0xC4ED17)
        var bed = PlantBed(
            timeline: timeline, nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds,
            lookBackSeconds: lookBackSeconds, draw: SeededDraw(seed: seed, 0x91A27))
        for plant in Plant.allCases + Plant.afterPayment + Plant.eventsOnly {
            for number in 0..<(self.plants[plant] ?? 0) { try bed.place(plant, number) }
        }
        plantings = bed.plantings
        plantedPayments = try plantPayments()
    }

    func planting(_ index: Int) -> Planting? { plantings[index] }

    var plantedIndices: [Int] { plantings.keys.sorted() }

    /// How many findings of each kind a complete run has to make.
    public var expected: [String: Int] {
        var expected: [String: Int] = [:]
        for (plant, number) in plants {
            if let kind = plant.kind { expected[kind, default: 0] += number * plant.findings }
        }
        return expected
    }

    /// How many findings of each kind a run repairs by itself.
    public var expectedRepairs: [String: Int] {
        var expected: [String: Int] = [:]
        for (plant, number) in plants where plant.action == .apply {
            if let kind = plant.kind { expected[kind, default: 0] += number * plant.findings }
        }
        return expected
    }
}

/// A history that cannot be made.
public struct CreditHistoryError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Finds places for plantings.
private struct PlantBed {
    let timeline: Timeline
    let nowSeconds: Int64
    let staleAfterSeconds: Int64
    let lookBackSeconds: Int64
    var draw: SeededDraw
    var plantings: [Int: CreditHistory.Planting] = [:]

    private static let day: Int64 = 86_400

    /// How old an invoice of this age is, in seconds.
    private func bounds(_ age: Plant.Age) -> Range<Int64> {
        let edge = lookBackSeconds - Self.day
        return switch age {
        case .young: 1_200..<(staleAfterSeconds - Self.day)
        case .stale: (staleAfterSeconds + Self.day)..<edge
        case .notDue: Self.day..<min(edge, 28 * Self.day)
        case .pastDue: (31 * Self.day)..<(60 * Self.day)
        case .recent: Self.day..<edge
        case .mature: (12 * Self.day)..<max(13 * Self.day, edge)
        case .old: (lookBackSeconds + 5 * Self.day)..<(CreditHistory.lengthSeconds - Self.day)
        }
    }

    mutating func place(_ plant: Plant, _ number: Int) throws(CreditHistoryError) {
        let ages = bounds(plant.age(number))
        let count = Int(timeline.count)
        let first = partitionPoint(count) { timeline.seconds(at: Int64($0)) >= nowSeconds - ages.upperBound }
        let last = partitionPoint(count) { timeline.seconds(at: Int64($0)) > nowSeconds - ages.lowerBound }
        let room = last - first - (plant.hasCompanion ? 1 : 0)
        guard room > 0 else { throw noRoom(plant) }
        let start = Int(draw.below(Int64(room)))
        for step in 0..<room {
            let index = first + (start + step) % room
            guard plantings[index] == nil else { continue }
            if plant.hasCompanion {
                guard plantings[index + 1] == nil else { continue }
                plantings[index + 1] = .init(plant: plant, number: number, main: index)
            }
            plantings[index] = .init(plant: plant, number: number)
            return
        }
        throw noRoom(plant)
    }

    private func noRoom(_ plant: Plant) -> CreditHistoryError {
        CreditHistoryError(
            "there are not enough orders of the right age for every planted \(plant.rawValue); add orders or plant "
                + "fewer")
    }
}
