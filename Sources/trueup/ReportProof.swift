import Foundation
import Reports
import Runner
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
        if isLast, try await !SignedFolder(reports: reports).holds(id, page: path) {
            fail("\(path) is the page that was written, and the database has other signatures of report \(id) by now.")
        } else if isLast {
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
        if files.contains(where: { $0.name == "report.json" }) {
            try await verify(report, against: folder + "/report.json")
        }
        for signature in try await reports.signatures(of: report.id) where signature.manifestHash != report.manifestHash
        {
            fail("\(signature.person) signed another manifest, \(signature.manifestHash).")
        }
        try await verifyChain(of: report)
    }

    /// What the database says of a report, held against its JSON, which has been proven: rows can be changed by whoever
    /// owns the tables, and files of a known hash cannot.
    private func verify(_ report: StoredReport, against path: String) async throws {
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
        guard let made = object as? [String: Any] else { return fail("\(path) is no JSON object.") }
        var wrong: [String] = []
        let head = made["report"] as? [String: Any]
        if head?["state"] as? String != report.state.rawValue { wrong.append("state") }
        if head?["verdict"] as? String != report.verdict { wrong.append("verdict") }
        var lines: [Int64?: [String: Any]] = [:]
        for line in made["statement"] as? [[String: Any]] ?? [] {
            lines[(line["agency_id"] as? String).flatMap(Int64.init)] = line
        }
        for line in try await reports.lines(of: report.id) {
            let kept = lines.removeValue(forKey: line.agencyID)
            let isSame =
                (kept?["closing_recorded"] as? Int64) == line.recorded
                && (kept?["closing_computed"] is NSNull || (kept?["closing_computed"] as? Int64) == line.computed)
            if !isSame { wrong.append("agency \(line.agencyID.map(String.init) ?? "–")") }
        }
        wrong += lines.keys.map { "agency \($0.map(String.init) ?? "–")" }
        guard !wrong.isEmpty else { return say("The database says of report \(report.id) what its files say.") }
        let some = wrong.prefix(5).joined(separator: ", ") + (wrong.count > 5 ? " and \(wrong.count - 5) more" : "")
        fail("The database says something else of report \(report.id) than its files, which are proven: \(some).")
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
