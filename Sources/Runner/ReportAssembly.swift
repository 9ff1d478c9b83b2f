import Credits
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Schedule
import Store

/// Figures of the database as a report: plain data for the renderers.
struct ReportAssembly {
    let definition: JobDefinition
    let job: ReportJob
    let zone: Zone
    let cutOffSeconds: Int64
    let accounts: [ReportAccount]
    let programVersion: String
    let missing: [Missing]
    let coverage: ReportCoverage
    let scope: StatementScope

    /// A job that the report rests on and that did not read what it was to read.
    struct Missing: Sendable {
        let job: JobDefinition
        /// The time at which it was due and failed or did not run; `nil`: no run of it read up to the cut-off.
        let failed: FailedOccurrence?
    }

    func report(_ figures: StatementFigures) throws -> DiscrepancyReport {
        let statement = try Reconciliation.Statement(input(figures))
        return DiscrepancyReport(
            title: definition.description.isEmpty ? "Discrepancy report" : definition.description,
            id: "\(definition.name)/\(ISOTime.text(cutOffSeconds, in: .utc).prefix(19))Z", accounts: accounts,
            periodFromSeconds: figures.fromSeconds,
            generatedSeconds: max(figures.newestSeconds ?? cutOffSeconds, cutOffSeconds), zone: zone,
            statement: statement, items: figures.items.map(item), resolved: resolved(figures),
            changedSinceSignOff: figures.changedSinceSignOff.map {
                SignedChange(item: $0.item, field: $0.field, then: $0.then, now: $0.now, note: $0.note, move: $0.move)
            }, repairs: figures.repairs.map(repair), run: source(figures),
            trend: figures.trend.map {
                TrendPoint(atSeconds: $0.cutOffSeconds, openItems: $0.openItems, state: $0.state)
            } + [
                TrendPoint(
                    atSeconds: cutOffSeconds, openItems: Int64(statement.items.count), state: statement.state)
            ], basis: basis(figures))
    }

    private func input(_ figures: StatementFigures) -> StatementInput {
        var reads = missing.map(notRead)
        // The files are refused for this; one that goes while the report is begun is met here.
        reads += coverage.unknown.map { name in
            StatementRead(
                name: "Job \(name)", isComplete: false,
                reason: "`after` names it, and there is no such job; see: trueup check")
        }
        reads += coverage.leftOut.map(leftOut)
        reads += figures.unread.map { unread($0, figures) }
        if let day = job.historyFrom, isBeforeHistory {
            reads.append(
                StatementRead(
                    name: "The time before the cut-off", isComplete: false,
                    reason: "history_from of the job file (\(day)) is not before it, so that nothing of Stripe's counts"
                ))
        }
        if isWithoutCreditJob(figures) {
            reads.append(
                StatementRead(
                    name: "Stripe, credit orders", isComplete: false,
                    reason: "no job compares them with invoices; a job of kind reconcile over their table does"))
        }
        for (job, items) in figures.leftOut.sorted(by: { $0.key < $1.key }) {
            reads.append(
                StatementRead(
                    name: "Job \(job)", isComplete: false,
                    reason: "the last report stated \(items) of its items that are still open, and this one leaves the "
                        + "job out: name it in `after`"))
        }
        reads += ReportReads(figures, jobs: coverage.resting).all
        return StatementInput(
            cutOff: StatementCutOff(seconds: cutOffSeconds, in: zone), agencies: figures.agencies,
            charges: figures.charges, items: figures.items.map(\.item), reads: reads, controls: figures.controls,
            ties: figures.ties,
            unread: unreadParts(figures), toleranceCredits: job.toleranceCredits,
            previous: figures.previous.map { previous in
                PreviousStatement(
                    cutOffSeconds: previous.cutOffSeconds, state: previous.state, open: figures.previousItems,
                    closed: Set(figures.items.filter { $0.timesReopened > 0 }.map(\.item.id)))
            })
    }

    private func notRead(_ missing: Missing) -> StatementRead {
        let name = missing.job.name
        let why =
            missing.failed.map { failed in
                "the occurrence of \(ISOTime.text(failed.scheduledSeconds, in: zone)) \(failed.words), and no complete "
                    + "run of \(name) has ended since"
            } ?? "no run of \(name) has read up to the cut-off"
        return StatementRead(
            name: "Stripe, \(name)", isComplete: false, reason: "\(why); start one with: trueup run \(name)")
    }

    /// The parts that rest on something that was not read.
    private func unreadParts(_ figures: StatementFigures) -> Set<StatementItem.Scope> {
        let jobs = missing.map(\.job.name) + figures.runs.filter { !$0.run.isComplete }.map(\.run.job)
        var parts = Set(figures.unread.map(\.scope) + coverage.leftOut.map(\.part))
        if isWithoutCreditJob(figures) { parts.insert(.credits) }
        if isBeforeHistory { parts.formUnion(figures.history.keys) }
        if jobs.contains(where: { scope.creditJobs.contains($0) }) { parts.insert(.credits) }
        if jobs.contains(where: { scope.chargeJobs.contains($0) }) { parts.insert(.charges) }
        return parts
    }

    /// There are balances, and nobody was to read what they rest on.
    private func isWithoutCreditJob(_ figures: StatementFigures) -> Bool {
        scope.creditJobs.isEmpty && !figures.agencies.isEmpty && !coverage.leftOut.contains { $0.part == .credits }
    }

    /// The cut-off is not after the day from which on Stripe counts.
    private var isBeforeHistory: Bool {
        scope.historyFromSeconds.map { $0 >= cutOffSeconds } ?? false
    }

    private func leftOut(_ left: ReportCoverage.LeftOut) -> StatementRead {
        let accounts = left.accounts.sorted().joined(separator: ", ")
        return StatementRead(
            name: "Stripe, \(left.job), \(accounts)", isComplete: false,
            reason: "the report leaves the job out, and no other reads the \(left.part.rawValue) of \(accounts): name "
                + "\(left.job) in `after`, or the accounts that the report is about in `accounts`")
    }

    /// A time that no run has read, with the command that reads it. Days are named a little wider, whatever the zone.
    private func unread(_ unread: UnreadTime, _ figures: StatementFigures) -> StatementRead {
        let isFirst = unread.period.fromSeconds == StripeHistory.readFromSeconds
        let from =
            isFirst ? StripeHistory.firstDay : zone.date(at: unread.period.fromSeconds - 86_400).description
        let to = zone.date(at: unread.period.toSeconds + 2 * 86_400)
        let many = scope.creditAccounts.count > 1 && unread.scope == .credits ? " --account \(unread.account)" : ""
        return StatementRead(
            name: "Stripe, \(unread.job), \(unread.account), created "
                + "\(ISOTime.text(unread.period.fromSeconds, in: zone).prefix(10)) to "
                + "\(ISOTime.text(unread.period.toSeconds, in: zone).prefix(10))",
            isComplete: false,
            reason: "no complete run has\(whyRead(unread, figures)): trueup backfill \(unread.job) --from \(from) "
                + "--to \(to)\(many)")
    }

    /// Why a time counts that somebody may not expect to, and what to do about it.
    private func whyRead(_ unread: UnreadTime, _ figures: StatementFigures) -> String {
        guard let day = job.historyFrom, let from = scope.historyFromSeconds else {
            return unread.period.fromSeconds == StripeHistory.readFromSeconds
                ? "; name a later day in the job file (history_from), or read it with" : "; read it with"
        }
        guard unread.period.fromSeconds < from, hasOlderRow(figures.history[unread.scope]) else {
            return "; read it with"
        }
        return ", and rows of the table are older than history_from (\(day)); read it with"
    }

    /// A row of the tables is older than the day from which on Stripe counts.
    private func hasOlderRow(_ start: HistoryStart?) -> Bool {
        guard let from = scope.historyFromSeconds, let first = start?.firstRowSeconds else { return false }
        return first < from
    }

    private func history(_ figures: StatementFigures) -> StatedHistory {
        StatedHistory(
            day: job.historyFrom, readFrom: figures.history.mapValues(\.readFromSeconds),
            olderRows: Set(figures.history.filter { hasOlderRow($0.value) }.keys))
    }

    private func basis(_ figures: StatementFigures) -> ReportBasis {
        ReportBasis(
            comparedWith: figures.previous.map { ReportReference(id: $0.id, cutOffSeconds: $0.cutOffSeconds) },
            opensAt: figures.signed.map { ReportReference(id: $0.id, cutOffSeconds: $0.cutOffSeconds) },
            unstated: figures.unstated,
            readSince: figures.readSince.filter { name, _ in
                coverage.resting.contains { job in
                    guard case .reconcile = job.kind else { return false }
                    return job.name == name
                }
            }, unreadAccounts: unreadAccounts(figures), history: history(figures))
    }

    /// Accounts of which no job of the report has read anything up to the cut-off. Where credits or charges were not
    /// read, the report is INCOMPLETE and says of which account.
    private func unreadAccounts(_ figures: StatementFigures) -> Set<String> {
        let missing = Set(missing.map(\.job.name))
        var read: Set<String> = []
        for job in coverage.resting where !missing.contains(job.name) {
            // A job that is only listed has read nothing where its readings begin after the cut-off.
            if case .some(.none) = figures.readSince[job.name] { continue }
            read.formUnion(job.kind.accounts)
        }
        return Set(accounts.map(\.name)).subtracting(read)
    }

    private func source(_ figures: StatementFigures) -> ReportSource {
        ReportSource(
            id: figures.runs.isEmpty ? "none" : figures.runs.map { String($0.run.id) }.joined(separator: ", "),
            job: definition.name, programVersion: programVersion, jobFileHash: definition.hash, queries: scope.queries,
            runs: figures.runs.map { rested in
                SourceRun(
                    id: rested.run.id, job: rested.run.job, state: rested.run.state.rawValue,
                    programVersion: rested.programVersion, jobFileHash: rested.run.definitionHash,
                    fromSeconds: rested.run.period.fromSeconds, toSeconds: rested.run.period.toSeconds,
                    requests: rested.run.requests)
            })
    }

    // MARK: Rows

    private func item(_ found: StatementFinding) -> ReportItem {
        let isIntent = found.stripeID.hasPrefix("pi_")
        let id = found.stripeID.isEmpty ? nil : found.stripeID
        return ReportItem(
            item: found.item, agency: found.agencyName, account: found.account, explanation: explanation(found),
            stripeInvoice: isIntent ? nil : id, paymentIntent: isIntent ? id : nil,
            localRow: found.localID.isEmpty ? nil : found.localID, stripeAmount: found.stripeAmount,
            localAmount: found.localAmount, credits: found.credits, stripeStatus: found.stripeStatus,
            localStatus: found.localState, paidAtSeconds: found.paidAtSeconds,
            firstSeenSeconds: found.firstSeenSeconds, runsSeen: found.runsSeen, owner: found.owner,
            state: state(found), note: found.note, proposedRepair: repairSentence(found))
    }

    private func state(_ found: StatementFinding) -> ItemState {
        if found.item.isAccepted { return .accepted }
        if found.owner != nil { return .investigating }
        return found.action == .apply ? .repairPlanned : .new
    }

    /// Credits are never made up: an invoice without an order whose amount buys no whole number of them counts none.
    private func explanation(_ found: StatementFinding) -> String {
        let explanation = ReportText.withoutAddresses(found.explanation)
        guard found.item.scope == .credits, found.credits == nil, found.stripeStatus == "paid",
            found.item.creditsEffect == 0, let amount = found.stripeAmount, found.item.amountEffects.isEmpty == false
        else { return explanation }
        return explanation + " \(amount) is no whole number of credits, so none are counted."
    }

    private func repairSentence(_ found: StatementFinding) -> String? {
        guard found.action == .apply, !found.item.isAccepted else { return nil }
        switch found.item.kind {
        case .missedPaid: return "Mark the order paid and add its credits."
        case .missedVoid, .missingInStripe: return "Cancel the order."
        case .staleDraft: return "Delete the draft and cancel its order."
        case .unlinkedOrder:
            return found.stripeID.isEmpty
                ? "Cancel the order, once Stripe says again that no invoice names it."
                : "Write the invoice's id into the order."
        case .missedFinalizedNotice: return "Send the notice."
        case .missedSucceeded, .missedCanceled, .missedFailed: return "Bring the charge to Stripe's state."
        case .staleIntent: return "Cancel the payment intent."
        default: return nil
        }
    }

    private func resolved(_ figures: StatementFigures) -> [ResolvedItem] {
        let stated = Set(figures.previousItems.map(\.id))
        let closed = figures.resolved.map { resolved($0, wasStated: stated.contains($0.finding.item.id)) }
        return closed
            + figures.uncounted.map { found in
                ResolvedItem(
                    id: found.item.id, kind: found.item.kind, agencyID: found.item.agencyID, agency: found.agencyName,
                    amount: found.stripeAmount ?? found.localAmount, credits: found.credits, closedSeconds: nil,
                    how: found.action == .ignore ? "ignored by the job file" : "another item is about it",
                    wasStated: true)
            }
    }

    private func resolved(_ one: ResolvedFinding, wasStated: Bool) -> ResolvedItem {
        let found = one.finding
        return ResolvedItem(
            id: found.item.id, kind: found.item.kind, agencyID: found.item.agencyID, agency: found.agencyName,
            amount: found.stripeAmount ?? found.localAmount, credits: found.credits,
            closedSeconds: one.closedAt.seconds, how: one.closedHow.words, by: one.repairedBy,
            plan: one.plan ?? one.runID.map { "run \($0)" },
            wasStated: wasStated)
    }

    private func repair(_ repair: Repair) -> RepairEntry {
        let (before, after) = RepairWords.difference(repair.before.text, repair.after.text)
        return RepairEntry(
            plan: repair.plan ?? "run \(repair.runID)",
            action: "\(repair.effect) (\(repair.kind), F-\(repair.findingID))",
            before: before, after: after, requestedBy: repair.requestedBy,
            approvedBy: repair.plan == nil ? nil : repair.requestedBy, appliedSeconds: repair.appliedAt.seconds,
            outcome: "applied")
    }
}

extension ClosedHow {
    /// As finance reads it.
    var words: String { rawValue.replacing("_", with: " ") }
}

extension Run {
    /// Whether everything was read and compared.
    var isComplete: Bool { [.clean, .repaired, .drift].contains(state) }

    /// Why it is not, in words for the reader.
    var whyIncomplete: String {
        let what =
            switch state {
            case .running: "run \(id) has not ended: it is under way, or its process was killed (trueup runs \(id))"
            case .interrupted: "run \(id) was stopped"
            case .failed: "run \(id) failed"
            default: "run \(id) could not read everything"
            }
        return ([what] + problems).joined(separator: "; ")
    }
}

/// The rows of an audit entry in words: only what differs.
enum RepairWords {
    /// Both texts name the same columns, in the order of their names.
    static func difference(_ before: String, _ after: String) -> (before: String, after: String) {
        let (old, new) = (columns(before), columns(after))
        var words: (before: [String], after: [String]) = ([], [])
        for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
            words.before.append("\(name) \(old[name] ?? "–")")
            words.after.append("\(name) \(new[name] ?? "–")")
        }
        return (words.before.joined(separator: ", "), words.after.joined(separator: ", "))
    }

    private static func columns(_ text: String) -> [String: String] {
        guard let parsed = try? JSONSerialization.jsonObject(with: Data(text.utf8)), let top = parsed as? [String: Any]
        else { return ["row": text] }
        var columns: [String: String] = [:]
        for (name, value) in top {
            guard let inner = value as? [String: Any] else {
                columns[name] = word(value)
                continue
            }
            for (column, value) in inner { columns[column] = word(value) }
        }
        return columns
    }

    private static func word(_ value: Any) -> String {
        switch value {
        case let text as String: text
        case is NSNull: "–"
        case let number as NSNumber where isBoolean(number): number.boolValue ? "true" : "false"
        case let number as NSNumber: number.stringValue
        default: "…"
        }
    }

    /// JSON's `true` and `1` are both numbers to Foundation; the type of the boxed value tells them apart.
    private static func isBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
    }
}
