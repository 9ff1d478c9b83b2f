import PostgreSQL
import Reconciliation

extension StatementScope {
    /// What runs read as paid before the cut-off, by currency and by the run in whose look-back it was created. It is
    /// asked without regard to agencies, findings and orders: the lines, which are, are held against it. `$1` runs,
    /// `$2` accounts, `$3` the cut-off, Unix seconds, `$4` the object.
    var stripeTiesSQL: String {
        """
        WITH list AS MATERIALIZED (
            SELECT run_id, account, from_seconds, to_seconds FROM trueup.run_list
            WHERE run_id = ANY($1) AND object = $4 AND account = ANY($2)
        )
        SELECT currency, run_id, count(*) AS n, sum(amount)::bigint AS amount
        FROM (
            SELECT p.currency, p.amount, (SELECT min(r.run_id) FROM list r WHERE r.account = p.account
                AND p.created_seconds >= r.from_seconds AND p.created_seconds < r.to_seconds) AS run_id
            FROM trueup.stripe_payment p
            WHERE p.object = $4 AND p.account = ANY($2) AND p.paid_seconds < $3
        ) paid
        GROUP BY 1, 2
        """
    }

    /// The same of the tables' rows, by when they were made: `$1` runs, `$2` accounts, `$3` the cut-off, Unix seconds.
    func localTiesSQL(isCharge: Bool) -> String {
        let table = isCharge ? "public.agency_charge" : orders.name
        let (amount, created) = isCharge ? ("amount_cents", "created_at") : (orders.amount, orders.createdAt)
        let currency = isCharge ? "currency" : orders.currency
        let (id, paidAt) = isCharge ? ("stripe_payment_intent_id", "succeeded_at") : (orders.id, orders.paidAt)
        let isPaid = isCharge ? "l.status = 'succeeded'" : "l.\(orders.paid)"
        return """
            WITH period AS MATERIALIZED (
                SELECT id, to_timestamp(period_from_seconds) AS from_at, to_timestamp(period_to_seconds) AS to_at
                FROM trueup.run WHERE id = ANY($1)
            )
            SELECT currency, run_id, count(*) AS n, sum(amount)::bigint AS amount
            FROM (
                SELECT lower(l.\(currency)::text) AS currency, l.\(amount)::bigint AS amount,
                    (SELECT min(r.id) FROM period r
                        WHERE l.\(created) >= r.from_at AND l.\(created) < r.to_at) AS run_id
                FROM \(table) l
                LEFT JOIN (\(paidTimesSQL(isCharge: isCharge, accounts: "$2"))) p ON p.id = l.\(id)
                WHERE \(isPaid)
                    AND coalesce(to_timestamp(p.paid_seconds), l.\(paidAt), l.\(created)) < to_timestamp($3::bigint)
            ) paid
            GROUP BY 1, 2
            """
    }
}

extension StatementQuery {
    /// What was paid before the cut-off on both sides, asked apart from the lines of the statement.
    func ties(on connection: Connection) async throws -> [StatementTie] {
        var ties: [StatementTie] = []
        for part in StatementItem.Scope.allCases {
            let isCharge = part == .charges
            let jobs = isCharge ? scope.chargeJobs : scope.creditJobs
            guard !jobs.isEmpty else { continue }
            let runs: [Int64] = try await connection.query(
                "SELECT id FROM trueup.run WHERE id = ANY($1) AND job = ANY($2) ORDER BY id", scope.runIDs, jobs
            ).map { try $0["id"] }
            let object: ListedObject = isCharge ? .paymentIntent : .invoice
            let accounts = isCharge ? scope.chargeAccounts : scope.creditAccounts
            for side in StatementTie.Side.allCases {
                let isStripe = side == .stripe
                let rows =
                    isStripe
                    ? try await connection.query(
                        scope.stripeTiesSQL, runs, accounts, scope.cutOffSeconds, object.rawValue)
                    : try await connection.query(
                        scope.localTiesSQL(isCharge: isCharge), runs, accounts, scope.cutOffSeconds)
                ties += try rows.map {
                    StatementTie(
                        part: part, side: side, currency: try $0["currency"], runID: try $0["run_id"],
                        paid: Tally(count: try $0["n"], amount: try $0["amount"]))
                }
            }
        }
        return ties.sorted()
    }
}
