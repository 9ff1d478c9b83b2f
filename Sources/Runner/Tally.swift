import Reconciliation
import Store
import Stripe

/// What a run counts on its way.
struct Tally: Sendable {
    var stripeObjects: Int64 = 0
    var localRows: Int64 = 0
    /// Those of them that were made before the run's period.
    var olderRows: Int64 = 0
    /// What keeps the run from being complete, a sentence each.
    var problems: [Advice] = []
    /// What was compared of each list that statements rest on.
    var compared: [ComparedList] = []
    /// What has to be known and keeps it from nothing.
    var notes: [String] = []

    mutating func note(unconfirmed: Int, account: String) {
        guard unconfirmed > 0 else { return }
        let differences = Money.counted(Int64(unconfirmed), "difference was", "differences were")
        let whose = unconfirmed == 1 ? "it is" : "they are"
        notes.append("\(account): \(differences) not confirmed by a fresh read; \(whose) for review.")
    }

    func outcome(_ state: RunState, counts: [FindingKind: KindCount], spent: SpentRequests) -> RunOutcome {
        RunOutcome(
            state: state, counts: counts, requests: spent.requests, requestsLeast: spent.least,
            stripeObjects: stripeObjects, localRows: localRows, olderRows: olderRows,
            advice: problems + notes.map { Advice($0) }, compared: compared)
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

    /// What one subject's comparison found.
    mutating func add(_ result: ComparisonResult, of subject: Subject) {
        add(result.judged)
        tally.stripeObjects += result.local.staged
        tally.localRows += result.local.rows
        tally.olderRows += result.local.olderRows
        if subject.isStated {
            tally.compared.append(
                ComparedList(account: subject.account, comparison: subject.comparison, classes: result.classes))
        }
        tally.note(unconfirmed: result.unconfirmed, account: subject.account)
    }

    mutating func add(_ part: Gathered) {
        add(part.judged)
        tally.stripeObjects += part.tally.stripeObjects
        tally.localRows += part.tally.localRows
        tally.olderRows += part.tally.olderRows
        tally.problems += part.tally.problems
        tally.compared += part.tally.compared
        tally.notes += part.tally.notes
    }

    /// Does a part of the work. What kept it from its end is a problem of the run where the run can end with it, and
    /// thrown where it cannot: the database is away, or the run was stopped.
    mutating func noting(_ work: (inout Gathered) async throws -> Void) async throws {
        do {
            try await work(&self)
        } catch let error as StripeError where error.kind != .cancelled {
            tally.problems.append("\(error)")
        } catch let error as ComparisonError {
            tally.problems.append(error.advice)
        } catch let error as ReadingError {
            tally.problems.append("\(error)")
        } catch let error as OddRows {
            tally.problems.append("\(error)")
        }
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
