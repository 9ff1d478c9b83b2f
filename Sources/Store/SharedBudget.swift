import PostgreSQL

/// The rate limit of one Stripe account, shared through the database by all processes that use it, and never exceeded:
/// not for the account and not for an endpoint, in no second.
///
/// Slots are granted a few at a time, for as many requests as wait, at most a quarter of a second ahead and on the
/// database's clock: some transactions a second for each process, not one for each request. Who is alone takes slots
/// for a second, as many as it has used of late, and the next ones before these are gone: it never waits for the
/// database. A slot that cannot be used in time, because the process was frozen or the machine is busy, is thrown away.
/// It is exact where the shortest of a few round trips to the database takes less than 5 ms.
///
/// All processes must be told the same limits: those of `settings.yaml`.
public actor SharedBudget {
    private let pool: Pool
    private let account: String
    private let accountRate: SlotRate
    private let endpointRate: SlotRate
    private let share: BudgetShare
    private var queues: [String: Queue] = [:]
    /// This process, among those that ask.
    private let name = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    private var clock = DatabaseClock()
    /// Whether nobody else has asked for a while, as the last transaction found.
    private var isAlone = false
    /// Slots that came too late to be used.
    public private(set) var wasted = 0
    /// Transactions that granted slots, or found none.
    public private(set) var leases = 0

    /// The longest pause after a refusal.
    static let pauseMicrosecondsMax: Int64 = 16_000_000
    /// The most slots that one transaction grants.
    static let batchMax = 64
    /// The same for who is alone.
    static let batchAloneMax = 1_024

    private struct Queue {
        /// Usable from the first instant to the second, on this process's clock.
        var slots: [(from: ContinuousClock.Instant, to: ContinuousClock.Instant)] = []
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
        mutating func wanted(isAlone: Bool, now: ContinuousClock.Instant) -> Int {
            let (seconds, attoseconds) = (now - fetchedAt).components
            let elapsed = max(0.02, Double(seconds) + Double(attoseconds) * 1e-18)
            usedPerSecond = max(Double(used) / elapsed, usedPerSecond / 2)
            used = 0
            fetchedAt = now
            guard isAlone else { return min(SharedBudget.batchMax, max(1, waiting)) }
            return min(SharedBudget.batchAloneMax, max(1, waiting, Int(usedPerSecond * 1.5)))
        }

        /// Few are left of what was granted, or for a short time only.
        var isLow: Bool {
            guard let last = slots.last, slots.count > granted / 3 else { return true }
            return last.to < .now + .milliseconds(20)
        }

        mutating func popSlot() -> (from: ContinuousClock.Instant, to: ContinuousClock.Instant)? {
            slots.isEmpty ? nil : slots.removeFirst()
        }
    }

    /// - Parameters:
    ///   - pool: one connection is enough, and it should not be one that a run's own work needs.
    ///   - perSecond: requests a second to the account, all processes together.
    ///   - perEndpoint: requests a second to one endpoint.
    public init(pool: Pool, account: String, perSecond: Double, perEndpoint: Double, share: BudgetShare = .nightly) {
        self.pool = pool
        self.account = account
        self.accountRate = SlotRate(perSecond: perSecond)
        self.endpointRate = SlotRate(perSecond: perEndpoint)
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
                if ContinuousClock.now <= slot.to {
                    queues[endpoint]?.used += 1
                    return slot.to
                }
                wasted += 1
                continue
            }
            try await refill(endpoint)
        }
    }

    /// Stripe refused all the same: nobody sends for a while, longer each time.
    /// - Parameter isAboutAccount: the account as a whole was refused, not the endpoint.
    public func slowDown(_ endpoint: String, isAboutAccount: Bool) async {
        queues[endpoint]?.slots.removeAll()
        // Best effort: where the database cannot be reached, nobody gets a slot anyway.
        _ = try? await pool.withConnection { [account] connection in
            try await connection.execute(
                """
                UPDATE trueup.rate_budget SET
                    pauses = CASE WHEN paused_until < $3 - 10000000 THEN 1 ELSE least(pauses + 1, 5) END,
                    paused_until = CASE WHEN paused_until > $3 THEN paused_until
                        WHEN paused_until < $3 - 10000000 THEN $3 + 1000000
                        ELSE $3 + 1000000 * (2 ^ least(pauses, 4))::bigint END
                WHERE account = $1 AND endpoint = $2
                """, account, isAboutAccount ? "" : endpoint, try await Self.now(on: connection))
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
        guard isAlone, let queue = queues[endpoint], queue.isLow, queue.refill == nil, queue.askAgainAt <= .now else {
            return
        }
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
        let wanted = queues[endpoint]?.wanted(isAlone: isAlone, now: .now) ?? 1
        leases += 1
        let demand = BudgetDemand(
            count: wanted, account: account, endpoint: endpoint, accountRate: accountRate, endpointRate: endpointRate,
            share: share, name: name)
        let lease = try await pool.transaction { try await BudgetLease.take(demand, on: $0) }
        isAlone = lease.isAlone
        queues[endpoint]?.granted = lease.slots.count
        clock.note(lease.databaseNow, askedAt: lease.askedAt, answeredAt: lease.answeredAt)
        for slot in lease.slots { queues[endpoint]?.slots.append(clock.span(of: slot)) }
        if lease.slots.count < wanted { queues[endpoint]?.askAgainAt = clock.span(of: lease.askAgainAt).from }
    }

    static func now(on connection: Connection) async throws -> Int64 {
        try await connection.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now")[0]["now"]
    }
}
