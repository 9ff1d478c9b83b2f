import Credits
import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Schedule
import Store

/// Makes one report: reads the figures in one snapshot, writes the files, keeps the report with its hashes, and sends
/// it. A report on runs that are missing or incomplete says INCOMPLETE, and is kept and sent as such.
///
/// The same figures for the same cut-off are the same report: made again, it has the same number, files and bytes, and
/// nobody is told twice.
public struct ReportRun: Sendable {
    let definition: JobDefinition
    let job: ReportJob
    let jobs: [JobDefinition]
    let accounts: [ReportAccount]
    let pool: Pool
    let origin: RunOrigin
    let period: ReportPeriod
    let nowSeconds: Int64
    let formats: Set<RenderFormat>
    let csvProfile: CSVProfile
    let directory: String?
    let delivery: ReportDelivery?
    let lease: Lease?
    let purpose: ReportPurpose
    let coverage: ReportCoverage

    /// - Parameters:
    ///   - definition: a job of kind `report`.
    ///   - jobs: all jobs: those in `after`, else all that reconcile, are what the report rests on.
    ///   - accounts: the accounts that it covers, for their mode and links.
    ///   - period: what it is about.
    ///   - formats: beyond those of the job file; JSON and the text summary are always written.
    ///   - csvProfile: for whom CSV files are made.
    ///   - directory: the folder of the files; `nil`: a folder of the report's own below `reports`.
    ///   - delivery: the ways out; `nil` delivers nothing.
    ///   - lease: of the occurrence that the report is made for: its time gives the last cut-off, and nothing is kept
    ///     or sent once it is lost.
    ///   - purpose: whether later reports are compared with it.
    public init(
        definition: JobDefinition, report job: ReportJob, jobs: [JobDefinition], accounts: [ReportAccount],
        pool: Pool, origin: RunOrigin, period: ReportPeriod = .lastCutOff, nowSeconds: Int64,
        formats: Set<RenderFormat>? = nil, csvProfile: CSVProfile = .standard, directory: String? = nil,
        delivery: ReportDelivery? = nil,
        purpose: ReportPurpose = .regular, lease: Lease? = nil
    ) {
        self.definition = definition
        self.job = job
        self.jobs = jobs
        self.accounts = accounts
        self.pool = pool
        self.origin = origin
        self.period = period
        self.nowSeconds = nowSeconds
        let asked = formats ?? Set(job.formats.compactMap { RenderFormat(rawValue: $0.rawValue) })
        self.formats = asked.union([.json, .text])
        self.csvProfile = csvProfile
        self.directory = directory
        self.delivery = delivery
        self.lease = lease
        self.purpose = purpose
        coverage = ReportCoverage(definition, job, jobs: jobs)
    }

    /// Makes the report and brings its files to where they are to be.
    /// - Throws: as ``make()``.
    public func run() async throws -> ReportResult {
        let result = try await make()
        guard let delivery else { return result }
        return try await delivery.deliver(result, job: definition.name, job.deliver, pool: pool)
    }

    /// Makes the report and keeps it, with the messages that tell of it in the outbox. From then on it is there; what
    /// is left is to tell of it (``ReportDelivery/deliver(_:job:_:pool:)``, and what empties the outbox).
    /// - Throws: ``RunError/alreadyRunning(_:)`` when another process makes a report of this job.
    public func make() async throws -> ReportResult {
        let name = JobLock.reportPrefix + definition.name
        guard let lock = try await JobLock.take(job: name, for: lease, target: pool.target) else {
            throw RunError.alreadyRunning(name)
        }
        do {
            let result = try await attempt()
            await lock.release()
            return result
        } catch {
            await lock.release()
            throw error
        }
    }

    /// Makes the report, and keeps that it was made, or why it was not: one that is made again has no row of its own.
    private func attempt() async throws -> ReportResult {
        let attempts = ReportAttempts(pool: pool)
        let id = try await attempts.begin(job: definition.name, isOwn: period == .lastCutOff, origin: origin)
        do {
            let zone = try Zone.load(job.cutOff.timeZone)
            let bounds = try await bounds(zone)
            try await attempts.state(cutOffSeconds: bounds.cutOff, of: id)
            return try await make(attempt: id, zone, bounds)
        } catch {
            // Whoever took the occurrence over makes the report.
            let isStopped = error is CancellationError || error is LeaseLost || Task.isCancelled
            let why = Self.words(error)
            // As in `explaining`: also when it was cancelled, and the error that is thrown is the one that matters.
            _ = await Task { try await attempts.fail(id, why, isStopped: isStopped) }.result
            throw error
        }
    }

    private static func words(_ error: any Error) -> String {
        if let timedOut = TimeLimit.passed, !(error is LeaseLost) { return "\(timedOut)" }
        if error is CancellationError { return "It was stopped before its end." }
        return (error as? CocoaError)?.words ?? "\(error)"
    }

    // MARK: One report

    /// In which forms it is written, as it is kept: what is written otherwise is another report.
    private var formatNames: [String] {
        formats.map { $0 == .csv && csvProfile == .excel ? "csv (excel)" : $0.rawValue }.sorted()
    }

    /// What a snapshot came to.
    private struct Made: Sendable {
        let report: DiscrepancyReport
        let figures: StatementFigures
        let manifest: ReportManifest
        let directory: String
        /// The report as it is kept.
        let stored: NewReport
        var isRepeated: Bool

        var id: Int64 { stored.id }

        var repeated: Made {
            var made = self
            made.isRepeated = true
            return made
        }
    }

    private func make(
        attempt: Int64, _ zone: Zone, _ bounds: (from: Int64?, cutOff: Int64)
    ) async throws -> ReportResult {
        await ReportPress.sweep("\(delivery?.settings.directory?.path ?? "reports")/\(definition.name)")
        let made = try await write(zone, bounds)
        let stated = try StatedFigures(made.report).sha256
        let isChanged = try await isChanged(made, stated)
        var result = ReportResult(
            id: made.id, report: made.report, directory: made.directory, files: made.stored.files,
            manifestHash: made.manifest.digest.sha256, isRepeated: made.isRepeated, isChanged: isChanged,
            deliveries: [])
        let messages = ReportMessages(result, definition: definition, when: job.deliver.when)
        let stored = made.isRepeated ? nil : made.stored
        let queued = delivery?.queued(messages, job.deliver) ?? []
        let attachments = queued.isEmpty ? [] : try ReportDelivery.attachments(messages)
        let (delivery, id, purpose, lease) = (delivery, made.id, purpose, lease)
        let (isRepeated, statement) = (made.isRepeated, made.report.statement)
        // The report and the messages that tell of it are one transaction: a crash leaves both or neither.
        result.deliveries = try await explaining(stored == nil ? nil : id) {
            try await pool.transaction { connection in
                if let lease { try await Occurrences.hold(lease, on: connection) }
                try await stored?.insert(on: connection)
                if purpose == .regular { try await StoredReports.markRegular(id, on: connection) }
                try await ReportAttempts.end(
                    attempt, report: id, isRepeated: isRepeated, statement, on: connection)
                return try await delivery?.enqueue(
                    queued, attachments: attachments, report: id, stating: stated, on: connection) ?? []
            }
        }
        return result
    }

    /// Whether some reader does not know yet what the report states. A reader knows what the last message said, in full
    /// or as unchanged, of whatever cut-off; one who got none, or whose message did not leave, knows nothing.
    /// - Parameter stated: the hash of ``StatedFigures``.
    private func isChanged(_ made: Made, _ stated: String) async throws -> Bool {
        let ways = delivery == nil ? [] : ReportDelivery.ways(job.deliver)
        guard !ways.isEmpty else {
            // Nobody is told: it is held against the report of the cut-off before.
            let saysOther = made.figures.previous.map { $0.verdict != made.stored.verdict } ?? true
            return made.report.statement.changes.isAny || saysOther
        }
        let reports = StoredReports(pool: pool)
        guard let told = try await reports.lastTold(job: definition.name, before: made.id) else { return true }
        let keys = Set(ways.map { ReportDispatch.key(ReportMessages.key(told), $0) })
        return try await !reports.wereSent(keys: keys, stating: stated)
    }

    private func bounds(_ zone: Zone) async throws -> (from: Int64?, cutOff: Int64) {
        switch period {
        case .lastCutOff:
            // Of an occurrence that runs late, its own: those that it waited for read up to there.
            return (nil, job.cutOff.last(before: lease?.occurrence.scheduledSeconds ?? nowSeconds, in: zone))
        case .asOf(let seconds): return (nil, seconds)
        case .between(let from, let to): return (from, to)
        case .run(let id):
            guard let run = try await Runs(pool: pool).run(id: id) else { throw ReportRunError.noRun(id) }
            return (nil, try await cutOff(of: run))
        }
    }

    /// Another job of a night may stand further back (a longer `settle`): within this many seconds the report ends
    /// where all have read.
    private static let nightSecondsMax: Int64 = 6 * 3_600

    /// How far a run, and the last runs of the other jobs of its night, have read. A job that has not read within the
    /// night makes the report incomplete, as it makes every other.
    private func cutOff(of run: Run) async throws -> Int64 {
        let jobs = coverage.resting
        return try await pool.withConnection { connection in
            var least = run.period.toSeconds
            for job in jobs where job.name != run.job {
                guard let reached = try await Runs.reached(job.name, on: connection) else { continue }
                let standing = reached + job.kind.standsBackSeconds
                if standing < least, standing >= run.period.toSeconds - Self.nightSecondsMax { least = standing }
            }
            return least
        }
    }

    /// For each job the last run that read up to the cut-off, and a gap for each job that has none, or that failed or
    /// did not run on this night.
    ///
    /// It is asked in the snapshot that gives the figures: a run that ends meanwhile belongs to neither or to both.
    private func restingRuns(
        cutOffSeconds: Int64, on connection: Connection
    ) async throws -> (ids: [Int64], missing: [ReportAssembly.Missing]) {
        var ids: [Int64] = []
        var missing: [ReportAssembly.Missing] = []
        let failed = try await failedOccurrences(cutOffSeconds: cutOffSeconds, on: connection)
        for job in coverage.resting {
            if case .run(let asked) = period, try await Runs.run(id: asked, on: connection)?.job == job.name {
                ids.append(asked)
                continue
            }
            let id = try await Runs.lastReaching(
                cutOffSeconds - job.kind.standsBackSeconds, job: job.name, on: connection)
            let isComplete = try await isComplete(id, on: connection)
            // A run that did not come to its end says more of why than its occurrence.
            if let id, failed[job.name] == nil || !isComplete {
                ids.append(id)
            } else {
                missing.append(ReportAssembly.Missing(job: job, failed: failed[job.name]))
            }
        }
        return (ids, missing)
    }

    private func isComplete(_ id: Int64?, on connection: Connection) async throws -> Bool {
        guard let id else { return false }
        return try await Runs.run(id: id, on: connection)?.isComplete ?? false
    }

    /// What follows a cut-off by less than this belongs to its night.
    private static let daySeconds: Int64 = 86_400

    /// The occurrences of this night that did not come to a good end: what an earlier run read up to the cut-off was
    /// to be looked at again, and was not.
    private func failedOccurrences(
        cutOffSeconds: Int64, on connection: Connection
    ) async throws -> [String: FailedOccurrence] {
        let until = lease?.occurrence.scheduledSeconds ?? min(nowSeconds, cutOffSeconds + Self.daySeconds)
        let reach = coverage.resting.map { ($0.name, cutOffSeconds - $0.kind.standsBackSeconds) }
        return try await Occurrences.failed(
            reach: Dictionary(reach, uniquingKeysWith: { first, _ in first }), until: until, for: lease,
            on: connection)
    }

    private func scope(
        _ zone: Zone, _ bounds: (from: Int64?, cutOff: Int64), _ runIDs: [Int64], on connection: Connection
    ) async throws -> StatementScope {
        var credits: [String] = []
        var charges: [String] = []
        var others: [String] = []
        var (creditAccounts, chargeAccounts): ([String], [String]) = ([], [])
        func stated(_ accounts: [String]) -> [String] {
            accounts.filter { coverage.accounts.isEmpty || coverage.accounts.contains($0) }
        }
        for job in coverage.resting {
            switch ReportCoverage.part(of: job) {
            case (.credits, let reconcile)? where credits.isEmpty:
                credits.append(job.name)
                creditAccounts = stated(reconcile.accounts)
            case (.charges, let reconcile)?:
                charges.append(job.name)
                chargeAccounts += stated(reconcile.accounts)
            // Another job over the same orders would count them twice; notices and customers move nothing.
            default: others.append(job.name)
            }
        }
        let contract = coverage.orders
        let columns = Dictionary(uniqueKeysWithValues: contract.columns.map { ($0.key.rawValue, $0.value) })
        let orders = try await OrderTable.resolve(
            schema: contract.schema, table: contract.name, columns: columns,
            customerColumn: "taskHealthStripeCustomerId", on: connection)
        return StatementScope(
            job: definition.name, cutOffSeconds: bounds.cutOff, fromSeconds: bounds.from,
            historyFromSeconds: job.historyFrom.map { zone.startOfDay($0) }, orders: orders,
            creditJobs: credits, chargeJobs: charges, creditAccounts: creditAccounts, chargeAccounts: chargeAccounts,
            otherJobs: others, statesCredits: coverage.statesCredits, accounts: coverage.accounts, runIDs: runIDs,
            creditPriceCents: CreditEffects.pricePerCreditCents)
    }

    /// Reads and writes in one snapshot: the files say what one instant said.
    private func write(
        _ zone: Zone, _ bounds: (from: Int64?, cutOff: Int64)
    ) async throws -> Made {
        let last = try await StoredReports(pool: pool).last(job: definition.name)
        return try await StatementQuery.snapshot(pool) { connection in
            let runs = try await restingRuns(cutOffSeconds: bounds.cutOff, on: connection)
            let scope = try await scope(zone, bounds, runs.ids, on: connection)
            let query = StatementQuery(scope)
            let figures = try await query.figures(on: connection)
            let assembly = ReportAssembly(
                definition: definition, job: job, zone: zone, cutOffSeconds: bounds.cutOff, accounts: accounts,
                programVersion: origin.programVersion, missing: runs.missing, coverage: coverage, scope: scope)
            let report = try assembly.report(figures)
            let hash = try await ReportPress.dataHash(report)
            var new = newReport(report, figures, dataHash: hash)
            if let last, last.dataHash == hash, last.cutOffSeconds == bounds.cutOff,
                last.formats == formatNames
            {
                // Who asks for it again, and when, makes no other report of it.
                new.take(last, isRegular: try await StoredReports.wasRegular(last, on: connection))
                let made = try await render(report, new, figures, asOf: last.createdAt, query, connection)
                // A program of the same version that draws otherwise makes another report.
                if made.manifest.digest.sha256 == last.manifestHash { return made.repeated }
            }
            let number = try await StoredReports(pool: pool).takeNumber(
                job: definition.name, requestedBy: origin.requestedBy)
            new.take(number, after: last?.manifestHash, by: origin, isRegular: purpose == .regular)
            let numbered = new
            return try await explaining(number.id) {
                try await render(report, numbered, figures, query, connection)
            }
        }
    }

    /// Keeps why a number never became a report, where it does not.
    private func explaining<T: Sendable>(_ id: Int64?, _ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch {
            guard let id else { throw error }
            let reports = StoredReports(pool: pool)
            let why = Self.words(error)
            // Written whether or not the report was cancelled. Where even that fails, the number stands without a
            // reason, and the error that is thrown is the one that matters.
            let writing = Task { try await reports.recordFailure(why, of: id) }
            _ = await writing.result
            throw error
        }
    }

    private func render(
        _ report: DiscrepancyReport, _ new: NewReport, _ figures: StatementFigures, asOf: Timestamp? = nil,
        _ query: StatementQuery, _ connection: Connection
    ) async throws -> Made {
        var (report, new) = (report, new)
        report.run.previousReportHash = new.previousHash
        if let signed = try await StoredReports.signed(
            job: definition.name, cutOffSeconds: report.statement.cutOff.seconds, otherThan: new.id, asOf: asOf,
            on: connection)
        {
            report.basis.signedStatement = SignedStatement(
                id: signed.report.id, state: signed.report.state, verdict: signed.report.verdict,
                isReviewed: signed.signatures > 1, isSame: signed.report.dataHash == new.dataHash)
            // A report that says so is not of before that signature.
            report.generatedSeconds = max(report.generatedSeconds, signed.signedAt.seconds)
        }
        new.asOfSeconds = report.generatedSeconds
        let directory = directory ?? folder(new.id, report)
        let press = try await ReportPress.open(
            report, into: directory, formats: formats, csvProfile: csvProfile)
        try await query.forEachMatched(of: 2_000, fromSeconds: figures.fromSeconds, on: connection) { orders in
            try await press.append(
                orders.map { order in
                    MatchedRow(
                        stripeID: order.stripeID, localRow: String(order.rowKey), amount: order.amount,
                        rule: "exact id", account: order.account)
                })
        }
        let manifest = try await press.finish(ReportManifest.Rows(new.rowTexts))
        new.manifestHash = manifest.digest.sha256
        new.files = manifest.files.map {
            StoredReport.File(name: $0.name, bytes: $0.digest.bytes, sha256: $0.digest.sha256)
        }
        new.folder = URL(fileURLWithPath: directory).standardizedFileURL.path
        return Made(
            report: report, figures: figures, manifest: manifest, directory: directory, stored: new,
            isRepeated: false)
    }

    /// `reports/balance-report/2026-03-08-r12`: names of Trueup's own, none from data.
    private func folder(_ id: Int64, _ report: DiscrepancyReport) -> String {
        let day = report.statement.cutOff.localText.prefix(10)
        return "\(delivery?.settings.directory?.path ?? "reports")/\(definition.name)/\(day)-r\(id)"
    }

    /// The report as it is kept, but for its number and what follows from that.
    private func newReport(_ report: DiscrepancyReport, _ figures: StatementFigures, dataHash: String) -> NewReport {
        NewReport(
            job: definition.name, name: report.id, statement: report.statement,
            verdict: ReportVerdict.line(report.statement), periodFromSeconds: figures.fromSeconds,
            asOfSeconds: report.generatedSeconds, runIDs: figures.runs.map(\.run.id), formats: formatNames,
            definitionHash: definition.hash, dataHash: dataHash, programVersion: origin.programVersion,
            cumulative: figures.cumulative,
            findingIDs: Dictionary(
                figures.items.map { ($0.item.id, $0.findingID) }, uniquingKeysWith: { first, _ in first }),
            resolved: figures.resolved, repairIDs: figures.repairs.map(\.id))
    }
}

extension Kind {
    /// By how many seconds a run's period ends before the run: what expires is looked at once it is old enough, so that
    /// a run of tonight is about what was made before.
    fileprivate var standsBackSeconds: Int64 {
        if case .expire(let job) = self { job.staleAfterSeconds } else { 0 }
    }
}

/// Whether later reports are compared with this one.
public enum ReportPurpose: Sendable, Hashable {
    /// Its job made it, or it is sent: its readers know it.
    case regular
    /// Somebody made it for themselves. Others are compared with it once it is signed.
    case byHand
}

/// Why a report is not made.
public enum ReportRunError: AdvisesCommand, Hashable {
    case noRun(Int64)

    public var advice: Advice {
        switch self {
        case .noRun(let id): "There is no run \(id) to report on. See: \(command: "trueup runs")"
        }
    }
}

extension StatementScope {
    /// What was asked of the database, for the sheet of controls.
    var queries: [ReportQuery] {
        queryTexts.map { name, text in
            ReportQuery(name: name, text: text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
        }
    }
}
