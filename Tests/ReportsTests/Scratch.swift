import Foundation
import Glibc
import Reconciliation
import Reports

/// A folder of a test's own, removed when the test lets go of it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/trueup-reports-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func text(_ name: String) throws -> String {
        try String(contentsOfFile: path + "/" + name, encoding: .utf8)
    }

    /// Everything below it, hidden files and folders included.
    func names() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
    }

    /// Writes a report into it.
    @discardableResult
    func write(
        _ report: DiscrepancyReport, _ formats: Set<RenderFormat> = Set(RenderFormat.allCases),
        profile: CSVProfile = .standard, matched: [MatchedRow] = []
    ) throws -> ReportManifest {
        let writer = try ReportWriter(report, into: path, formats: formats, csvProfile: profile)
        try writer.append(matched)
        return try writer.finish()
    }

    /// What a program prints; its exit status must be 0.
    static func output(_ arguments: [String], timeoutSeconds: Double = 90) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["timeout", String(timeoutSeconds)] + arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(status: process.terminationStatus) }
        return String(decoding: data, as: UTF8.self)
    }

    /// A part of a workbook, unpacked by Python's own zip module.
    func part(_ name: String) throws -> String {
        try Self.output([
            "python3", "-c",
            "import sys,zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))",
            path + "/report.xlsx", name,
        ])
    }

    struct Failure: Error {
        let status: Int32
    }
}

/// A report with one item, which a test makes as nasty as it likes.
enum OneItem {
    static func report(
        agency: String = "Sunrise", note: String? = nil, id: String = "F-1", invoice: String? = "in_1A",
        localRow: String? = "7", stripe: Money? = Money(minorUnits: 140_000, currency: "usd"),
        local: Money? = Money(minorUnits: 0, currency: "usd"), credits: Int64 = -7,
        since: Int64 = 1_772_900_000
    ) throws -> DiscrepancyReport {
        let core = StatementItem(
            id: id, agencyID: 1, kind: .missedPaid, creditsEffect: credits, sinceSeconds: since)
        let input = StatementInput(
            cutOff: StatementCutOff(
                seconds: 1_773_028_800, zone: "UTC", localText: "2026-03-09 04:00 +00:00",
                utcText: "2026-03-09 04:00 UTC"),
            agencies: [
                AgencyActivity(
                    agencyID: 1, name: agency, boughtAtStripe: 10, boughtLocally: 3, consumed: 0,
                    recorded: 10 + credits)
            ], items: [core], reads: [StatementRead(name: "Stripe", isComplete: true)])
        let item = ReportItem(
            item: core, agency: agency, account: "task_health", explanation: "Paid, not granted.",
            stripeInvoice: invoice, localRow: localRow, stripeAmount: stripe, localAmount: local, credits: 7,
            paidAtSeconds: since, firstSeenSeconds: since, note: note)
        return DiscrepancyReport(
            id: "r-1", accounts: [ReportAccount(name: "task_health", stripeID: "acct_1", isLive: false)],
            generatedSeconds: 1_773_030_000, statement: try Statement(input), items: [item],
            run: ReportSource(id: "run-1", job: "job", programVersion: "1.0.0", jobFileHash: "00"))
    }
}
