import PostgreSQL

/// The rate limit of one Stripe account, shared through the database by all processes that use it, and never exceeded:
/// not for the account and not for an endpoint, in no second.
///
/// Slots are granted a few at a time, for as many requests as wait, at most a quarter of a second ahead and on the
/// database's clock: some transactions a second for each process, not one for each request. A slot that cannot be used
/// in time, because the process was frozen or the machine is busy, is thrown away. It is exact where a round trip to
/// the database takes less than 40 ms.
///
/// All processes must be told the same limits: those of `settings.yaml`.
public actor SharedBudget {
    private let pool: Pool
    private let account: String
    private let accountRate: SlotRate
    private let endpointRate: SlotRate
    private let share: BudgetShare
    private var queues: [String: Queue] = [:]
    /// Slots that came too late to be used.
    public private(set) var wasted = 0
    /// Transactions that granted slots, or found none.
    public private(set) var leases = 0

    /// The longest pause after a refusal.
    static let pauseMicrosecondsMax: Int64 = 16_000_000
    /// The most slots that one transaction grants.
    static let batchMax = 64

    private struct Queue {
        /// Usable from the first instant to the second, on this process's clock.
        var slots: [(from: ContinuousClock.Instant, to: ContinuousClock.Instant)] = []
        var waiting = 0
        var refill: Task<Void, any Error>?
        /// Before this nothing more is free, as the last transaction found.
        var askAgainAt = ContinuousClock.now

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
    public func take(_ endpoint: String) async throws(CancellationError) {
        while true {
            if Task.isCancelled { throw CancellationError() }
            if let slot = queues[endpoint]?.popSlot() {
                try await sleep(until: slot.from)
                if ContinuousClock.now <= slot.to { return }
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
        let task: Task<Void, any Error>
        if let running = queues[endpoint]?.refill {
            task = running
        } else {
            // It outlives the one who began it: others wait for it as well.
            task = Task { try await fetch(endpoint) }
            queues[endpoint]?.refill = task
        }
        if case .failure = await task.result { try await sleep(until: .now + .milliseconds(500)) }
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
        let wanted = min(Self.batchMax, max(1, queues[endpoint]?.waiting ?? 1))
        leases += 1
        let lease = try await pool.transaction { [account, accountRate, endpointRate, share] connection in
            try await BudgetLease.take(
                wanted, account: account, endpoint: endpoint, accountRate: accountRate, endpointRate: endpointRate,
                share: share, on: connection)
        }
        for slot in lease.slots { queues[endpoint]?.slots.append(lease.span(of: slot)) }
        if lease.slots.count < wanted { queues[endpoint]?.askAgainAt = lease.span(of: lease.askAgainAt).from }
    }

    static func now(on connection: Connection) async throws -> Int64 {
        try await connection.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now")[0]["now"]
    }
}

/// What one transaction granted.
struct BudgetLease: Sendable {
    var slots: [Int64]
    var askAgainAt: Int64
    /// The database's clock, read between these two instants of ours.
    var databaseNow: Int64
    var askedAt: ContinuousClock.Instant
    var answeredAt: ContinuousClock.Instant

    /// A time of the database on our clock: never before it, wherever in the round trip the clock was read; and never
    /// more than the tolerance after it. A round trip that takes nearly all of the tolerance leaves a little time all
    /// the same, or a distant database would stop all requests: then a slot can be used so much too late as the round
    /// trip is too long.
    func span(of slot: Int64) -> (from: ContinuousClock.Instant, to: ContinuousClock.Instant) {
        let distance = Duration.microseconds(slot - databaseNow)
        let from = answeredAt + distance
        let to = askedAt + distance + .microseconds(SlotRate.toleranceMicroseconds)
        return (from, max(to, from + .milliseconds(10)))
    }

    static func take(
        _ count: Int, account: String, endpoint: String, accountRate: SlotRate, endpointRate: SlotRate,
        share: BudgetShare, on connection: Connection
    ) async throws -> BudgetLease {
        try await connection.run(
            script: "SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = 1000")
        try await connection.execute(
            """
            INSERT INTO trueup.rate_budget (account, endpoint, first_slice, taken, taken_in_background, slots,
                paused_until)
            VALUES ($1, '', 0, '{}', '{}', '{}', -1), ($1, $2, 0, '{}', '{}', '{}', 0) ON CONFLICT DO NOTHING
            """, account, endpoint)
        // The account first, in every process.
        let rows = try await connection.query(
            """
            SELECT endpoint, first_slice, taken, taken_in_background, slots, paused_until FROM trueup.rate_budget
            WHERE account = $1 AND endpoint IN ('', $2) ORDER BY endpoint FOR UPDATE
            """, account, endpoint)
        let askedAt = ContinuousClock.now
        let now = try await SharedBudget.now(on: connection)
        let answeredAt = ContinuousClock.now
        var calendar = SlotCalendar(
            account: AccountSlots(
                firstSlice: try rows[0]["first_slice"], taken: try rows[0]["taken"],
                takenInBackground: try rows[0]["taken_in_background"]),
            endpoint: EndpointSlots(taken: try rows[1]["slots"]))
        var accountPause: Int64 = try rows[0]["paused_until"]
        if accountPause < 0 || calendar.isFromTheFuture(now: now) {
            (calendar, accountPause) = SlotCalendar.unknown(now: now)
        }
        // A pause that ends later than any can was written before the clock stepped back.
        let pause = min(max(accountPause, try rows[1]["paused_until"]), now + SharedBudget.pauseMicrosecondsMax)
        let granted = calendar.grant(
            count, now: now, earliest: pause, accountRate: accountRate, endpointRate: endpointRate, share: share)
        try await connection.execute(
            """
            UPDATE trueup.rate_budget SET first_slice = $3, taken = $4, taken_in_background = $5,
                slots = CASE endpoint WHEN '' THEN '{}' ELSE $6 END,
                paused_until = CASE endpoint WHEN '' THEN $7 ELSE paused_until END
            WHERE account = $1 AND endpoint IN ('', $2)
            """, account, endpoint, calendar.account.firstSlice, calendar.account.taken,
            calendar.account.takenInBackground, calendar.endpoint.taken, accountPause)
        return BudgetLease(
            slots: granted.slots, askAgainAt: granted.askAgainAt, databaseNow: now, askedAt: askedAt,
            answeredAt: answeredAt)
    }
}
