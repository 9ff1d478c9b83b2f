import Reconciliation
import Store

/// What a run counts on its way.
struct Tally: Sendable {
    var stripeObjects: Int64 = 0
    var localRows: Int64 = 0
    /// What keeps the run from being complete, a sentence each.
    var problems: [String] = []
    /// What was compared of each list that statements rest on.
    var compared: [ComparedList] = []
    /// What has to be known and keeps it from nothing.
    var notes: [String] = []

    mutating func note(unconfirmed: Int, account: String) {
        guard unconfirmed > 0 else { return }
        notes.append("\(account): \(unconfirmed) differences were not confirmed by a fresh read; they are for review.")
    }

    func outcome(_ state: RunState, counts: [FindingKind: KindCount], spent: SpentRequests) -> RunOutcome {
        RunOutcome(
            state: state, counts: counts, requests: spent.requests, requestsLeast: spent.least,
            stripeObjects: stripeObjects, localRows: localRows, problems: problems + notes, compared: compared)
    }
}

/// Requests of a run, and how few there could have been.
struct SpentRequests: Sendable, Hashable {
    var requests: Int64
    /// Without retries and refusals, and with every page of a list full.
    var least: Int64
}

/// What was gathered of both sides and judged.
struct Gathered: Sendable {
    var judged: [Judged] = []
    var tally = Tally()

    /// Adds what one comparison found; the first is taken as it is.
    mutating func add(_ found: [Judged]) {
        if judged.isEmpty { judged = found } else { judged += found }
    }
}

/// How a kind of job comes to its differences.
protocol Gathering: Sendable {
    /// What is listed, and over which period.
    func lists(period: Window) async throws -> [RunList: Window]
    /// Reads and judges.
    /// - Parameter isLater: this attempt at the run has gathered before; only what it repaired since can have changed.
    func gather(_ own: OwnRun, isLater: Bool) async throws -> Gathered
}
