import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("The set-based comparison of payment intents")
struct IntentDiffTests {
    @Test("says what holding every intent against every row says", arguments: Seeds.range(1, 40))
    func agreesWithThePlainWay(_ seed: UInt64) async throws {
        let pool = try await TestServer.pool(size: 3)
        let made = ChargeCase(seed: seed, count: 150)
        let run = try await Self.load(made, into: pool)
        let found = try await Self.compare(made, run, pool)
        let expected = made.expected
        let (missing, extra) = (Set(expected).subtracting(found), Set(found).subtracting(expected))
        #expect(missing.isEmpty, "missing: \(missing.sorted())")
        #expect(extra.isEmpty, "too many: \(extra.sorted())")
        #expect(found.count == expected.count, "a pair came twice")
        await pool.close()
    }

    @Test("the cases that are made hold every kind of finding")
    func everyKind() {
        let kinds = Set(
            (1...40 as ClosedRange<UInt64>).flatMap { ChargeCase(seed: $0, count: 150).expected }
                .map { String($0.prefix { $0 != " " }) })
        for kind in FindingKind.intentKinds { #expect(kinds.contains(kind.rawValue), "\(kind.rawValue)") }
    }

    @Test("a pair says what its Stripe side rests on, and everything that was staged of it")
    func tellsTheRequest() async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = ChargeCase(seed: 1, count: 1)
        let intent = IntentFacts(
            id: "pi_1", status: .succeeded, createdSeconds: ChargeCase.now - 900, currency: "usd", amount: 700,
            amountReceived: 700, customer: "cus_1", latestCharge: "ch_1", hasFailed: true, hasCheckoutSession: false,
            chargeID: "1", agencyID: "1", orderID: "5", canceledAtSeconds: 11, chargedAtSeconds: 12)
        let charge = ChargeFacts(
            rowID: 1, intentID: "pi_1", agencyID: 1, amount: 700, currency: "usd", status: .pending,
            createdSeconds: ChargeCase.now - 901, customer: "cus_1")
        (made.intents, made.fresh, made.charges) = ([intent], ["pi_1"], [charge])
        (made.absent, made.foreign, made.reversals, made.alsoRows, made.alsoRead) = ([], [], [], [], [])
        let run = try await Self.load(made, into: pool)
        let collected = Collected()
        try await Self.visit(made, run, pool) { await collected.add($0) }
        let expected = DifferingPair(
            account: "task_health", pair: .charge(IntentPair(stripe: intent, charge: charge)), requestID: "req_fresh",
            isFresh: true)
        #expect(await collected.pairs == [expected])
        let unstaged = try await pool.withConnection { connection in
            try await Self.diff(run, on: connection).unstaged(["pi_1", "pi_2", "no id"], on: connection)
        }
        #expect(unstaged == ["pi_2"])
        await pool.close()
    }

    static func load(_ made: ChargeCase, into pool: Pool) async throws -> Run {
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0")
        let run = try await Runs(pool: pool).begin(
            job: "agency-charges", definitionHash: "x", isPlan: false, period: ChargeCase.period,
            lists: [RunList(account: "task_health", object: .paymentIntent): ChargeCase.period], origin: origin)
        try await pool.withConnection { connection in
            // A table that allows less would hide what an older schema holds.
            try await connection.run(
                script: """
                    ALTER TABLE agency_charge DROP CONSTRAINT agency_charge_status_check;
                    ALTER TABLE agency_charge ALTER status DROP NOT NULL
                    """)
            for agency in 1...5 {
                try await connection.execute(
                    "INSERT INTO agency (id, name, \"stripeCustomerId\") VALUES ($1, 'A', $2)", agency,
                    "cus_\(agency)")
            }
            for charge in made.charges {
                try await connection.execute(
                    """
                    INSERT INTO agency_charge (id, agency_id, amount_cents, currency, stripe_payment_intent_id, status,
                        created_at)
                    VALUES ($1, $2, $3, $4, $5, nullif($6, ''), to_timestamp($7::bigint))
                    """, charge.rowID, charge.agencyID, charge.amount, charge.currency, charge.intentID,
                    charge.status.word, charge.createdSeconds)
            }
            try await stage(made, run, connection)
        }
        return run
    }

    private static func stage(_ made: ChargeCase, _ run: Run, _ connection: Connection) async throws {
        var rows = BinaryRows()
        for intent in made.intents {
            let isFresh = made.fresh.contains(intent.id)
            StagedIntents.append(
                intent, account: "task_health", requestID: isFresh ? "req_fresh" : "req_1", isFresh: isFresh, to: &rows)
        }
        for id in made.absent.sorted() {
            StagedIntents.appendAbsent(id, account: "task_health", requestID: "req_2", to: &rows)
        }
        for intent in made.foreign {
            StagedIntents.append(intent, account: "medflyt", requestID: "req_3", isFresh: false, to: &rows)
        }
        try await StagingTable(.paymentIntent, runID: run.id)
            .replace([], account: "task_health", with: rows, for: RunFence(run), on: connection)
        let reversals = StagedReversals(runID: run.id)
        try await reversals.replace(
            made.reversals.map { ($0, requestID: "req_4") }, account: "task_health", for: RunFence(run), on: connection)
        // Of another account, for intents of this one: it must not count.
        let elsewhere = made.intents.prefix(5).map { intent in
            ReversalFacts(
                id: "re_other_\(intent.id)", kind: .refund, createdSeconds: 1, status: "succeeded", currency: "usd",
                amount: 3, stands: true, paymentIntent: intent.id)
        }
        try await reversals.replace(
            elsewhere.map { ($0, requestID: "req_5") }, account: "medflyt", for: RunFence(run), on: connection)
    }

    static func diff(
        _ run: Run, ofAnyAge: Bool = true, candidatesMax: Int = 50_000, on connection: Connection
    ) async throws -> IntentDiff {
        let table = try await ChargeTable.resolve(
            schema: "public", table: "agency_charge", columns: [:], customerColumn: "stripeCustomerId", on: connection)
        try await table.refuseHiddenRows(on: connection)
        return IntentDiff(
            staged: StagingTable(.paymentIntent, runID: run.id), reversals: StagedReversals(runID: run.id),
            table: table, account: "task_health", period: run.period, rules: ChargeCase.rules, settleSeconds: 300,
            ofAnyAge: ofAnyAge, candidatesMax: candidatesMax)
    }

    static func visit(
        _ made: ChargeCase, _ run: Run, _ pool: Pool,
        _ body: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws {
        try await pool.withConnection { connection in
            let counts = try await diff(run, ofAnyAge: made.ofAnyAge, on: connection).run(
                on: connection, alsoRead: made.alsoRead, alsoRows: made.alsoRows, body)
            #expect(counts.staged == made.intents.count)
            let compared = made.charges.count { charge in
                charge.createdSeconds < ChargeCase.period.toSeconds
                    && (charge.createdSeconds >= ChargeCase.period.fromSeconds
                        || (made.ofAnyAge && made.isOpen(charge)))
            }
            #expect(counts.rows == compared)
        }
    }

    static func compare(_ made: ChargeCase, _ run: Run, _ pool: Pool) async throws -> [String] {
        let collected = Collected()
        try await visit(made, run, pool) { await collected.add($0) }
        return await collected.findings.sorted()
    }
}

private actor Collected {
    var pairs: [DifferingPair] = []
    var findings: [String] = []

    func add(_ new: [DifferingPair]) {
        pairs += new
        for found in new {
            guard case .charge(let pair) = found.pair else { continue }
            let row = pair.charge.map { String($0.rowID) } ?? "-"
            if let unread = found.unread {
                findings.append("unread \(unread) \(row)")
            } else if let kind = ChargeCase.rules.classify(pair).kind {
                findings.append("\(kind.rawValue) \(pair.stripe?.id ?? pair.charge?.intentID ?? "-") \(row)")
            }
        }
    }
}
