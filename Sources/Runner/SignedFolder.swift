import Foundation
import Reports
import Schedule
import Store

/// The page of signatures beside the files of a report.
public struct SignedFolder: Sendable {
    private let reports: StoredReports

    public init(reports: StoredReports) { self.reports = reports }

    /// The folder in which a report was written, where it is still there with its manifest.
    public func folder(of report: StoredReport) throws -> String? {
        guard let folder = report.folder else { return nil }
        let manifest = folder + "/" + ReportManifest.fileName
        guard FileManager.default.fileExists(atPath: manifest),
            try FileDigest(path: manifest).sha256 == report.manifestHash
        else { return nil }
        return folder
    }

    private func signatures(of id: Int64) async throws -> [SignaturePage.Signature] {
        try await reports.signatures(of: id).map {
            SignaturePage.Signature(
                role: $0.role, person: $0.person, systemUser: $0.systemUser, databaseUser: $0.databaseUser,
                isSharedLogin: $0.isSharedLogin, note: $0.note, accepted: $0.accepted,
                atSeconds: $0.signedAt.seconds, manifestHash: $0.manifestHash)
        }
    }

    /// What the last page that was written of a report says otherwise than the database does now; empty where both say
    /// the same.
    public func differences(_ id: Int64, page path: String) async throws -> [String] {
        let text = try await ReportPress.onDisk {
            String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        }
        return try await page(id).differences(from: text)
    }

    /// Writes the page of a report as it is signed now, and keeps its hash. A page is a proof, so there is none of rows
    /// that are not what was signed.
    /// - Throws: ``SignError/noReport(_:)``, ``SignError/forged(_:_:)``, or an error of the file.
    public func write(_ id: Int64, into directory: String) async throws -> FileDigest {
        let faults = try await reports.signatureFaults().filter { $0.reports.contains(id) }
        guard faults.isEmpty else { throw SignError.forged(id, faults.map(\.words)) }
        let written = try await page(id)
        let digest = try await ReportPress.onDisk { try written.write(into: directory) }
        try await reports.recordPage(digest.sha256, of: id)
        return digest
    }

    /// The page of a report as the database has its signatures now.
    private func page(_ id: Int64) async throws -> SignaturePage {
        guard let report = try await reports.report(id: id) else { throw SignError.noReport(id) }
        var page = SignaturePage(
            number: id, name: report.name, state: report.state.rawValue, verdict: report.verdict,
            cutOffSeconds: report.cutOffSeconds, zone: try Zone.load(report.zone), manifestHash: report.manifestHash,
            files: try await reports.files(of: id).map { SignaturePage.File(name: $0.name, sha256: $0.sha256) },
            signatures: try await signatures(of: id))
        let other = try await reports.superseding(id)
        page.supersedes = other.supersedes
        page.supersedeNote = other.note
        // Until two people have signed that one, this one counts, and its heading says so.
        page.supersededBy = other.isSuperseded ? other.supersededBy : nil
        page.isToBeSupersededBy = other.isSuperseded ? nil : other.supersededBy
        return page
    }
}

extension ReportDelivery {
    /// Puts the page of signatures beside the objects of a report that is in the bucket.
    /// - Returns: what became of it; `nil` where the report is in no bucket.
    public func deliverPage(
        of report: StoredReport, from directory: String, reports: StoredReports
    ) async throws -> StoredReport.Delivery? {
        let there = try await reports.deliveries(of: report.id).last {
            $0.destination == "s3" && $0.outcome == .delivered
        }
        guard let there else { return nil }
        // Where the report is; where that is another bucket than the one of today, a place of its own.
        let folder = bucket?.folder(of: there.address) ?? [report.job, "r\(report.id)"]
        let delivery = await toBucket([SignaturePage.fileName], from: directory, folder: folder)
        try await reports.record(delivery, of: report.id)
        return delivery
    }
}
