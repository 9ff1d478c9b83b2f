import Reconciliation
import Store

/// What a run came to, with its findings.
public struct RunResult: Sendable {
    public let run: Run
    public let outcome: RunOutcome
    /// Of a plan: what would be written. Else: what is stored. In the order in which they were found.
    public let findings: [ReportedFinding]
    /// Of a plan, and of a run whose repairs wait because a limit was reached.
    public let plan: Plan?
    /// Differences that a person accepted and whose facts are still the same: they are left alone and not counted.
    public let accepted: Int
    /// What no run of the job has listed: with one of these no run is clean.
    public internal(set) var gaps: [ReadingGap] = []
    /// After it, messages that were to leave did not: they wait in the outbox.
    public var hasUnsent = false

    init(run: Run, outcome: RunOutcome, findings: [ReportedFinding], plan: Plan? = nil, accepted: Int = 0) {
        self.accepted = accepted
        self.run = run
        self.outcome = outcome
        self.findings = findings
        self.plan = plan
    }

    /// The program's exit code (DESIGN section 7).
    public var exitCode: Int32 {
        switch outcome.state {
        case .clean, .repaired: 0
        case .drift: 2
        case .incomplete: 3
        case .running, .interrupted, .failed: 1
        }
    }
}

/// A finding as it is told, stored or planned.
public struct ReportedFinding: Sendable, Hashable {
    /// `nil` in a plan.
    public let id: Int64?
    public let kind: FindingKind
    public let comparison: ComparisonName
    public let account: String
    public let stripeID: String
    public let localID: String
    public let action: Action
    /// How it stands (``FindingState``); in a plan `planned` in place of `open`.
    public let state: String
    public let closedHow: ClosedHow?
    public let stripeAmount: Int64?
    public let localAmount: Int64?
    /// Of Stripe's side, where it has one.
    public let currency: String?
    /// Of the local row, where it has one; in the letters of the row.
    public let localCurrency: String?
    public let credits: Int64?
    public let agencyID: Int64?
    public let explanation: String

    public init(_ finding: Finding) {
        id = finding.id
        kind = finding.identity.kind
        comparison = finding.comparison
        account = finding.identity.account
        stripeID = finding.identity.stripeID
        localID = finding.identity.localID
        action = finding.action
        state = finding.state.rawValue
        closedHow = finding.closedHow
        stripeAmount = finding.stripeAmount
        localAmount = finding.localAmount
        currency = finding.currency
        localCurrency = finding.localCurrency
        credits = finding.credits
        agencyID = finding.agencyID
        explanation = finding.explanation
    }

    /// What a plan found.
    init(_ judged: Judged, job: String) throws {
        let difference = try FoundDifference(judged, job: job)
        id = nil
        kind = difference.identity.kind
        comparison = difference.comparison
        account = difference.identity.account
        stripeID = difference.identity.stripeID
        localID = difference.identity.localID
        action = difference.action
        state = difference.action.waits ? "planned" : FindingState.information.rawValue
        closedHow = nil
        stripeAmount = difference.stripeAmount
        localAmount = difference.localAmount
        currency = difference.currency
        localCurrency = judged.found.pair.localCurrency
        credits = difference.credits
        agencyID = difference.agencyID
        explanation = difference.explanation
    }
}
