/// For whom requests are sent.
public enum BudgetShare: String, Sendable, Hashable {
    /// A run of the schedule: may take all there is.
    case nightly
    /// A backfill, or a run by hand: leaves a part of the limit free while runs of the schedule are about, so that it
    /// cannot starve them.
    case background
}

/// A rate: so many requests in any second.
///
/// What is granted is a *slot*, an instant on the database's clock. A request is sent at its slot or up to a tolerance
/// after it, never before and never later; so no second sees more requests than the slots of a second and the
/// tolerance. Who is alone with an endpoint counts what it sends besides, and may be later.
public struct SlotRate: Sendable, Hashable {
    /// Requests in any one second.
    public let perSecond: Double
    /// How late a slot may still be used by who shares it with others, for wake-ups and the way to the database. The
    /// rate loses as much.
    public static let toleranceMicroseconds: Int64 = 50_000
    /// The same for who is alone: from the decision to send to the first byte.
    public static let toleranceAloneMicroseconds: Int64 = 10_000
    /// A background request leaves one of so many slots to others.
    public static let reservedOneIn: Int64 = 4

    /// What is taken off every second.
    private let toleranceMicroseconds: Int64

    public init(perSecond: Double, isAlone: Bool = false) {
        self.perSecond = min(100_000, max(0.1, perSecond))
        toleranceMicroseconds = isAlone ? Self.toleranceAloneMicroseconds : Self.toleranceMicroseconds
    }

    /// The distance of the endpoint's slots: any second and tolerance has as many as the rate allows.
    package var stepMicroseconds: Int64 {
        Int64(((1_000_000 + Double(toleranceMicroseconds)) / perSecond).rounded(.up))
    }

    /// Requests in any window of ``windowSlices`` slices.
    package var windowLimit: Int { max(1, Int(perSecond)) }
    package var backgroundLimit: Int { max(1, windowLimit - max(1, windowLimit / Int(Self.reservedOneIn))) }

    /// A window that begins anywhere in a slice touches one slice more than it is long; below one a second it is as
    /// long as one request takes.
    package var windowSlices: Int {
        let seconds = max(1, 1 / perSecond)
        let microseconds = seconds * (1_000_000 + Double(toleranceMicroseconds))
        return Int((microseconds / Double(AccountSlots.sliceMicroseconds)).rounded(.up)) + 1
    }
}

/// What an account has granted, counted in slices of time: any window holds no more than the limit. Requests of several
/// endpoints come in any order, so even distances would waste what one leaves free.
package struct AccountSlots: Sendable, Equatable {
    package static let sliceMicroseconds: Int64 = 25_000

    /// The slice that the first count belongs to: microseconds of Unix time, divided by the slice.
    package private(set) var firstSlice: Int64
    package private(set) var taken: [Int32]
    package private(set) var takenInBackground: [Int32]
    /// All of them. Where even these are fewer than a window may hold, no window has to be looked at.
    private var takenInAll: Int

    package init(firstSlice: Int64, taken: [Int32], takenInBackground: [Int32]) {
        self.firstSlice = firstSlice
        self.taken = taken
        self.takenInBackground = takenInBackground
        takenInAll = taken.reduce(0) { $0 + Int($1) }
    }

    /// Forgets what no window reaches any more.
    package mutating func advance(to now: Int64, _ rate: SlotRate) {
        let oldest = Self.slice(now) - Int64(rate.windowSlices)
        let gone = oldest - firstSlice
        guard gone > 0 else { return }
        taken.removeFirst(Int(min(gone, Int64(taken.count))))
        takenInAll = taken.reduce(0) { $0 + Int($1) }
        takenInBackground.removeFirst(Int(min(gone, Int64(takenInBackground.count))))
        firstSlice = oldest
    }

    /// Whether a request may be sent at that time.
    package func hasRoom(at time: Int64, _ rate: SlotRate, _ share: BudgetShare) -> Bool {
        if takenInAll < (share == .nightly ? rate.windowLimit : rate.backgroundLimit) {
            return Self.slice(time) >= firstSlice
        }
        guard fits(time, taken, limit: rate.windowLimit, rate) else { return false }
        return share == .nightly || fits(time, takenInBackground, limit: rate.backgroundLimit, rate)
    }

    /// Whether a fifth of what a second may hold is not granted.
    package func hasSpareRoom(_ rate: SlotRate) -> Bool { takenInAll * 5 <= rate.windowLimit * 4 }

    package mutating func take(at time: Int64, _ share: BudgetShare) {
        let index = Int(Self.slice(time) - firstSlice)
        precondition(index >= 0, "a slot before the calendar's first slice")
        if index >= taken.count {
            taken += repeatElement(0, count: index + 1 - taken.count)
            takenInBackground += repeatElement(0, count: index + 1 - takenInBackground.count)
        }
        taken[index] += 1
        takenInAll += 1
        if share == .background { takenInBackground[index] += 1 }
    }

    /// Every window that holds the time stays within the limit with one more.
    private func fits(_ time: Int64, _ counts: [Int32], limit: Int, _ rate: SlotRate) -> Bool {
        let at = Int(Self.slice(time) - firstSlice)
        guard at >= 0 else { return false }
        let length = rate.windowSlices
        var sum = 0
        let first = at - length + 1
        for index in first..<at + length {
            sum += counts.indices.contains(index) ? Int(counts[index]) : 0
            let left = index - length
            if left >= first, counts.indices.contains(left) { sum -= Int(counts[left]) }
            if index >= at, sum >= limit { return false }
        }
        return true
    }

    package static func slice(_ time: Int64) -> Int64 {
        let (quotient, remainder) = time.quotientAndRemainder(dividingBy: sliceMicroseconds)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// What an endpoint has granted: instants that lie a step apart at least, at most one request each.
///
/// They lie on a grid of even distances, whose place is that of the first: an endpoint that nobody has asked for of
/// late has a slot at once, and who asks next keeps to its grid, so that the distances between leave no room unused.
package struct EndpointSlots: Sendable, Equatable {
    /// Microseconds of Unix time, ascending, from the last that was over on.
    package private(set) var taken: [Int64]

    package init(taken: [Int64]) { self.taken = taken }

    /// Forgets what is over by a step or more.
    package mutating func advance(to now: Int64, _ rate: SlotRate) {
        let oldest = now - rate.stepMicroseconds
        // Beyond the horizon lies only what was granted before the clock stepped back.
        let newest = now + SlotCalendar.horizonAloneMicroseconds + 2 * rate.stepMicroseconds
        taken.removeAll { $0 <= oldest || $0 > newest }
    }

    /// The first free instant at or after a time.
    package func next(atOrAfter time: Int64, _ rate: SlotRate, _ share: BudgetShare) -> Int64 {
        let step = rate.stepMicroseconds
        var at = time
        if let place = taken.first {
            let (quotient, remainder) = (time - place).quotientAndRemainder(dividingBy: step)
            at = place + step * (remainder > 0 ? quotient + 1 : quotient)
        }
        while !isFree(at, step) || (share == .background && Self.isReserved(at, step)) { at += step }
        return at
    }

    package mutating func take(_ instant: Int64) {
        taken.insert(instant, at: place(of: instant))
    }

    /// Of each few slots one, the same for all who ask: on one grid the number rises by one from slot to slot.
    private static func isReserved(_ at: Int64, _ step: Int64) -> Bool { (at / step) % SlotRate.reservedOneIn == 0 }

    /// Nothing lies closer than a step. On one grid that is what lies on the same instant; others come from processes
    /// with another rate.
    private func isFree(_ at: Int64, _ step: Int64) -> Bool {
        let place = place(of: at)
        if place < taken.count, taken[place] - at < step { return false }
        return place == 0 || at - taken[place - 1] >= step
    }

    /// The index of the first that is not smaller.
    private func place(of instant: Int64) -> Int {
        var (low, high) = (0, taken.count)
        while low < high {
            let middle = (low + high) / 2
            if taken[middle] < instant { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Grants slots of one endpoint of one account: pure, so that every process computes the same.
package struct SlotCalendar: Sendable, Equatable {
    package var account: AccountSlots
    package var endpoint: EndpointSlots

    package init(account: AccountSlots, endpoint: EndpointSlots) {
        self.account = account
        self.endpoint = endpoint
    }

    /// How far ahead slots are granted: what a process holds for itself while others wait.
    package static let horizonMicroseconds: Int64 = 250_000
    /// The same for a process that has been alone for a while: who comes waits for that and a second once.
    package static let horizonAloneMicroseconds: Int64 = 1_000_000
    /// After so long nothing counts any more that was granted before.
    package static let forgottenMicroseconds = horizonAloneMicroseconds + 1_000_000 + SlotRate.toleranceMicroseconds

    /// Nothing is known: as much as possible may have been granted a moment ago, so nothing is for a while.
    package static func unknown(now: Int64) -> (calendar: SlotCalendar, earliest: Int64) {
        let account = AccountSlots(firstSlice: AccountSlots.slice(now), taken: [], takenInBackground: [])
        return (SlotCalendar(account: account, endpoint: EndpointSlots(taken: [])), now + forgottenMicroseconds)
    }

    /// Whether the clock has stepped back behind everything that is known: then nothing is known. A smaller step only
    /// makes slots late. A clock that is set forward can make up to a horizon's slots too many, once.
    package func isFromTheFuture(now: Int64) -> Bool { account.firstSlice > AccountSlots.slice(now) }

    /// - Parameters:
    ///   - count: how many are wanted; fewer where the horizon is full, at least none.
    ///   - now: the database's clock, in microseconds of Unix time.
    ///   - earliest: no slot lies before: when requests were refused a moment ago.
    ///   - horizonMicroseconds: how far ahead.
    /// - Returns: instants, ascending; and where there are none, when to ask again.
    package mutating func grant(
        _ count: Int, now: Int64, earliest: Int64, accountRate: SlotRate, endpointRate: SlotRate, share: BudgetShare,
        horizonMicroseconds: Int64 = Self.horizonMicroseconds
    ) -> (slots: [Int64], askAgainAt: Int64) {
        account.advance(to: now, accountRate)
        endpoint.advance(to: now, endpointRate)
        let end = now + horizonMicroseconds
        var slots: [Int64] = []
        var time = max(now, earliest)
        while slots.count < count, time <= end {
            let at = endpoint.next(atOrAfter: time, endpointRate, share)
            // One slot is granted however far it lies ahead: slow endpoints have none within the horizon.
            guard at <= end || slots.isEmpty && at <= end + endpointRate.stepMicroseconds else {
                return (slots, max(now + 10_000, at - horizonMicroseconds / 2))
            }
            if account.hasRoom(at: at, accountRate, share) {
                endpoint.take(at)
                account.take(at: at, share)
                slots.append(at)
                time = at + 1
            } else {
                // Room comes with a slice, not within one.
                time = max(at + 1, (AccountSlots.slice(at) + 1) * AccountSlots.sliceMicroseconds)
            }
        }
        return (slots, max(now + 10_000, time - horizonMicroseconds / 2))
    }
}
