import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// `kind: replay`: the events of up to 30 days. Each object that an event names whose local row does not say what its
/// last event says, or that has an undelivered event, is read and judged like a listed one, and repaired by the effects
/// that the webhook handlers have.
struct ReplayGathering: Gathering {
    let job: String
    let work: ReplayJob
    let subjects: [Subject]
    let clients: [String: StripeClient]
    let pool: Pool
    let progress: @Sendable (RunProgress) -> Void
    let limits: ComparisonLimits
    let asked = AskedPayments()

    private var accounts: [String] { Set(subjects.map(\.account)).sorted() }

    func lists(period: Window) async throws -> [RunList: Window] {
        Dictionary(uniqueKeysWithValues: accounts.map { (RunList(account: $0, object: .event), period) })
    }

    func gather(_ own: OwnRun, isLater: Bool) async throws -> Gathered {
        let run = own.run
        var gathered = Gathered()
        try await gathered.noting { gathered in
            if !isLater {
                var reading = RunReading(own: own, clients: clients, pool: pool, progress: progress)
                for account in accounts { reading.eventTypes[account] = Set(work.events) }
                gathered.tally.problems = try await reading.read().map { Advice($0) }
                guard gathered.tally.problems.isEmpty else { return }
                for account in accounts { try await markUndelivered(own, account) }
            }
            for account in accounts {
                gathered.tally.stripeObjects += try await pool.withConnection {
                    try await StagedEvents.count(
                        account: account, in: StagingTable(.event, runID: run.id), on: $0
                    ).all
                }
            }
            for subject in subjects { try await compare(own, subject, isLater: isLater, &gathered) }
        }
        return gathered
    }

    /// Asks which of the events have not reached every endpoint.
    private func markUndelivered(_ own: OwnRun, _ account: String) async throws {
        let run = own.run
        guard let client = clients[account] else { throw RunError.noAccount(account) }
        let filters = work.events.map { ("types[]", $0) } + [("delivery_success", "false")]
        var query = ListQuery(
            createdFrom: run.period.fromSeconds, createdTo: run.period.toSeconds, limit: 100, filters: filters)
        let staged = StagingTable(.event, runID: run.id)
        for _ in 0..<limits.pages {
            try Task.checkCancellation()
            let page = try await client.events(query)
            let ids = page.objects.map(\.id)
            try await pool.transaction(own.fence) {
                try await StagedEvents.markUndelivered(ids, account: account, in: staged, on: $0)
            }
            guard page.hasMore, let last = ids.last else { return }
            query.startingAfter = last
        }
        throw ReadingError.endlessReversals(account: account, what: "undelivered events")
    }

    private func compare(_ own: OwnRun, _ subject: Subject, isLater: Bool, _ gathered: inout Gathered) async throws {
        let run = own.run
        guard let client = clients[subject.account] else { throw RunError.noAccount(subject.account) }
        let staged = subject.staged(run)
        let confirmer = Confirmer(
            client: client, account: subject.account, staged: staged, fence: own.fence, pool: pool)
        if !isLater {
            let hints = subject.eventHints.only(work.events)
            let unread = try await pool.withConnection {
                try await hints.unread(
                    events: StagingTable(.event, runID: run.id), objects: staged, listed: run.withoutLength.period,
                    account: subject.account, undeliveredToo: true, waitingToo: true, on: $0)
            }
            guard unread.count <= limits.requests else {
                throw ComparisonError.tooManyNamed(
                    account: subject.account, objects: unread.count, limit: limits.requests)
            }
            progress(.confirming(account: subject.account, objects: unread.count))
            try await confirmer.read(unread)
        }
        let carried = try await Findings(pool: pool).unclosed(
            job: job, account: subject.account, comparison: subject.comparison, limit: limits.requests)
        // Only what was read: a period without length has no rows of its own. What was taken back of payments that both
        // sides know of is for a run that reconciles, but for those of findings that may be closed here.
        let check = ReversalCheck(
            run: run, fence: own.fence, subject: subject, client: client, pool: pool,
            nowSeconds: run.period.toSeconds, listedFrom: nil, agreeing: carried, asked: asked, progress: progress)
        let result = try await Comparison(
            subject: subject,
            diff: subject.diff(run.withoutLength, ofAnyAge: false, nowSeconds: run.period.toSeconds),
            confirmer: confirmer, nowSeconds: run.period.toSeconds, pool: pool, carried: carried,
            trustsFresh: isLater || run.attempt == 1, reversals: subject.hasReversals ? check : nil, limits: limits,
            progress: progress
        ).run()
        gathered.add(result.judged)
        gathered.tally.localRows += result.local.rows
        gathered.tally.note(unconfirmed: result.unconfirmed, account: subject.account)
    }
}
