import Runner
import Store

/// A finding as `--json` tells it, with the names that the document of a run has.
struct FindingDocument: Encodable, Sendable {
    var id: Int64
    var kind: String
    var job: String
    var account: String
    var comparison: String
    @OrNull var stripeId: String?
    @OrNull var stripeStatus: String?
    @OrNull var stripeAmount: Int64?
    @OrNull var currency: String?
    @OrNull var localId: String?
    @OrNull var localState: String?
    @OrNull var localAmount: Int64?
    @OrNull var localCurrency: String?
    @OrNull var credits: Int64?
    @OrNull var agency: Int64?
    var action: String
    var state: String
    @OrNull var closedHow: String?
    @OrNull var closed: String?
    var explanation: String
    @OrNull var owner: String?
    var firstSeen: String
    var lastSeen: String
    var lastRun: Int64
    var runsSeen: Int
    var timesReopened: Int

    init(_ finding: Finding) {
        id = finding.id
        kind = finding.identity.kind.rawValue
        job = finding.identity.job
        account = finding.identity.account
        comparison = finding.comparison.rawValue
        stripeId = finding.identity.stripeID.isEmpty ? nil : finding.identity.stripeID
        stripeStatus = finding.stripeStatus
        stripeAmount = finding.stripeAmount
        currency = finding.currency
        localId = finding.identity.localID.isEmpty ? nil : finding.identity.localID
        localState = finding.localState
        localAmount = finding.localAmount
        localCurrency = finding.localCurrency
        credits = finding.credits
        agency = finding.agencyID
        action = finding.action.rawValue
        state = finding.state.rawValue
        closedHow = finding.closedHow?.rawValue
        closed = finding.closedAt.map { JSONDocument.time($0.seconds) }
        explanation = finding.explanation
        owner = finding.owner
        firstSeen = JSONDocument.time(finding.firstSeenAt.seconds)
        lastSeen = JSONDocument.time(finding.lastSeenAt.seconds)
        lastRun = finding.lastRunID
        runsSeen = finding.runsSeen
        timesReopened = finding.timesReopened
    }
}

/// `trueup findings list --json`.
struct FindingsDocument: Encodable, Sendable {
    let format = "trueup.findings/1"
    /// The limit was reached: there may be more.
    var truncated: Bool
    var findings: [FindingDocument]
}

/// `trueup findings show --json`.
struct FindingHistoryDocument: Encodable, Sendable {
    struct Done: Encodable, Sendable {
        var id: Int64
        var run: Int64
        var effect: String
        var applied: String
        var requestedBy: String
        @OrNull var plan: String?
        var stripeStatus: String
        var stripeRequest: String

        init(_ repair: Repair) {
            id = repair.id
            run = repair.runID
            effect = repair.effect
            applied = JSONDocument.time(repair.appliedAt.seconds)
            requestedBy = repair.requestedBy
            plan = repair.plan
            stripeStatus = repair.stripeStatus
            stripeRequest = repair.requestID
        }
    }

    struct Note: Encodable, Sendable {
        var written: String
        var writtenBy: String
        var what: String
        var note: String

        init(_ note: FindingNote) {
            written = JSONDocument.time(note.writtenAt.seconds)
            writtenBy = note.writtenBy
            what = note.what
            self.note = note.note
        }
    }

    let format = "trueup.finding/1"
    var finding: FindingDocument
    var repairs: [Done]
    var notes: [Note]
}
