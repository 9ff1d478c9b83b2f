/// How far a generated payment intent comes.
enum IntentFate {
    case open, confirmation, action, processing, uncaptured, declined, canceled, succeeded, retried, never
}

/// When a planted payment intent was created.
enum IntentAge {
    /// Not yet stale.
    case young
    /// Stale, within the look-back period.
    case stale
    /// Anywhere in the look-back period.
    case recent
    /// Before the look-back period.
    case old
}

/// What was planted at an index of a history.
struct IntentPlanting<Plant: Sendable>: Sendable {
    var plant: Plant
    var number: Int
}

/// Finds places for the plantings of payment intents.
struct IntentBed<Plant: Sendable> {
    let timeline: Timeline
    let nowSeconds: Int64
    let staleAfterSeconds: Int64
    let lookBackSeconds: Int64
    /// How far back the history reaches.
    let lengthSeconds: Int64
    var draw: SeededDraw
    private(set) var plantings: [Int: IntentPlanting<Plant>] = [:]

    init(
        timeline: Timeline, nowSeconds: Int64, staleAfterSeconds: Int64, lookBackSeconds: Int64,
        lengthSeconds: Int64, draw: SeededDraw
    ) {
        self.timeline = timeline
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
        self.lookBackSeconds = lookBackSeconds
        self.lengthSeconds = lengthSeconds
        self.draw = draw
    }

    /// Takes a free place of the right age; `false` where there is none.
    mutating func place(_ plant: Plant, _ number: Int, _ age: IntentAge) -> Bool {
        let ages = age.bounds(staleAfterSeconds, lookBackSeconds, lengthSeconds)
        let count = Int(timeline.count)
        let first = partitionPoint(count) { timeline.seconds(at: Int64($0)) >= nowSeconds - ages.upperBound }
        let last = partitionPoint(count) { timeline.seconds(at: Int64($0)) > nowSeconds - ages.lowerBound }
        let room = last - first
        let start = room > 0 ? Int(draw.below(Int64(room))) : 0
        for step in 0..<max(0, room) {
            let index = first + (start + step) % room
            guard plantings[index] == nil else { continue }
            plantings[index] = IntentPlanting(plant: plant, number: number)
            return true
        }
        return false
    }
}

extension IntentAge {
    /// How old an intent of this age is, in seconds.
    func bounds(_ staleAfterSeconds: Int64, _ lookBackSeconds: Int64, _ lengthSeconds: Int64) -> Range<Int64> {
        let day: Int64 = 86_400
        return switch self {
        case .young: 1_200..<(4 * day)
        case .stale: (staleAfterSeconds + day)..<(lookBackSeconds - day)
        case .recent: day..<(lookBackSeconds - day)
        case .old: (lookBackSeconds + 5 * day)..<(lengthSeconds - day)
        }
    }
}

extension IntentRecord {
    private static let day: Int64 = 86_400

    /// When the last thing happens to it, always in the past. A bank transfer that is too young becomes a card.
    /// - Parameter isLate: it ended in the last ten days, however old it is.
    mutating func endSeconds(
        _ fate: IntentFate, isLate: Bool, nowSeconds: Int64, _ draw: inout SeededDraw
    ) -> Int64 {
        let age = nowSeconds - createdSeconds - 300
        if isLate {
            isBankTransfer = false
            return createdSeconds + age - Self.day - draw.below(9 * Self.day)
        }
        // A transfer takes some days, which young ones have not had.
        guard isBankTransfer, age > 5 * Self.day else {
            if fate != .processing { isBankTransfer = false }
            return createdSeconds + 3 + draw.below(20)
        }
        return createdSeconds + Self.day + draw.below(3 * Self.day)
    }

    /// Lets happen to it what its fate says.
    mutating func run(_ fate: IntentFate, endSeconds end: Int64) {
        let begun = isBankTransfer ? createdSeconds + 2 : end
        let decline = SandboxDecline.allCases[Int(hash >> 9 & 255) % SandboxDecline.allCases.count]
        switch fate {
        case .open, .never: break
        case .confirmation: status = .requiresConfirmation
        case .action: status = .requiresAction
        case .processing:
            status = .processing
            isBankTransfer = true
            attempt(createdSeconds + 2, .pending)
        case .uncaptured:
            status = .requiresCapture
            capturesManually = true
            attempt(createdSeconds + 2, .uncaptured)
        case .declined:
            isBankTransfer = false
            attempt(end, .declined(decline))
        case .canceled:
            status = .canceled
            canceledSeconds = end
            cancellationReason = hash & 1 == 0 ? "abandoned" : "requested_by_customer"
        case .succeeded, .retried:
            if fate == .retried { attempt(createdSeconds + 1, .declined(decline)) }
            status = .succeeded
            succeededSeconds = end
            attempt(begun, .succeeded)
        }
    }

    private mutating func attempt(_ seconds: Int64, _ outcome: IntentAttempt.Outcome) {
        attempts.append(IntentAttempt(createdSeconds: seconds, outcome: outcome))
    }

    /// Whether an expiry has to cancel it: never confirmed, older than `stale_after`, no Checkout session's and no
    /// invoice's.
    func isExpirable(nowSeconds: Int64, staleAfterSeconds: Int64) -> Bool {
        (status == .requiresPaymentMethod || status == .requiresConfirmation) && attempts.isEmpty
            && nowSeconds - createdSeconds > staleAfterSeconds && !hasCheckoutSession && invoice == nil
    }
}
