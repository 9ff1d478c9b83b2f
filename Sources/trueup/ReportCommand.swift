import ArgumentParser
import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Schedule
import Store

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Makes, shows, proves and signs discrepancy reports.",
        subcommands: [
            ReportMakeCommand.self, ReportListCommand.self, ReportShowCommand.self, ReportVerifyCommand.self,
            ReportSignCommand.self, ReportSignaturesCommand.self,
        ],
        defaultSubcommand: ReportMakeCommand.self)
}

/// A form that can be asked for: those of the renderers, and PDF, which a browser prints.
enum AskedFormat: String, CaseIterable, ExpressibleByArgument {
    case html, xlsx, csv, json, text, pdf

    var rendered: RenderFormat? { self == .pdf ? .html : RenderFormat(rawValue: rawValue) }
}

extension CSVProfile: ExpressibleByArgument {}

struct ReportMakeCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "make", abstract: "Makes a report and keeps it with the hashes of its files.",
        discussion: """
            Without --run, --as-of or --period: up to the job's last cut-off, on the last runs that read up to it. \
            Where one of them is missing or incomplete, the report says INCOMPLETE and ends with exit code 3. With \
            --run, a number that no run has is an error. Made again from the same figures it is the same report, byte \
            for byte. Where no job is of kind report, it is one with the usual values: balance-report, of all accounts \
            and jobs, as of 00:00 UTC, in every format.
            """)

    @Argument(help: ArgumentHelp("A job of kind report; without it, the only or the usual one.", valueName: "job"))
    var name: String?

    @Option(name: .customLong("run"), help: "Up to the end of what this run, and the others of its night, read.")
    var runNumber: Int64?

    @Option(name: .long, help: ArgumentHelp("Up to the start of this day, or this instant.", valueName: "date"))
    var asOf: String?

    @Option(name: .long, help: ArgumentHelp("From the start of one day to the start of another.", valueName: "from/to"))
    var period: String?

    @Option(name: .long, help: "html, xlsx, csv, json, text, pdf; several with commas. Without it: the job's formats.")
    var format: String?

    @Option(
        name: .long,
        help: "standard, or excel: with a byte order mark, and ids that Excel would shorten marked as text.")
    var csvProfile = CSVProfile.standard

    @Option(name: .long, help: ArgumentHelp("The folder of the files.", valueName: "dir"))
    var out: String?

    @Flag(name: .long, help: "Send it where the job's deliver says.")
    var deliver = false

    @OptionGroup var log: LogOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        if [runNumber != nil, asOf != nil, period != nil].filter({ $0 }).count > 1 {
            throw ValidationError("--run, --as-of and --period exclude each other.")
        }
        _ = try formats()
    }

    func run() async throws {
        log.start()
        Talk.isAbout("report failed", [:])
        let set = try files.load()
        let (definition, job) = try job(in: set)
        Talk.isAbout("report failed", ["trueup.job": "\(definition.name)"])
        let zone = try Zone.load(job.cutOff.timeZone)
        let period = try reportPeriod(zone)
        let asked = try formats()
        if asked?.contains(.pdf) == true { try PDFPrinter.check() }
        let accounts = try ReportAccounts.of(job, definition, set)
        let (code, isStopped) = try await Signals.cancelling {
            let code = try await Database.with(databaseOptions, settings: set.settings) { database in
                let pool = Pool(database.target, size: 4, applicationName: "trueup report \(definition.name)")
                let http = HTTPClient()
                let result: ReportResult
                do {
                    let known = try await ReportAccounts.withIDs(accounts, pool: pool)
                    let run = ReportRun(
                        definition: definition, report: job, jobs: set.jobs, accounts: known, pool: pool,
                        origin: .here(.manual), period: period, nowSeconds: Int64(Date().timeIntervalSince1970),
                        formats: asked.map { Set($0.compactMap(\.rendered)) }, csvProfile: csvProfile, directory: out,
                        delivery: deliver ? delivery(set.settings, http) : nil,
                        purpose: deliver ? .regular : .byHand)
                    result = try await run.make()
                } catch {
                    await pool.close()
                    await http.close()
                    throw error
                }
                await pool.close()
                await http.close()
                let telling = ReportTelling(
                    definition: definition, job: job, settings: set.settings, target: database.target,
                    senders: OutboxSenders(set.settings))
                return try await finish(result, telling)
            }
            return (code, Task.isCancelled)
        }
        // Stopped while it was sent: the report is made.
        if isStopped { throw CancellationError() }
        if code != 0 { throw ExitCode(code) }
    }

    private func delivery(_ settings: Settings, _ http: HTTPClient) -> ReportDelivery {
        ReportDelivery(
            settings: settings.delivery, http: http, environment: ProcessInfo.processInfo.environment)
    }

    /// Prints and sends what was made.
    private func finish(_ result: ReportResult, _ telling: ReportTelling) async throws -> Int32 {
        let isPrinted = try formats()?.contains(.pdf) == true
        if isPrinted {
            try PDFPrinter.print(result.directory + "/report.html", to: result.directory + "/report.pdf")
        }
        let lines =
            WrappedLine.terminalColumns.map { ReportSummary.lines(result.report, columns: $0) }
            ?? ReportSummary.lines(result.report)
        for line in lines { Terminal.print(line) }
        let again = result.isRepeated ? " (the same figures as before: the same report)" : ""
        let written = counted(result.fileCount + (isPrinted ? 1 : 0), "file")
        Terminal.say("\nReport \(result.id)\(again): \(written) in \(result.directory)")
        if let agency = ReportVerdict.firstUnexplained(result.report.statement) {
            Terminal.say("Where to look first: " + next.onJobs("trueup findings list --agency \(agency)"))
        }
        guard deliver else { return result.exitCode }
        let settled = try await telling.tell(result)
        settled.sayDeliveries()
        return settled.exitCode
    }

    private func formats() throws -> [AskedFormat]? {
        guard let format else { return nil }
        return try format.split(separator: ",").map { word in
            guard let format = AskedFormat(rawValue: word.trimmingCharacters(in: .whitespaces)) else {
                throw ValidationError(
                    "There is no format “\(word)”. Formats: "
                        + AskedFormat.allCases.map(\.rawValue).joined(separator: ", ") + ".")
            }
            return format
        }
    }

    /// The job that a folder without one has, so that a first statement needs no file.
    private static let usual = JobDefinition(name: "balance-report", kind: .report(ReportJob(report: .balance)))

    /// The job of that name; without a name the only report job, or the usual one where there is none, which is said.
    private func job(in set: JobSet) throws -> (JobDefinition, ReportJob) {
        let reports = set.jobs.filter { if case .report = $0.kind { true } else { false } }
        let found: JobDefinition
        if let name {
            guard let job = set.job(named: name) else { throw CommandError(files.noJob(name, in: set), code: 64) }
            found = job
        } else if reports.count > 1 {
            throw CommandError(
                "There are several report jobs: name one of \(reports.map(\.name).joined(separator: ", ")).", code: 64)
        } else {
            found = reports.first ?? Self.usual
            if reports.isEmpty {
                Terminal.say(
                    "There is no job of kind report in \(files.jobs): this is \(found.name) with the usual values, as "
                        + "of 00:00 UTC, and it is kept under that name.")
            }
        }
        guard case .report(let job) = found.kind else {
            throw CommandError("Job \(found.name) is of kind \(found.kind.word), not report.", code: 64)
        }
        return (found, job)
    }

    private func reportPeriod(_ zone: Zone) throws -> ReportPeriod {
        if let runNumber { return .run(runNumber) }
        if let asOf { return .asOf(try instant(asOf, zone)) }
        guard let period else { return .lastCutOff }
        let parts = period.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw ValidationError("--period takes two days, such as 2026-02-01/2026-03-01.") }
        let (from, to) = (try instant(parts[0], zone), try instant(parts[1], zone))
        guard from < to else { throw ValidationError("--period has to end after it starts.") }
        return .between(from, to)
    }

    private func instant(_ text: String, _ zone: Zone) throws -> Int64 {
        if let seconds = CivilDate(text).map(zone.startOfDay) ?? ISOTime.seconds(text) {
            guard seconds <= Int64(Date().timeIntervalSince1970) else {
                throw ValidationError("“\(text)” lies in the future: nothing can have been read up to it.")
            }
            return seconds
        }
        throw ValidationError(
            "“\(text)” is no day and no instant: write 2026-03-01 (its start in \(zone.name)), or "
                + "2026-03-01T00:00:00-05:00.")
    }
}

extension ReportResult {
    /// What became of it on each way out, a line each.
    func sayDeliveries() {
        for delivery in deliveries {
            let detail = delivery.detail.isEmpty ? "" : ": " + printable(delivery.detail)
            Terminal.say(
                "\(delivery.outcome.rawValue)  \(delivery.destination)  \(printable(delivery.address))\(detail)")
        }
    }
}
