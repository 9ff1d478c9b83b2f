import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Store

struct ReportListCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists reports, newest first.")

    @Option(name: .long, help: "Only this job.")
    var job: String?

    @Option(name: .long, help: "How many.")
    var limit = 20

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000.") }
    }

    func run() async throws {
        let set = try files.loadIfThere()
        try await Database.with(databaseOptions, settings: set?.settings) { database in
            try await Pool.with(database.target, applicationName: "trueup report") { pool in
                try await NameFilter(set: set, pool: pool).check(job: job)
                try await list(StoredReports(pool: pool))
            }
        }
    }

    private func list(_ reports: StoredReports) async throws {
        var table = TextTable(
            headings: ["report", "job", "cut-off", "state", "items", "signed", "made", "manifest"],
            rightAligned: [0, 4])
        for report in try await reports.list(job: job, limit: limit) {
            var signed = try await reports.signatures(of: report.id).map(\.role).joined(separator: ", ")
            let other = try await reports.superseding(report.id)
            if let pending = other.pending {
                signed += ", \(pending)"
            } else if let newer = other.supersededBy {
                signed += ", superseded by \(newer)"
            }
            table.rows.append([
                String(report.id), report.job, isoTime(report.cutOffSeconds), report.state.rawValue,
                Money.grouped(report.openItems), signed.isEmpty ? "–" : signed, isoTime(report.createdAt.seconds),
                String(report.manifestHash.prefix(12)),
            ])
        }
        for report in try await reports.removed(job: job) {
            Terminal.warn("number \(report.id), \(printable(report.job)): \(ReportStore.words(report))")
        }
        for number in try await reports.unmade(job: job, limit: limit) {
            let text = "number \(number.id), \(printable(number.job)): \(ReportStore.words(number))"
            if number.trace == nil { Terminal.say(text) } else { Terminal.warn(text) }
        }
        let missing = try await reports.missingNumbers()
        if !missing.isEmpty { Terminal.warn(ReportStore.words(missing: missing)) }
        if table.rows.isEmpty { Terminal.say("No reports yet. Make one with: " + next.onJobs("trueup report")) }
        for line in table.lines { Terminal.print(line) }
    }
}

struct ReportShowCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows one report.")

    @Argument(help: ArgumentHelp("Its number.", valueName: "report"))
    var id: Int64

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        try await ReportStore.with(files.settingsIfThere(), databaseOptions) { reports in
            guard let report = try await reports.report(id: id) else {
                if let gone = try await reports.removed().first(where: { $0.id == id }) {
                    throw CommandError("Number \(id) \(ReportStore.words(gone))")
                }
                if let number = try await reports.unmade(limit: 100_000).first(where: { $0.id == id }) {
                    throw CommandError(
                        "Number \(id) is no report\(number.trace == nil ? "" : " any more"): "
                            + ReportStore.words(number))
                }
                let missing = try await reports.missingNumbers()
                if missing.contains(id) { throw CommandError(ReportStore.words(missing: [id])) }
                throw SignError.noReport(id)
            }
            let runs = report.runIDs.isEmpty ? "none" : report.runIDs.map(String.init).joined(separator: ", ")
            let period = report.periodFromSeconds.map { "from \(isoTime($0))" } ?? "all that it states"
            var lines = [
                "report     \(report.id), \(report.name)", "verdict    \(printable(report.verdict))",
                "state      \(report.state.rawValue)",
                "cut-off    \(isoTime(report.cutOffSeconds)) (\(report.zone))",
                "period     \(period)", "runs       \(runs)",
                "items      \(Money.grouped(report.openItems)) open",
                "made       \(isoTime(report.createdAt.seconds)) by \(printable(report.requestedBy)), trueup "
                    + report.programVersion,
                "manifest   \(report.manifestHash)",
                "previous   \(report.previousHash ?? "none: the first of its job")",
            ]
            for file in try await reports.files(of: id) {
                lines.append("file       \(file.sha256)  \(file.name) (\(Money.grouped(file.bytes)) bytes)")
            }
            lines += try await signatures(reports)
            lines += try await deliveries(reports)
            for line in lines { Terminal.print(line) }
        }
    }

    /// What became of it on each way out; of a message, what the outbox says of it by now.
    private func deliveries(_ reports: StoredReports) async throws -> [String] {
        let deliveries = try await reports.deliveries(of: id)
        let messages = try await reports.messages(keys: deliveries.compactMap { $0.messageKey(ofReport: id) })
        return deliveries.map { delivery in
            let message = messages.first { $0.dedupeKey == delivery.messageKey(ofReport: id) }
            let state = message?.state.rawValue ?? delivery.outcome.rawValue
            let detail = message.map { $0.sentAt.map { isoTime($0.seconds) } ?? $0.lastError ?? "" } ?? delivery.detail
            return "\(state)  \(delivery.destination) \(printable(delivery.address))"
                + (detail.isEmpty ? "" : ": " + printable(detail))
        }
    }

    private func signatures(_ reports: StoredReports) async throws -> [String] {
        var lines: [String] = []
        for signature in try await reports.signatures(of: id) {
            let logins =
                signature.systemUser.isEmpty
                ? "logins not noted" : "\(signature.systemUser), database user \(signature.databaseUser)"
            let shared = signature.isSharedLogin ? ", shared login allowed" : ""
            lines.append(
                "signed     \(isoTime(signature.signedAt.seconds)) as \(signature.role) by "
                    + "\(printable(signature.person)) (\(printable(logins))\(shared)): \(printable(signature.note))")
            if !signature.accepted.isEmpty { lines.append("accepted   \(printable(signature.accepted))") }
        }
        let other = try await reports.superseding(id)
        if let older = other.supersedes {
            let words =
                other.isWhole
                ? "supersedes report \(older)" : "to supersede report \(older), once its reviewer signs"
            lines.append("\(words): \(printable(other.note))")
        }
        if let pending = other.pending {
            lines.append("\(pending); until then this one counts")
        } else if let newer = other.supersededBy {
            lines.append("superseded by report \(newer)")
        }
        return lines
    }
}

struct ReportVerifyCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Proves that files are what was produced, and that the chain of reports holds.",
        discussion: """
            Each file's SHA-256 is looked up among those that were kept when the report was made; of a folder, every \
            file of its report has to be there. The chain: every report of the job names the manifest of the one \
            before it. Exit code 1 when anything does not hold.
            """)

    @Argument(help: ArgumentHelp("Files or folders of a report.", valueName: "path"))
    var paths: [String]

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (paths, next) = (paths, next)
        let failures = try await ReportStore.with(files.settingsIfThere(), databaseOptions) { reports in
            let proof = ReportProof(reports: reports, next: next)
            for path in paths { try await proof.verify(path) }
            return await proof.failures
        }
        guard failures == 0 else { throw ExitCode(1) }
    }
}

/// The stored reports of a command's database.
enum ReportStore {
    /// What became of a report that was taken out.
    static func words(_ report: StoredReports.Removed) -> String {
        "was a report, made \(isoTime(report.madeAt.seconds)), manifest \(report.manifestHash.prefix(12)): it has been "
            + "taken out of the tables, which Trueup never does"
    }

    /// Why a number is no report.
    static func words(_ number: StoredReports.Unmade) -> String {
        let taken = "taken \(isoTime(number.takenAt.seconds)) by \(printable(number.requestedBy))"
        let gone = "it has been taken out of the tables, which Trueup never does"
        switch (number.trace, number.why) {
        case (.rows(let tables)?, _):
            return "\(taken); it was a report: rows of it are in \(tables.joined(separator: ", ")), and \(gone)"
        case (.named(let by, let hash, let numbers)?, _):
            let names = "report \(by) goes on from manifest \(hash.prefix(12)), which no report of the tables has"
            let others = numbers.filter { $0 != number.id }.map(String.init)
            guard !others.isEmpty else { return "\(taken); it was a report: \(names), and \(gone)" }
            return "\(taken); it or number \(others.joined(separator: " or ")) was a report: \(names), and \(gone)"
        case (nil, let why?): return "\(taken); no report was made: \(printable(why))"
        case (nil, nil):
            return "\(taken); its process is at work, or was killed: the tables have no report of this number, and no "
                + "sign that there was one"
        }
    }

    /// Numbers whose rows are gone.
    static func words(missing numbers: [Int64]) -> String {
        let some = numbers.prefix(5).map(String.init).joined(separator: ", ") + (numbers.count > 5 ? ", …" : "")
        return "numbers are given out without a gap, and \(some) \(numbers.count == 1 ? "is" : "are") missing: rows of "
            + "report_number were taken out of the tables, and maybe the reports of these numbers"
    }

    static func with<T: Sendable>(
        _ settings: Settings?, _ options: DatabaseOptions, _ body: @Sendable (StoredReports) async throws -> T
    ) async throws -> T {
        try await Database.with(options, settings: settings) { database in
            try await Pool.with(database.target, applicationName: "trueup report") {
                try await body(StoredReports(pool: $0))
            }
        }
    }
}
