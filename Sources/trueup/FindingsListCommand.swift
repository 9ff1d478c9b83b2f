import ArgumentParser
import PostgreSQL
import Reconciliation
import Runner
import Store

struct FindingsListCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists findings that are not closed, by currency, in each those about the most money first.")

    @Option(name: .long, help: "Only this job.")
    var job: String?

    @Option(name: .long, help: "Only this kind, such as missed_paid.")
    var kind: String?

    @Option(name: .long, help: "Only open, information, accepted or closed ones.")
    var state: String?

    @Option(name: .long, help: "Only this Stripe account, by its name in settings.yaml.")
    var account: String?

    @Option(name: .long, help: ArgumentHelp("Only this agency.", valueName: "id"))
    var agency: Int64?

    @Option(name: .long, help: "Only what this person looks after; nobody: what nobody does.")
    var owner: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Only amounts from this one on, on either side, in cents.", valueName: "cents"))
    var minAmount: Int64?

    @Option(name: .customLong("run"), help: "Only what this run saw, closed or not.")
    var runNumber: Int64?

    @Option(name: .long, help: ArgumentHelp("What comes first.", valueName: "amount|age|kind"))
    var sort = FindingFilter.Order.amount

    @Option(name: .long, help: "How many.")
    var limit = 1_000

    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        if let kind, FindingKind(rawValue: kind) == nil {
            throw ValidationError(
                "There is no kind “\(kind)”. Kinds: \(FindingKind.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if let state, FindingState(rawValue: state) == nil {
            throw ValidationError("--state takes open, information, accepted or closed.")
        }
        guard (1...1_000_000).contains(limit) else { throw ValidationError("--limit takes 1 to 1000000.") }
    }

    private var filter: FindingFilter {
        var filter = FindingFilter()
        filter.job = job
        filter.state = state.flatMap(FindingState.init)
        filter.kind = kind.flatMap(FindingKind.init)
        filter.account = account
        filter.agencyID = agency
        filter.owner = owner == "nobody" ? "" : owner
        filter.amountMin = minAmount
        filter.runID = runNumber
        filter.order = sort
        filter.limit = limit
        return filter
    }

    func run() async throws {
        let set = try files.loadIfThere()
        try await Database.with(databaseOptions, settings: set?.settings) { database in
            let (findings, words) = try await Pool.with(
                database.target, applicationName: "trueup findings"
            ) { pool -> ([Finding], String?) in
                try await NameFilter(set: set, pool: pool).check(job: job, account: account)
                let run = try await askedRun(pool)
                let findings = try await Findings(pool: pool).list(filter)
                return (findings, try await remark(run, pool, isEmpty: findings.isEmpty))
            }
            if json.json {
                return try JSONDocument.print(
                    FindingsDocument(truncated: findings.count == limit, findings: findings.map { FindingDocument($0) })
                )
            }
            for line in lines(findings, columns: WrappedLine.terminalColumns) { Terminal.print(line) }
            if let words { Terminal.say(words) }
            if findings.count == limit { Terminal.say("There may be more: raise --limit.") }
        }
    }

    /// The run that --run names.
    private func askedRun(_ pool: Pool) async throws -> Run? {
        guard let runNumber else { return nil }
        guard let run = try await Runs(pool: pool).run(id: runNumber) else {
            throw CommandError("There is no run \(runNumber). See: " + next.onJobs("trueup runs"))
        }
        return run
    }

    /// What an empty list means: that there is nothing, or that nobody has looked; and what a list lacks that only
    /// plans know of.
    private func remark(_ run: Run?, _ pool: Pool, isEmpty: Bool) async throws -> String? {
        let runs = Runs(pool: pool)
        guard let run else {
            if try await runs.hasCompared(job: job) { return isEmpty ? "No findings." : nil }
            if let plan = try await runs.lastPlan(job: job) {
                return try await PlannedDifferences(plan: plan, next: next).besideList(isEmpty: isEmpty, runs)
            }
            let whose = job.map { " of " + printable($0) } ?? ""
            return isEmpty ? "No findings: no run\(whose) has compared anything yet." : nil
        }
        guard isEmpty else { return nil }
        let state = run.stateNow(try await JobLock.held(of: [run.job], pool: pool))
        guard [.clean, .repaired, .drift].contains(state) else {
            return "No findings: run \(run.id) has not compared everything (\(state.rawValue))."
        }
        return run.isPlan ? "Run \(run.id) was a plan: it keeps no findings; its plan file has them." : "No findings."
    }

    /// The list as a table.
    /// - Parameter columns: of a terminal; `nil`: the table is as wide as it is.
    private func lines(_ findings: [Finding], columns: Int?) -> [String] {
        var table = TextTable(
            headings: [
                "id", "kind", "action", "state", "account", "at Stripe", "local row", "agency", "stripe", "local",
                "first seen", "runs", "owner",
            ], rightAligned: [7, 8, 9, 11])
        table.rows = findings.map { row($0) }
        guard let columns, table.width > columns else { return table.lines }
        // In two lines of 80 columns: what it is, and what it is about.
        let day = 10
        for index in table.rows.indices { table.rows[index][day] = String(table.rows[index][day].prefix(10)) }
        return table.inOrder([0, 1, 2, 3, 4, 7, day, 11, 5, 6, 8, 9, 12]).lines(columns: columns)
    }

    private func row(_ finding: Finding) -> [String] {
        [
            "F-\(finding.id)", finding.identity.kind.rawValue, finding.action.rawValue,
            finding.closedHow.map { "closed: \($0.rawValue)" } ?? finding.state.rawValue, finding.identity.account,
            orDash(finding.identity.stripeID), finding.localRow, finding.agencyID.map(String.init) ?? "–",
            finding.money(finding.stripeAmount), finding.localMoney,
            isoTime(finding.firstSeenAt.seconds), String(finding.runsSeen), finding.owner.map(printable) ?? "–",
        ]
    }
}

extension FindingFilter.Order: ExpressibleByArgument {}

extension Finding {
    /// `order 12`, or a dash where the tables have nothing.
    var localRow: String {
        identity.localID.isEmpty ? "–" : "\(comparison.localNoun) \(printable(identity.localID))"
    }

    /// The amount of the local row in the row's own currency, or a dash.
    var localMoney: String {
        localAmount.map { Money(minorUnits: $0, currency: localCurrency ?? currency ?? "").description } ?? "–"
    }

    /// An amount in the finding's currency, or a dash.
    func money(_ amount: Int64?) -> String {
        amount.map { Money(minorUnits: $0, currency: currency ?? "").description } ?? "–"
    }
}

/// Text from outside, or a dash where there is none.
func orDash(_ text: String) -> String { text.isEmpty ? "–" : printable(text) }
