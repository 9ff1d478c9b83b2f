import PostgreSQL
import Reconciliation
import Store
import Support

/// A database with orders, reservations and adjustments of a few agencies, and the findings about them.
struct StatementScene: Sendable {
    static let day: Int64 = 86_400
    /// Midnight UTC of some day.
    static let cutOff: Int64 = 1_790_035_200
    let pool: Pool
    let orders: OrderTable

    /// Opens it for `body` and gives the database back after.
    static func with(_ body: (StatementScene) async throws -> Void) async throws {
        try await LentDatabase.withPool(size: 4) { try await body(StatementScene($0)) }
    }

    private init(_ pool: Pool) async throws {
        self.pool = pool
        orders = try await pool.withConnection { connection in
            try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
        }
        try await run(
            """
            INSERT INTO agency (id, name) VALUES (1, 'Sunrise'), (2, 'Harbor');
            INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                definition_hash, program_version, requested_by, host, process_id, ended_at)
            VALUES ('credit-invoices', 'manual', false, 'drift', \(Self.cutOff - 35 * Self.day), \(Self.cutOff + 7_200),
                'aa', '1', 'cron', 'host', 1, now());
            INSERT INTO trueup.stripe_reading VALUES (1, 'task_health', 'invoice', 0, \(Self.cutOff + 7_200)),
                (1, 'task_health', 'payment_intent', 0, \(Self.cutOff + 7_200));
            """)
    }

    func run(_ script: String) async throws {
        try await pool.withConnection { try await $0.run(script: script) }
    }

    /// An order of so many credits that became paid so long before the cut-off; negative: after it.
    func paid(_ id: Int64, agency: Int64 = 1, credits: Int64, secondsBefore: Int64) async throws {
        try await run(
            """
            INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency, stripe_invoice_id,
                paid, paid_at, created_at)
            VALUES (\(id), \(agency), \(credits), \(credits * 20_000), 'USD', 'in_\(id)', true,
                to_timestamp(\(Self.cutOff - secondsBefore)), to_timestamp(\(Self.cutOff - secondsBefore - 60)))
            """)
        try await readPaid("in_\(id)", amount: credits * 20_000, secondsBefore: secondsBefore)
    }

    /// What a run read of a payment so long before the cut-off.
    func readPaid(
        _ id: String, object: String = "invoice", agency: Int64? = nil, amount: Int64, currency: String = "usd",
        secondsBefore: Int64
    ) async throws {
        try await run(
            """
            INSERT INTO trueup.stripe_payment (account, object, id, agency_id, amount, currency, created_seconds,
                paid_seconds, run_id)
            VALUES ('task_health', '\(object)', '\(id)', \(agency.map(String.init) ?? "NULL"), \(amount),
                '\(currency)', \(Self.cutOff - secondsBefore - 60), \(Self.cutOff - secondsBefore), 1)
            ON CONFLICT (account, object, id) DO NOTHING
            """)
    }

    func balance(_ agency: Int64, _ credits: Int64) async throws {
        try await run(
            "INSERT INTO task_credit_agency_balance VALUES (\(agency), \(credits), now()) ON CONFLICT (agency_id) "
                + "DO UPDATE SET balance = excluded.balance")
    }

    /// What a test says of a finding; the rest is as for an order of 7 credits that was never granted.
    struct Found: Sendable {
        var kind = FindingKind.missedPaid
        var job = "credit-invoices"
        var stripeID = "in_900"
        var localID = "900"
        var action = Action.apply
        var stripeStatus = "paid"
        var localState = "open"
        var stripeAmount: Int64? = 140_000
        var localAmount: Int64? = 140_000
        var currency = "usd"
        var credits: Int64? = 7
        var agency: Int64? = 1
        var comparison = "orders"
        var facts = ""
        var secondsBefore: Int64 = 3_600
    }

    func found(_ found: Found) async throws {
        func text(_ number: Int64?) -> String { number.map(String.init) ?? "NULL" }
        let facts =
            found.facts.isEmpty
            ? "{\"stripe\": {\"created\": \(Self.cutOff - found.secondsBefore - 60), "
                + "\"paidAt\": \(Self.cutOff - found.secondsBefore)}}" : found.facts
        try await run(
            """
            INSERT INTO trueup.finding (job, comparison, kind, account, stripe_id, local_id, action, stripe_status,
                local_state, stripe_amount, local_amount, currency, credits, agency_id, explanation, facts,
                first_run_id, last_run_id)
            VALUES ('\(found.job)', '\(found.comparison)', '\(found.kind.rawValue)', 'task_health', '\(found.stripeID)',
                '\(found.localID)',
                '\(found.action.rawValue)', '\(found.stripeStatus)', '\(found.localState)', \(text(found.stripeAmount)),
                \(text(found.localAmount)), '\(found.currency)', \(text(found.credits)), \(text(found.agency)), 'Why.',
                '\(facts)', 1, 1)
            """)
        let (object, isPaid) =
            found.comparison == "charges"
            ? ("payment_intent", found.stripeStatus == "succeeded") : ("invoice", found.stripeStatus == "paid")
        guard found.comparison != "notices", let amount = found.stripeAmount else { return }
        if isPaid {
            try await readPaid(
                found.stripeID, object: object, amount: amount, currency: found.currency,
                secondsBefore: found.secondsBefore)
        } else {
            try await run("DELETE FROM trueup.stripe_payment WHERE id = '\(found.stripeID)'")
        }
    }

    func scope(from: Int64? = nil, cutOff: Int64 = cutOff) -> StatementScope {
        StatementScope(
            job: "balance-report", cutOffSeconds: cutOff, fromSeconds: from, orders: orders,
            creditJobs: ["credit-invoices"], chargeJobs: ["agency-charges"], creditAccounts: ["task_health"],
            chargeAccounts: ["task_health"], otherJobs: ["notices"], runIDs: [1], creditPriceCents: 20_000)
    }

    func figures(_ scope: StatementScope? = nil) async throws -> StatementFigures {
        let query = StatementQuery(scope ?? self.scope())
        return try await StatementQuery.snapshot(pool) { try await query.figures(on: $0) }
    }

    /// The statement over the figures, with everything read.
    func statement(_ figures: StatementFigures, cutOff: Int64 = cutOff) throws -> Reconciliation.Statement {
        try Reconciliation.Statement(
            StatementInput(
                cutOff: StatementCutOff(seconds: cutOff, zone: "UTC", localText: "", utcText: ""),
                agencies: figures.agencies, charges: figures.charges, items: figures.items.map(\.item),
                reads: [StatementRead(name: "Stripe", isComplete: true)],
                previous: figures.previous.map {
                    PreviousStatement(
                        cutOffSeconds: $0.cutOffSeconds, state: $0.state, open: figures.previousItems)
                }))
    }

    /// Keeps the report of these figures, and signs it where two people are named.
    @discardableResult
    func keep(
        _ figures: StatementFigures, cutOff: Int64, signedBy people: [String] = [], isRegular: Bool = true
    ) async throws -> Int64 {
        let reports = StoredReports(pool: pool)
        let number = try await reports.takeNumber(job: "balance-report", requestedBy: "me")
        let id = number.id
        let previous = try await reports.last(job: "balance-report")
        var report = NewReport(
            job: "balance-report", name: "balance-report/\(cutOff)", statement: try statement(figures, cutOff: cutOff),
            verdict: "v", periodFromSeconds: figures.fromSeconds, asOfSeconds: cutOff, runIDs: [1], formats: ["json"],
            definitionHash: "d", dataHash: "data\(id)", programVersion: "1", cumulative: figures.cumulative,
            findingIDs: Dictionary(uniqueKeysWithValues: figures.items.map { ($0.item.id, $0.findingID) }))
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "me", host: "h", processID: 1, programVersion: "1")
        report.take(number, after: previous?.manifestHash, by: origin, isRegular: isRegular)
        report.manifestHash = "m\(id)"
        report.files = [StoredReport.File(name: "report.json", bytes: 2, sha256: "f\(id)")]
        let written = report
        try await pool.transaction { try await written.insert(on: $0) }
        for (role, person) in zip(["preparer", "reviewer"], people) {
            try await reports.sign(id, NewSignature(role: role, person: person, note: "Checked.", systemUser: person))
        }
        return id
    }
}
