import PostgreSQL

/// The rate limit of one Stripe account, shared through the database by all processes that use it, and never exceeded:
/// not for the account and not for an endpoint, in no second.
///
/// Slots are granted a few at a time, for as many requests as wait, at most a quarter of a second ahead and on the
/// database's clock: some transactions a second for each process, not one for each request. Who is alone takes slots
/// for a second, as many as it has used of late, and the next ones before these are gone: it never waits for the
/// database. A slot that cannot be used in time, because the process was frozen or the machine is busy, is thrown away.
/// It is exact where the shortest of a few round trips to the database takes less than 40 ms.
///
/// Who is alone with an endpoint counts what it sends: it may be late then, as on a busy machine, without a slot being
/// lost, and comes nearer to the limit.
///
/// All processes must be told the same limits: those of `settings.yaml`.
public actor SharedBudget {
    private let pool: Pool
    private let account: String
    private let perSecond: Double
    private let perEndpoint: Double
    private let share: BudgetShare
    private var queues: [String: Queue] = [:]
    /// This process, among those that ask.
    private let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    private var clock = DatabaseClock()
    /// Slots that came too late to be used.
    public private(set) var wasted = 0
    /// Transactions that granted slots, or found none.
    public private(set) var leases = 0

    /// The first pause after a refusal; each that follows within ten seconds is twice as long.
    private static let pauseOfAccountMicroseconds: Int64 = 1_000_000
    private static let pauseOfEndpointMicroseconds: Int64 = 250_000
    /// The longest pause after a refusal.
    static let pauseMicrosecondsMax: Int64 = 16_000_000
    /// The most slots that one transaction grants.
    static let batchMax = 64
    /// The same for who is alone.
    static let batchAloneMax = 1_024

    /// How late a slot is still used by who counts what it sends.
    static let lateAloneMicroseconds: Int64 = 150_000

    /// Usable from one instant to the other, on this process's clock.
    private struct Slot {
        var from: ContinuousClock.Instant
        var to: ContinuousClock.Instant
    }

    private struct Queue {
        var slots: [Slot] = []
        /// Whether nobody else has asked for slots of the endpoint for a while, and the account has room to spare, as
        /// the last transaction found.
        var isAlone = false
        /// Whether nobody else has asked since we did.
        var isUndisturbed = false
        /// How often a request was refused.
        var pauses = 0
        /// When the last requests were sent, as many as a second may hold, oldest first.
        var sent: [ContinuousClock.Instant] = []
        var waiting = 0
        var refill: Task<Void, any Error>?
        /// Before this nothing more is free, as the last transaction found.
        var askAgainAt = ContinuousClock.now
        /// Slots used since the last transaction, and when that was.
        var used = 0
        var fetchedAt = ContinuousClock.now
        /// Slots a second that were used of late.
        var usedPerSecond = 0.0
        /// Of so many that were granted.
        var granted = 0

        /// How many to ask for: for those who wait, and alone for all that a second is likely to need.
        mutating func wanted(now: ContinuousClock.Instant) -> Int {
            let (seconds, attoseconds) = (now - fetchedAt).components
            // One request is no rate: who has sent the first does not take a second's slots, which others wait for.
            let elapsed = max(0.25, Double(seconds) + Double(attoseconds) * 1e-18)
            usedPerSecond = max(Double(used) / elapsed, usedPerSecond / 2)
            used = 0
            fetchedAt = now
            // Who begins is not alone yet, but need not ask for each request either.
            let soon = isUndisturbed ? sent.reversed().prefix { $0 > now - .milliseconds(250) }.count : 0
            guard isAlone else { return min(SharedBudget.batchMax, max(1, waiting, soon)) }
            return min(SharedBudget.batchAloneMax, max(1, waiting, Int(usedPerSecond * 1.5)))
        }

        /// Few are left of what was granted, or for a short time only.
        var isLow: Bool {
            guard let last = slots.last, slots.count > granted / 3 else { return true }
            return last.to < .now + .milliseconds(20)
        }

        mutating func popSlot() -> Slot? { slots.isEmpty ? nil : slots.removeFirst() }

        /// When the second that holds the oldest of them is over.
        func roomAt(_ limit: Int) -> ContinuousClock.Instant? {
            guard sent.count >= limit, let oldest = sent.first else { return nil }
            return oldest + .microseconds(1_000_000 + SlotRate.toleranceAloneMicroseconds)
        }

        mutating func send(at now: ContinuousClock.Instant, _ limit: Int) {
            used += 1
            sent.append(now)
            if sent.count > limit { sent.removeFirst(sent.count - limit) }
        }
    }

    /// - Parameters:
    ///   - pool: one connection is enough, and it should not be one that a run's own work needs.
    ///   - perSecond: requests a second to the account, all processes together.
    ///   - perEndpoint: requests a second to one endpoint.
    public init(pool: Pool, account: String, perSecond: Double, perEndpoint: Double, share: BudgetShare = .nightly) {
        self.pool = pool
        self.account = account
        self.perSecond = perSecond
        self.perEndpoint = perEndpoint
        self.share = share
    }

    /// Returns when a request to the endpoint may be sent. While the database cannot be reached nobody may, and the
    /// caller waits.
    /// - Returns: until when it may be sent: a process can be stopped between here and there.
    @discardableResult
    public func take(_ endpoint: String) async throws(CancellationError) -> ContinuousClock.Instant {
        while true {
            if Task.isCancelled { throw CancellationError() }
            if let slot = queues[endpoint]?.popSlot() {
                fetchAhead(endpoint)
                if slot.from > .now { try await sleep(until: slot.from) }
                if let until = try await use(slot, endpoint) { return until }
                wasted += 1
                continue
            }
            try await refill(endpoint)
        }
    }

    /// - Returns: until when it may be sent; `nil` where it is too late for the slot.
    private func use(_ slot: Slot, _ endpoint: String) async throws(CancellationError) -> ContinuousClock.Instant? {
        // Of what the grid holds in a second, a part of a request is no request.
        let limit = max(1, Int(perEndpoint))
        while true {
            let now = ContinuousClock.now
            let isAlone = queues[endpoint]?.isAlone ?? false
            guard now <= slot.to || isAlone && now <= slot.from + .microseconds(Self.lateAloneMicroseconds) else {
                return nil
            }
            // Also beside others: what was sent late before they came counts.
            if let room = queues[endpoint]?.roomAt(limit), room > now {
                try await sleep(until: room)
                continue
            }
            queues[endpoint]?.send(at: now, limit)
            let soon = now + .microseconds(SlotRate.toleranceAloneMicroseconds)
            // Who may be alone a moment later counts these then.
            if !isAlone, queues[endpoint]?.isUndisturbed ?? false { return min(soon, slot.to) }
            return isAlone ? soon : slot.to
        }
    }

    /// Stripe refused all the same: nobody sends for a while, longer each time.
    /// - Parameter isAboutAccount: the account as a whole was refused, not the endpoint.
    public func slowDown(_ endpoint: String, isAboutAccount: Bool) async {
        drop(isAboutAccount ? nil : endpoint)
        // What is granted while the pause is written does not know of it.
        defer { drop(isAboutAccount ? nil : endpoint) }
        // Best effort: where the database cannot be reached, nobody gets a slot anyway.
        _ = try? await pool.withConnection { [account] connection in
            try await connection.execute(
                """
                UPDATE trueup.rate_budget SET
                    pauses = CASE WHEN paused_until < $3 - 10000000 THEN 1 ELSE least(pauses + 1, 7) END,
                    paused_until = CASE WHEN paused_until > $3 THEN paused_until
                        WHEN paused_until < $3 - 10000000 THEN $3 + $4
                        ELSE least($3 + $4 * (2 ^ least(pauses, 6))::bigint, $3 + $5) END
                WHERE account = $1 AND endpoint = $2
                """, account, isAboutAccount ? "" : endpoint, try await Self.now(on: connection),
                isAboutAccount ? Self.pauseOfAccountMicroseconds : Self.pauseOfEndpointMicroseconds,
                Self.pauseMicrosecondsMax)
        }
    }

    /// Slots that were granted, or are being granted, are not used: of one endpoint, or of all.
    private func drop(_ endpoint: String?) {
        for name in queues.keys where endpoint == nil || name == endpoint {
            queues[name]?.slots.removeAll()
            queues[name]?.pauses += 1
        }
    }

    /// One transaction at a time for each endpoint, for all who wait.
    private func refill(_ endpoint: String) async throws(CancellationError) {
        queues[endpoint, default: Queue()].waiting += 1
        defer { queues[endpoint]?.waiting -= 1 }
        let askAgainAt = queues[endpoint]?.askAgainAt ?? .now
        guard askAgainAt <= .now else { return try await sleep(until: askAgainAt) }
        let task = queues[endpoint]?.refill ?? begin(endpoint)
        if case .failure = await task.result { try await sleep(until: .now + .milliseconds(500)) }
    }

    /// It outlives the one who began it: others wait for it as well.
    @discardableResult
    private func begin(_ endpoint: String) -> Task<Void, any Error> {
        let task = Task { try await fetch(endpoint) }
        queues[endpoint]?.refill = task
        return task
    }

    /// Who is alone has the next slots granted before the last ones are gone.
    private func fetchAhead(_ endpoint: String) {
        // After a single request, which may be the last, there is nothing to fetch that others would wait behind.
        guard let queue = queues[endpoint], queue.isAlone, queue.granted > 1, queue.isLow, queue.refill == nil,
            queue.askAgainAt <= .now
        else { return }
        begin(endpoint)
    }

    private func sleep(until instant: ContinuousClock.Instant) async throws(CancellationError) {
        do {
            try await ContinuousClock().sleep(until: instant)
        } catch {
            throw CancellationError()
        }
    }

    private func fetch(_ endpoint: String) async throws {
        defer { queues[endpoint]?.refill = nil }
        let pauses = queues[endpoint]?.pauses ?? 0
        let wanted = queues[endpoint]?.wanted(now: .now) ?? 1
        leases += 1
        let demand = BudgetDemand(
            count: wanted, account: account, endpoint: endpoint, accountRate: perSecond, endpointRate: perEndpoint,
            share: share, name: name)
        let lease = try await BudgetLease.take(demand, pool: pool)
        queues[endpoint]?.isAlone = lease.isAlone && lease.hasSpareRoom
        queues[endpoint]?.isUndisturbed = lease.isUndisturbed
        queues[endpoint]?.granted = lease.slots.count
        clock.note(lease.databaseNow, askedAt: lease.askedAt, answeredAt: lease.answeredAt)
        // What was granted to who is alone lies closer together, and is not used late but by who counts.
        let tolerance = lease.isAlone ? SlotRate.toleranceAloneMicroseconds : SlotRate.toleranceMicroseconds
        // Refused meanwhile: they may have been granted before the pause.
        guard queues[endpoint]?.pauses == pauses else { return }
        for slot in lease.slots {
            let span = clock.span(of: slot, tolerance: tolerance)
            queues[endpoint]?.slots.append(Slot(from: span.from, to: span.to))
        }
        if lease.slots.count < wanted { queues[endpoint]?.askAgainAt = clock.span(of: lease.askAgainAt).from }
    }

    static func now(on connection: Connection) async throws -> Int64 {
        try await connection.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now")[0]["now"]
    }
}
