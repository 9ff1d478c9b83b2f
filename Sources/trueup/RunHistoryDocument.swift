import Reconciliation
import Store

/// A run as `--json` of the history tells it, with the names that the document of a run has.
struct RunHistoryDocument: Encodable, Sendable {
    struct Period: Encodable, Sendable {
        var from: String
        var to: String
    }

    struct Objects: Encodable, Sendable {
        var stripe: Int64
        var local: Int64
    }

    struct Count: Encodable, Sendable {
        var found: Int64
        var repaired: Int64
        var accepted: Int64
        var open: Int64
        var information: Int64
    }

    var run: Int64
    var job: String
    var plan: Bool
    /// `manual`, `schedule`, `backfill`, `apply`, `revert`, `demo`.
    var trigger: String
    var state: String
    var attempt: Int
    /// Null of a run that could not begin.
    @OrNull var period: Period?
    var started: String
    @OrNull var ended: String?
    var requestedBy: String
    var objects: Objects
    var requests: Int64
    var requestsLeast: Int64
    var counts: [String: Count]
    var problems: [String]

    /// - Parameter state: as it is now.
    init(_ run: Run, _ counts: [FindingKind: KindCount], state: RunState) {
        self.run = run.id
        job = run.job
        plan = run.isPlan
        trigger = run.trigger
        self.state = state.rawValue
        attempt = run.attempt
        period =
            run.period.toSeconds == 0
            ? nil
            : Period(
                from: JSONDocument.time(run.period.fromSeconds), to: JSONDocument.time(run.period.toSeconds))
        started = JSONDocument.time(run.startedAt.seconds)
        ended = run.endedAt.map { JSONDocument.time($0.seconds) }
        requestedBy = run.requestedBy
        objects = Objects(stripe: run.stripeObjects, local: run.localRows)
        requests = run.requests
        requestsLeast = run.requestsLeast
        self.counts = Dictionary(
            uniqueKeysWithValues: counts.map { kind, count in
                (
                    kind.rawValue,
                    Count(
                        found: count.found, repaired: count.repaired, accepted: count.accepted, open: count.open,
                        information: count.information)
                )
            })
        problems = run.problems.map(RunSummary.oneLine)
    }
}

/// `trueup runs N --json`.
struct OneRunDocument: Encodable, Sendable {
    struct Done: Encodable, Sendable {
        var id: Int64
        var finding: Int64
        var kind: String
        var effect: String
        var account: String
        @OrNull var stripeId: String?
        @OrNull var localId: String?
        var applied: String

        init(_ repair: Repair) {
            id = repair.id
            finding = repair.findingID
            kind = repair.kind
            effect = repair.effect
            account = repair.account
            stripeId = repair.stripeID.isEmpty ? nil : repair.stripeID
            localId = repair.localID.isEmpty ? nil : repair.localID
            applied = JSONDocument.time(repair.appliedAt.seconds)
        }
    }

    let format = "trueup.run-history/1"
    var run: RunHistoryDocument
    /// What the run did, or of a revert undid, in the order of the audit.
    var repairs: [Done]
}
