/// A row of `agency_member`.
public struct CreditMember: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// A name to show.
    public var name: String
    /// An address at example.com.
    public var email: String
}

/// A row of `task_credit_order_options`.
public struct CreditOption: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// How many credits.
    public var credits: Int64
    /// The price in cents.
    public var priceCents: Int64
    /// Whether it can be ordered.
    public var active: Bool
}

/// A row of `task_credit_reservation`.
public struct CreditReservation: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// The task that uses the credits.
    public var taskInstanceID: Int64
    /// How many credits.
    public var credits: Int64
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// When the credits were given back, in Unix seconds.
    public var releasedSeconds: Int64?
}

/// A row of `task_credit_adjustment`.
public struct CreditAdjustment: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// How many credits.
    public var credits: Int64
    /// Why, in words.
    public var reason: String
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
}

/// A row of `task_credit_agency_balance`.
public struct CreditBalance: Sendable, Hashable {
    /// The id of the agency.
    public var agencyID: Int64
    /// The recorded balance, in credits.
    public var balance: Int64
    /// When it was last written, in Unix seconds.
    public var updatedSeconds: Int64
}

extension CreditHistory {
    static let membersPerAgency: Int64 = 3
    private static let optionCredits: [Int64] = [
        1, 5, 10, 50, 100, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000,
    ]
    /// Of a hundred orders, how many are for an option or a smaller one.
    static let optionBounds: [Int64] = [20, 42, 62, 76, 84, 91, 95, 97, 98, 99, 100]

    static func option(_ number: Int) -> CreditOption {
        let credits = optionCredits[number]
        return CreditOption(
            id: Int64(number + 1), credits: credits, priceCents: credits * creditPriceCents, active: true)
    }

    /// The options that can be ordered, by id.
    public var options: [CreditOption] { Self.optionCredits.indices.map(Self.option) }

    /// The agencies, by id. Those of an ``AgencyHistory`` and a ``PatientHistory`` of the same seed and as many have
    /// the same ids and customers, so that one row of `agency` serves all three.
    public var agencies: [CreditAgency] { CreditAgency.all(seed: seed, count: agencyCount, accountID: accountID) }

    /// Three members for each agency, by id.
    public var members: [CreditMember] {
        (1...Int64(agencyCount)).flatMap { agency in
            (1...Self.membersPerAgency).map { number in
                let id = agency * 10 + number
                let hash = scrambled(seed ^ UInt64(id))
                let first = "\(People.firstNames[Int(hash & 15)])"
                let last = "\(People.lastNames[Int(hash >> 4 & 15)])"
                return CreditMember(
                    id: id, agencyID: agency, name: "\(first) \(last)", email: "member-\(id)@example.com")
            }
        }
    }

    /// The credits of the rows that are paid locally, by agency; the first element belongs to nobody.
    /// Reads the whole history.
    private func bought() -> [Int64] {
        var bought = [Int64](repeating: 0, count: agencyCount + 1)
        for row in localRows where row.paid { bought[Int(row.agencyID)] += row.credits }
        return bought
    }

    /// What the agencies used: about 60 % of what they bought, some of it given back. Reads the whole history.
    public var reservations: [CreditReservation] { reservations(bought()) }

    private func reservations(_ bought: [Int64]) -> [CreditReservation] {
        var rows: [CreditReservation] = []
        for agency in 1...agencyCount where bought[agency] > 0 {
            var draw = SeededDraw(seed: seed, 0x2E5E, UInt64(agency))
            var left = bought[agency] * 6 / 10
            for _ in 0..<24 where left > 0 {
                let credits = min(left, 1 + draw.below(max(1, bought[agency] / 20)))
                left -= credits
                let created = nowSeconds - 3_600 - draw.below(Self.lengthSeconds)
                let isReleased = draw.below(7) == 0
                rows.append(
                    CreditReservation(
                        id: Int64(rows.count + 1), agencyID: Int64(agency),
                        taskInstanceID: 500_000 + Int64(rows.count), credits: credits, createdSeconds: created,
                        releasedSeconds: isReleased ? min(created + 1 + draw.below(Self.day), nowSeconds) : nil))
            }
        }
        return rows
    }

    /// Corrections by hand, for every third agency.
    public var adjustments: [CreditAdjustment] {
        let reasons = ["goodwill", "correction after migration", "double booking"]
        return (1...agencyCount).filter { $0 % 3 == 0 }.enumerated().map { number, agency in
            var draw = SeededDraw(seed: seed, 0xAD1, UInt64(agency))
            let credits = draw.below(41) - 20
            return CreditAdjustment(
                id: Int64(number + 1), agencyID: Int64(agency), credits: credits == 0 ? 5 : credits,
                reason: draw.pick(reasons), createdSeconds: nowSeconds - 3_600 - draw.below(Self.lengthSeconds))
        }
    }

    /// What the tables record: the credits of locally paid rows, less what is reserved, plus adjustments. The books
    /// balance before a run, whatever is planted. Reads the whole history.
    public var balances: [CreditBalance] {
        var balance = bought()
        for row in reservations(balance) where row.releasedSeconds == nil { balance[Int(row.agencyID)] -= row.credits }
        for row in adjustments { balance[Int(row.agencyID)] += row.credits }
        return (1...agencyCount).map {
            CreditBalance(agencyID: Int64($0), balance: balance[$0], updatedSeconds: nowSeconds - 60)
        }
    }

    /// What a run has to add to the balances: the credits of the planted `missed_paid` orders, by agency.
    public var expectedGrants: [Int64: Int64] {
        var grants: [Int64: Int64] = [:]
        for index in plantedIndices {
            guard let planting = planting(index), planting.main == nil, planting.plant.grantsCredits else { continue }
            let basics = basics(index)
            grants[basics.agency, default: 0] += basics.option.credits
        }
        return grants
    }
}
