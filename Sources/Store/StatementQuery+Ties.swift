import PostgreSQL
import Reconciliation

extension StatementScope {
    /// What runs read as paid before the cut-off, by currency and by the run in whose look-back it was created. It is
    /// asked without regard to agencies, findings and orders: the lines, which are, are held against it. `$1` runs,
    /// `$2` accounts, `$3` the cut-off, Unix seconds, `$4` the object.
    var stripeTiesSQL: String {
        """
        SELECT p.currency, r.run_id, count(*) AS n, sum(p.amount)::bigint AS amount
        FROM trueup.stripe_payment p
        LEFT JOIN LATERAL (SELECT min(r.run_id) AS run_id FROM trueup.run_list r WHERE r.run_id = ANY($1)
            AND r.account = p.account AND r.object = p.object
            AND p.created_seconds >= r.from_seconds AND p.created_seconds < r.to_seconds) r ON true
        WHERE p.object = $4 AND p.account = ANY($2) AND p.paid_seconds < $3
        GROUP BY 1, 2
        """
    }

    /// The same of the tables' rows, by when they were made: `$1` runs, `$2` accounts, `$3` the cut-off, Unix seconds,
    /// `$4` the object.
    func localTiesSQL(isCharge: Bool) -> String {
        let table = isCharge ? "public.agency_charge" : orders.name
        let (amount, created) = isCharge ? ("amount_cents", "created_at") : (orders.amount, orders.createdAt)
        let currency = isCharge ? "currency" : orders.currency
        let (id, paidAt) = isCharge ? ("stripe_payment_intent_id", "succeeded_at") : (orders.id, orders.paidAt)
        let isPaid = isCharge ? "l.status = 'succeeded'" : "l.\(orders.paid)"
        return """
            SELECT lower(l.\(currency)::text) AS currency, r.run_id, count(*) AS n,
                sum(l.\(amount)::bigint)::bigint AS amount
            FROM \(table) l
            LEFT JOIN (SELECT id, min(paid_seconds) AS paid_seconds FROM trueup.stripe_payment
                WHERE object = $4 AND account = ANY($2) GROUP BY id) p ON p.id = l.\(id)
            LEFT JOIN LATERAL (SELECT min(r.id) AS run_id FROM trueup.run r WHERE r.id = ANY($1)
                AND l.\(created) >= to_timestamp(r.period_from_seconds)
                AND l.\(created) < to_timestamp(r.period_to_seconds)) r ON true
            WHERE \(isPaid)
                AND coalesce(to_timestamp(p.paid_seconds), l.\(paidAt), l.\(created)) < to_timestamp($3::bigint)
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
                let sql = side == .stripe ? scope.stripeTiesSQL : scope.localTiesSQL(isCharge: isCharge)
                ties += try await connection.query(sql, runs, accounts, scope.cutOffSeconds, object.rawValue).map {
                    StatementTie(
                        part: part, side: side, currency: try $0["currency"], runID: try $0["run_id"],
                        paid: Tally(count: try $0["n"], amount: try $0["amount"]))
                }
            }
        }
        return ties.sorted()
    }
}
