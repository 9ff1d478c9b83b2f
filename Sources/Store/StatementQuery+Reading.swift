import PostgreSQL
import Reconciliation

/// From when on a statement needs Stripe's lists of one of its parts.
public struct HistoryStart: Sendable, Hashable {
    /// Of `created`, Unix seconds.
    public let readFromSeconds: Int64
    /// When the first row of the part's table was made, Unix seconds; `nil` where it has none.
    public let firstRowSeconds: Int64?

    public init(readFromSeconds: Int64, firstRowSeconds: Int64?) {
        self.readFromSeconds = readFromSeconds
        self.firstRowSeconds = firstRowSeconds
    }
}

extension StatementScope {
    /// An object may be a little older than the row that waits for it.
    private static let slackSeconds: Int64 = 3_600

    /// From the beginning of Stripe, or from the day that the job file names; from an older row where there is one. The
    /// first row alone tells nothing of what was paid without one.
    func historyStart(firstRow: Int64?) -> HistoryStart {
        let said = historyFromSeconds ?? StripeHistory.readFromSeconds
        let from = min(said, firstRow.map { $0 - Self.slackSeconds } ?? said)
        // A statement of a time before that rests on something all the same.
        return HistoryStart(readFromSeconds: min(from, cutOffSeconds - 1), firstRowSeconds: firstRow)
    }
}

extension StatementQuery {
    /// A part of the statement, and whose lists it rests on.
    private struct Part {
        let scope: StatementItem.Scope
        let job: String
        let accounts: [String]
        let object: ListedObject
    }

    /// The parts that a job states.
    private var parts: [Part] {
        let all: [(StatementItem.Scope, String?, [String], ListedObject)] = [
            (.credits, scope.creditJobs.first, scope.creditAccounts, .invoice),
            (.charges, scope.chargeJobs.first, scope.chargeAccounts, .paymentIntent),
        ]
        return all.compactMap { part, job, accounts, object in
            guard let job, !accounts.isEmpty else { return nil }
            return Part(scope: part, job: job, accounts: accounts, object: object)
        }
    }

    /// From when on each part needs Stripe's lists.
    func history(on connection: Connection) async throws -> [StatementItem.Scope: HistoryStart] {
        var starts: [StatementItem.Scope: HistoryStart] = [:]
        for part in parts {
            let (table, created) =
                part.scope == .charges ? (charges, "created_at") : (scope.orders.name, scope.orders.createdAt)
            let first: Int64? = try await connection.query(
                "SELECT floor(extract(epoch FROM min(\(created))))::bigint AS first FROM \(table)")[0]["first"]
            starts[part.scope] = scope.historyStart(firstRow: first)
        }
        return starts
    }

    /// The times of each list that the statement needs and no complete run has read: what was paid then is not known.
    func unread(
        _ history: [StatementItem.Scope: HistoryStart], on connection: Connection
    ) async throws -> [UnreadTime] {
        var unread: [UnreadTime] = []
        for part in parts {
            guard let start = history[part.scope] else { continue }
            for account in part.accounts {
                unread += try await StripePayments.unread(
                    RunList(account: account, object: part.object), from: start.readFromSeconds,
                    to: scope.cutOffSeconds, on: connection
                ).map { UnreadTime(job: part.job, account: account, scope: part.scope, period: $0) }
            }
        }
        return unread
    }

    /// The newest of the facts that the figures state, Unix seconds; `nil` where there is none. It follows from the
    /// data alone: the same figures are as of the same time, whenever a report of them is made.
    ///
    /// Facts are the runs that it rests on, and all others that have read of its time, backfills among them; what was
    /// found, closed, repaired and taken back of its items, and what people wrote about them; the reports that it is
    /// compared with, and the signatures at whose cut-off it opens.
    func newest(_ figures: StatementFigures, on connection: Connection) async throws -> Int64? {
        let findings =
            figures.items.map(\.findingID) + figures.resolved.map(\.finding.findingID)
            + figures.uncounted.map(\.findingID)
        let signed = figures.signed.map { [$0.id] } ?? []
        let noted: Int64? = try await connection.query(
            newestSQL, scope.runIDs, scope.jobs, scope.cutOffSeconds, scope.creditAccounts, scope.chargeAccounts,
            findings, signed)[0]["newest"]
        var times = [noted].compactMap(\.self)
        // Whatever stands in the report is not later than the report.
        times += figures.items.map(\.firstSeenSeconds) + figures.items.compactMap(\.paidAtSeconds)
        times += figures.resolved.map(\.closedAt.seconds) + figures.repairs.map(\.appliedAt.seconds)
        times += figures.runs.map(\.run.period.toSeconds)
        times += ([figures.previous, figures.signed].compactMap(\.self) + figures.trend).map(\.createdAt.seconds)
        return times.max()
    }

    /// `$1` runs, `$2` all jobs, `$3` the cut-off, Unix seconds, `$4` accounts of credits, `$5` accounts of charges,
    /// `$6` findings, `$7` reports whose signatures count. What a plan did is among the findings' notes and repairs.
    private var newestSQL: String {
        """
        SELECT floor(extract(epoch FROM greatest(
            (SELECT max(coalesce(ended_at, started_at)) FROM trueup.run WHERE id = ANY($1)),
            (SELECT max(ended_at) FROM trueup.run
                WHERE job = ANY($2) AND NOT is_plan AND trigger NOT IN ('apply', 'revert')
                    AND state IN ('clean', 'repaired', 'drift') AND period_to_seconds > period_from_seconds
                    AND period_from_seconds < $3),
            (SELECT max(r.ended_at) FROM trueup.stripe_reading s JOIN trueup.run r ON r.id = s.run_id
                WHERE s.from_seconds < $3 AND (s.object = 'invoice' AND s.account = ANY($4)
                    OR s.object = 'payment_intent' AND s.account = ANY($5))),
            (SELECT max(last_seen_at) FROM trueup.finding WHERE id = ANY($6)),
            (SELECT max(written_at) FROM trueup.finding_note WHERE finding_id = ANY($6)),
            (SELECT max(applied_at) FROM trueup.repair WHERE finding_id = ANY($6)),
            (SELECT max(signed_at) FROM trueup.report_sign WHERE report_id = ANY($7))
        )))::bigint AS newest
        """
    }
}
