import PostgreSQL

/// What one transaction asks for.
struct BudgetDemand: Sendable {
    var count: Int
    var account: String
    var endpoint: String
    /// Requests a second.
    var accountRate: Double
    var endpointRate: Double
    var share: BudgetShare
    /// Who asks; unique among all.
    var name: String
}

/// What one transaction granted.
struct BudgetLease: Sendable {
    var slots: [Int64]
    var askAgainAt: Int64
    /// The database's clock, read between these two instants of ours.
    var databaseNow: Int64
    var askedAt: ContinuousClock.Instant
    var answeredAt: ContinuousClock.Instant
    /// Nobody else has asked for slots of the endpoint for a while.
    var isAlone: Bool
    /// Nobody else has asked for slots of the endpoint since we did, or for a while.
    var isUndisturbed: Bool
    /// The account has room to spare: it does not matter when within a second a request of the endpoint comes.
    var hasSpareRoom: Bool

    /// Who has not seen anybody else for so long is alone.
    private static let aloneMicroseconds: Int64 = 3_000_000
    /// So long who begins is one of several: those who begin with it need not wait behind it.
    private static let beginningMicroseconds: Int64 = 500_000
    /// After the last run of the schedule others leave it a part for so long.
    private static let nightlyMicroseconds: Int64 = 10_000_000

    /// One transaction: what it begins with goes with its BEGIN.
    static func take(_ demand: BudgetDemand, pool: Pool) async throws -> BudgetLease {
        let settings = SQLStatement(
            """
            SELECT set_config('synchronous_commit', 'off', true),
                set_config('idle_in_transaction_session_timeout', '1000', true)
            """)
        return try await pool.transaction(opening: [settings, rows(demand)]) { connection, found in
            var rows = found[1].rows
            if rows.count < 2 {
                try await insert(demand, on: connection)
                rows = try await connection.pipeline([self.rows(demand)])[0].rows
            }
            return try await take(demand, rows, on: connection)
        }
    }

    private static func take(
        _ demand: BudgetDemand, _ rows: [Row], on connection: Connection
    ) async throws -> BudgetLease {
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
        let company = try Company(rows[0], demand, now: now)
        let beside = try Company(rows[1], demand, now: now)
        let accountRate = SlotRate(perSecond: demand.accountRate)
        let newcomers = try Newcomers(
            rows[1], beside, lastSlot: calendar.endpoint.taken.last, now: now,
            stepMicroseconds: SlotRate(perSecond: demand.endpointRate).stepMicroseconds)
        // A pause that ends later than any can was written before the clock stepped back.
        let pause = min(max(accountPause, try rows[1]["paused_until"]), now + SharedBudget.pauseMicrosecondsMax)
        let granted = calendar.grant(
            demand.count, now: now, earliest: max(pause, newcomers.earliest(for: demand.name)),
            accountRate: accountRate,
            endpointRate: SlotRate(perSecond: demand.endpointRate, isAlone: beside.isAlone), share: company.share,
            horizonMicroseconds: beside.isAlone
                ? SlotCalendar.horizonAloneMicroseconds : SlotCalendar.horizonMicroseconds)
        _ = try await connection.pipeline([
            SQLStatement(
                """
                UPDATE trueup.rate_budget SET first_slice = $2, taken = $3, taken_in_background = $4,
                    paused_until = $5, asked_by = $6, asked_at = $7, shared_at = $8, nightly_at = $9
                WHERE account = $1 AND endpoint = ''
                """, demand.account, calendar.account.firstSlice, calendar.account.taken,
                calendar.account.takenInBackground, accountPause, demand.name, now, company.sharedAt,
                company.nightlyAt),
            SQLStatement(
                """
                UPDATE trueup.rate_budget SET slots = $3, asked_by = $4, asked_at = $5, shared_at = $6,
                    not_before = $7, was_alone = $8
                WHERE account = $1 AND endpoint = $2
                """, demand.account, demand.endpoint, calendar.endpoint.taken, demand.name, now, beside.sharedAt,
                newcomers.notBefore, newcomers.wasAlone),
        ])
        return BudgetLease(
            slots: granted.slots, askAgainAt: granted.askAgainAt, databaseNow: now, askedAt: askedAt,
            answeredAt: answeredAt, isAlone: beside.isAlone, isUndisturbed: beside.isUndisturbed,
            hasSpareRoom: calendar.account.hasSpareRoom(accountRate))
    }

    /// The account first, in every process.
    private static func rows(_ demand: BudgetDemand) -> SQLStatement {
        SQLStatement(
            """
            SELECT endpoint, first_slice, taken, taken_in_background, slots, paused_until, asked_by, asked_at,
                shared_at, nightly_at, not_before, was_alone
            FROM trueup.rate_budget WHERE account = $1 AND endpoint IN ('', $2) ORDER BY endpoint FOR UPDATE
            """, demand.account, demand.endpoint)
    }

    /// The rows of an account that was never asked for before say that nothing is granted. Else they were lost in a
    /// crash, and nobody knows what is.
    private static func insert(_ demand: BudgetDemand, on connection: Connection) async throws {
        let isNew =
            try await connection.execute(
                "INSERT INTO trueup.rate_account (account) VALUES ($1) ON CONFLICT DO NOTHING", demand.account) == 1
        if isNew { try await connection.run(script: "SET LOCAL synchronous_commit = on") }
        try await connection.execute(
            """
            INSERT INTO trueup.rate_budget (account, endpoint, first_slice, taken, taken_in_background, slots,
                paused_until)
            VALUES ($1, '', 0, '{}', '{}', '{}', $3), ($1, $2, 0, '{}', '{}', '{}', 0) ON CONFLICT DO NOTHING
            """, demand.account, demand.endpoint, Int64(isNew ? 0 : -1))
    }

    /// Who else has asked for slots of the account, or of the endpoint, of late.
    private struct Company {
        var sharedAt: Int64
        var nightlyAt: Int64
        var isAlone: Bool
        /// The last who asked was nobody else, or it is a while ago.
        var isUndisturbed: Bool
        /// Somebody was alone until now.
        var hasJustCome: Bool
        /// Who would leave a part to runs of the schedule need not while there are none.
        var share: BudgetShare

        init(_ row: Row, _ demand: BudgetDemand, now: Int64) throws {
            let askedBy: String = try row["asked_by"]
            let askedAt: Int64 = try row["asked_at"]
            // Times of the future were written before the clock stepped back.
            let isShared = askedBy != demand.name && askedAt > now - BudgetLease.aloneMicroseconds
            isUndisturbed = !isShared
            let sharedBefore: Int64 = min(now, try row["shared_at"])
            hasJustCome = isShared && sharedBefore < now - BudgetLease.aloneMicroseconds
            sharedAt =
                if isShared {
                    now
                } else if askedAt > now - BudgetLease.aloneMicroseconds {
                    sharedBefore
                } else {
                    max(sharedBefore, now - BudgetLease.aloneMicroseconds + BudgetLease.beginningMicroseconds)
                }
            nightlyAt = demand.share == .nightly ? now : min(now, try row["nightly_at"])
            isAlone = sharedAt < now - BudgetLease.aloneMicroseconds
            share = nightlyAt > now - BudgetLease.nightlyMicroseconds ? demand.share : .nightly
        }
    }

    /// Who was alone may use slots late, several at once: whoever else comes begins behind the second that holds them.
    private struct Newcomers {
        /// On the database's clock.
        var notBefore: Int64
        /// Whom it does not concern.
        var wasAlone: String

        init(_ row: Row, _ beside: Company, lastSlot: Int64?, now: Int64, stepMicroseconds: Int64) throws {
            if beside.hasJustCome {
                notBefore = (lastSlot ?? now) + 1_000_000 + SharedBudget.lateAloneMicroseconds
                wasAlone = try row["asked_by"]
            } else {
                notBefore = try row["not_before"]
                wasAlone = try row["was_alone"]
            }
            // A clock that was set back makes nobody wait for its old time. One slot may lie a step behind the horizon.
            let latest = now + SlotCalendar.forgottenMicroseconds + SharedBudget.lateAloneMicroseconds
            if notBefore > latest + stepMicroseconds { notBefore = 0 }
        }

        func earliest(for name: String) -> Int64 { name == wasAlone ? 0 : notBefore }
    }
}
