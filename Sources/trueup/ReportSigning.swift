import ArgumentParser
import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Store
import Synchronization

struct ReportSignCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "sign", abstract: "Signs a report as its preparer, or as its reviewer: another person.",
        discussion: """
            The user of the machine and the user of the database are kept beside the name, and the reviewer's may not \
            both be the preparer's, unless settings.yaml says sign_off: {shared_login: true}. A page of signatures, \
            signatures.html, is written beside the report's files, which stay as they are. Those who got the report by \
            mail or Slack hear of each signature, unless settings.yaml says sign_off: {notify: false}.
            """)

    @Argument(help: ArgumentHelp("Its number, as the list shows it.", valueName: "report"))
    var id: Int64

    @Option(name: .customLong("as"), help: "preparer or reviewer.")
    var role: String

    @Option(name: .long, help: "What was checked; kept with the signature.")
    var note: String

    @Option(name: .long, help: "Who signs (default: the user of this machine).")
    var name: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Why a report that is UNEXPLAINED or INCOMPLETE is signed.", valueName: "reason"))
    var acceptUnexplained: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The signed report of the same cut-off that this one replaces; --note says why.", valueName: "report"))
    var supersede: Int64?

    @Option(name: .long, help: ArgumentHelp("The folder of the page (default: the report's).", valueName: "dir"))
    var out: String?

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard SignOff.Role(rawValue: role) != nil else { throw ValidationError("--as takes preparer or reviewer.") }
        guard !note.allSatisfy(\.isWhitespace) else {
            throw ValidationError("Say what was checked with --note: whoever reads the report will ask.")
        }
        guard name?.allSatisfy(\.isWhitespace) != true else { throw ValidationError("--name is empty.") }
        guard acceptUnexplained?.allSatisfy(\.isWhitespace) != true else {
            throw ValidationError("Say why with --accept-unexplained: it stands beside the signature.")
        }
    }

    func run() async throws {
        // Without job files nothing is shared and nothing is delivered: a reviewer may have the database alone.
        let settings = FileManager.default.fileExists(atPath: files.jobs) ? try files.load().settings : nil
        let login = RunOrigin.here(.manual).requestedBy
        let signature = NewSignature(
            role: role, person: name ?? login, note: note, systemUser: login,
            isSharedLogin: settings?.signOff.sharedLogin ?? false, accepted: acceptUnexplained ?? "",
            supersedes: supersede)
        let (id, out) = (id, out)
        let queued = try await ReportStore.with(settings, databaseOptions) { reports in
            guard let report = try await reports.report(id: id) else { throw SignError.noReport(id) }
            let queued = try await sign(report, signature, reports, notify: settings?.signOff.notify ?? true)
            Terminal.say(
                "Report \(id) is signed by \(printable(signature.person)) (\(printable(login))) as \(signature.role), "
                    + "manifest \(report.manifestHash).")
            if try await reports.signatures(of: id).count == SignOff.Role.allCases.count {
                Terminal.say("Both have signed: the next statement of \(report.job) opens where this one closes.")
            }
            let pages = SignaturePages(reports: reports, settings: settings, next: next)
            try await pages.write(report, into: out)
            for older in try await reports.places(of: id) {
                guard let other = try await reports.report(id: older) else { continue }
                try await pages.write(other, into: nil)
            }
            return queued
        }
        if queued > 0 { try await send(queued, settings, report: id) }
    }

    /// Signs, and puts the messages about it into the outbox in the same transaction.
    /// - Returns: how many messages.
    private func sign(
        _ report: StoredReport, _ signature: NewSignature, _ reports: StoredReports, notify: Bool
    ) async throws -> Int {
        let queued = Mutex(0)
        let messages = notify ? try SignatureMessages(report, role: signature.role) : nil
        do {
            try await reports.sign(report.id, signature) { connection in
                guard let messages else { return }
                let count = try await messages.enqueue(on: connection)
                queued.withLock { $0 = count }
            }
        } catch let error as SignError {
            throw advised(error, report) ?? error
        }
        return queued.withLock { $0 }
    }

    /// Where an error names the command that signs otherwise: the same with that command whole, as it can be given.
    private func advised(_ error: SignError, _ report: StoredReport) -> CommandError? {
        let own: String
        switch error {
        case .notPrepared: own = " --note \"why\""
        case .otherStatement: own = name.map { " --name " + NextCommand.word($0) } ?? ""
        default: return nil
        }
        return CommandError(
            error.advice.text { command in
                var whole = command.words + own
                if report.state >= .unexplained { whole += " --accept-unexplained \"why\"" }
                if let out { whole += " --out " + NextCommand.word(out) }
                return next.onJobs(whole)
            })
    }

    /// The signature stands whatever becomes of the messages: what does not leave now waits in the outbox.
    private func send(_ queued: Int, _ settings: Settings?, report: Int64) async throws {
        let delivery = settings?.delivery
        guard let settings, delivery?.email != nil || delivery?.slack != nil else {
            Terminal.say(
                "\(counted(queued, "message")) about it wait in the outbox. Send them with: "
                    + next.onJobs("trueup outbox send"))
            return
        }
        let isStopped = try await Signals.cancelling {
            let isSent = try await Database.with(databaseOptions, settings: settings) { database in
                try await Pool.with(database.target, size: 2, applicationName: "trueup report") {
                    try await OutboxSenders(settings).send(report: report, pool: $0).isWhole
                }
            }
            if !isSent {
                Terminal.say(
                    "The signature stands; what did not leave waits. See: " + next.onJobs("trueup outbox list"))
            }
            return Task.isCancelled
        }
        if isStopped { throw CancellationError() }
    }
}

struct ReportSignaturesCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "signatures", abstract: "Writes the page of a report's signatures again, signatures.html.")

    @Argument(help: ArgumentHelp("Its number, as the list shows it.", valueName: "report"))
    var id: Int64

    @Option(name: .long, help: ArgumentHelp("The folder of the page (default: the report's).", valueName: "dir"))
    var out: String?

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (id, out, next) = (id, out, next)
        try await ReportStore.with(files.settingsIfThere(), databaseOptions) { reports in
            guard let report = try await reports.report(id: id) else { throw SignError.noReport(id) }
            try await SignaturePages(reports: reports, settings: nil, next: next).write(report, into: out)
        }
    }
}

/// Pages of signatures as the commands write them.
private struct SignaturePages {
    let reports: StoredReports
    let settings: Settings?
    let next: NextCommand

    /// Beside the report's files, or where it is asked for; a signature stands without its page.
    func write(_ report: StoredReport, into asked: String?) async throws {
        let signed = SignedFolder(reports: reports)
        guard let folder = try asked ?? signed.folder(of: report) else {
            Terminal.warn(
                "The files of report \(report.id) are not on this machine, so their page of signatures was not "
                    + "written. Write it with: " + next.onJobs("trueup report signatures \(report.id) --out DIR"))
            return
        }
        _ = try await signed.write(report.id, into: folder)
        Terminal.say("Signatures of report \(report.id): \(printable(folder))/\(SignaturePage.fileName)")
        guard let settings, settings.delivery.s3 != nil else { return }
        let http = HTTPClient()
        do {
            let delivery = ReportDelivery(
                settings: settings.delivery, http: http, environment: ProcessInfo.processInfo.environment)
            let made = try await delivery.deliverPage(of: report, from: folder, reports: reports)
            await http.close()
            guard let made else { return }
            Terminal.say("\(made.outcome.rawValue)  s3  \(printable(made.address))  \(printable(made.detail))")
            if made.outcome == .failed { throw ExitCode(1) }
        } catch {
            await http.close()
            throw error
        }
    }
}
