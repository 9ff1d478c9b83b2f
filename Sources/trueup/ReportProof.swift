import Foundation
import Reports
import Store

/// Files held against the hashes that were kept when their report was made.
actor ReportProof {
    private let reports: StoredReports
    private(set) var failures = 0

    init(reports: StoredReports) { self.reports = reports }

    /// A file, or a folder with every file of a report.
    func verify(_ path: String) async throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw CommandError("There is no \(path).")
        }
        if isFolder.boolValue {
            try await verify(folder: path)
        } else if try await verify(page: path) {
            return
        } else if let (report, file) = try await known(path) {
            say("\(path) is \(file) of report \(report.id), \(report.name), as it was made.")
            try await verifyChain(of: report)
        } else {
            fail("\(path) is not a file that a report of this database had: it was changed, or made elsewhere.")
        }
    }

    /// Whether it is a page of signatures, and says which.
    private func verify(page path: String) async throws -> Bool {
        guard let (id, isLast) = try await reports.page(try FileDigest(path: path).sha256) else { return false }
        if isLast {
            say("\(path) has the signatures of report \(id), as they were given.")
        } else {
            fail("\(path) is an older page: report \(id) was signed again since. See: trueup report signatures \(id)")
        }
        return true
    }

    private func known(_ path: String) async throws -> (StoredReport, String)? {
        let digest = try FileDigest(path: path)
        return try await reports.reports(withFileOf: digest.sha256).first.map { ($0.report, $0.file) }
    }

    private func verify(folder: String) async throws {
        let manifest = folder + "/" + ReportManifest.fileName
        guard FileManager.default.fileExists(atPath: manifest) else {
            return fail("\(folder) has no \(ReportManifest.fileName): it is no whole report.")
        }
        guard let (report, name) = try await known(manifest), name == ReportManifest.fileName else {
            return fail("\(manifest) is not the manifest of a report of this database.")
        }
        var bad = 0
        let files = try await reports.files(of: report.id)
        for file in files {
            let path = folder + "/" + file.name
            guard FileManager.default.fileExists(atPath: path) else {
                fail("\(path) is missing.")
                bad += 1
                continue
            }
            if try FileDigest(path: path).sha256 != file.sha256 {
                fail("\(path) is not what was made: its hash is another.")
                bad += 1
            }
        }
        let page = folder + "/" + SignaturePage.fileName
        if FileManager.default.fileExists(atPath: page), try await !verify(page: page) {
            fail("\(page) is not what was made: its hash is no page of signatures of this database.")
            bad += 1
        }
        for path in others(in: folder, than: files.map(\.name)) {
            fail(
                "\(folder)/\(path) is no file of report \(report.id): it was added, or a killed process left it."
            )
            bad += 1
        }
        if FileManager.default.fileExists(atPath: folder + "/report.pdf") {
            let text = "\(folder)/report.pdf is not proven: a PDF is printed from report.html and not kept."
            Terminal.print("      " + printable(text))
        }
        guard bad == 0 else { return }
        say(
            "\(folder) is report \(report.id), \(report.name): \(files.count) files and the manifest as they were made."
        )
        for signature in try await reports.signatures(of: report.id) where signature.manifestHash != report.manifestHash
        {
            fail("\(signature.person) signed another manifest, \(signature.manifestHash).")
        }
        try await verifyChain(of: report)
    }

    /// Files in the folder that its report does not have. A PDF is printed from the page, with the time of printing:
    /// nothing is proven of it.
    private func others(in folder: String, than names: [String]) -> [String] {
        let known = Set(names + [ReportManifest.fileName, SignaturePage.fileName, "report.pdf"])
        let found = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return found.filter { path in
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder)
            return !known.contains(path) && !(exists && isFolder.boolValue)
        }.sorted()
    }

    /// Every report of the job names the manifest of the one before it.
    private func verifyChain(of report: StoredReport) async throws {
        var before: String?
        var count = 0
        for one in try await reports.list(job: report.job, limit: 1_000_000).reversed() {
            guard one.previousHash == before else {
                return fail(
                    "The chain of \(report.job) is broken at report \(one.id): it names "
                        + "\(one.previousHash ?? "no report") and not \(before ?? "none").")
            }
            before = one.manifestHash
            count += 1
        }
        let reports = count == 1 ? "1 report" : "\(count) reports, each naming the one before"
        say("The chain of \(report.job) holds: \(reports).")
    }

    private func say(_ text: String) { Terminal.print("ok    " + printable(text)) }

    private func fail(_ text: String) {
        failures += 1
        Terminal.print("FAIL  " + printable(text))
    }
}
