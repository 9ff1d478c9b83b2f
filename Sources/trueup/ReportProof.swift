import Foundation
import Reports
import Runner
import Store

/// Files held against the hashes that were kept when their report was made.
actor ReportProof {
    private let reports: StoredReports
    private let next: NextCommand
    private(set) var failures = 0
    private var isSignaturesDone = false

    init(reports: StoredReports, next: NextCommand) {
        self.reports = reports
        self.next = next
    }

    /// A file, or a folder with every file of a report.
    func verify(_ path: String) async throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            let isNumber = !path.isEmpty && path.allSatisfy(\.isNumber)
            throw CommandError(
                isNumber
                    ? "There is no file or folder \(path). What is verified are files: give the folder of the report, "
                        + "such as reports/last."
                    : "There is no \(printable(path)).")
        }
        if isFolder.boolValue {
            try await verify(folder: path)
        } else if try await verify(page: path) {
            return
        } else if let (report, file) = try await known(path) {
            say("\(path) is \(file) of report \(report.id), \(report.name), as it was made.")
            if file == ReportManifest.fileName {
                let files = try await reports.files(of: report.id)
                try await verify(report, files, manifest: path, json: nil)
            }
            try await verifySignatures(shown: report.id)
            try await verifyChain(of: report)
        } else {
            fail("\(path) is not a file that a report of this database had: it was changed, or made elsewhere.")
        }
    }

    /// Whether it is a page of signatures, and says which.
    /// - Parameter report: whose page it has to be: that of another report would pass for this one's signatures.
    private func verify(page path: String, of report: Int64? = nil) async throws -> Bool {
        guard let (id, isLast) = try await reports.page(try FileDigest(path: path).sha256) else { return false }
        if let report, report != id {
            fail("\(path) has the signatures of report \(id), and this is the folder of report \(report).")
            return true
        }
        let wrong = isLast ? try await SignedFolder(reports: reports).differences(id, page: path) : []
        if !wrong.isEmpty {
            fail(
                "\(path) is the page that was written, and the database has other signatures of report \(id) by now: "
                    + wrong.joined(separator: "; ") + ".")
        } else if isLast {
            say("\(path) has the signatures of report \(id), as they were given.")
        } else {
            fail(
                "\(path) is an older page: report \(id) was signed again since. See: "
                    + next.onJobs("trueup report signatures \(id)"))
        }
        try await verifySignatures(shown: id)
        return true
    }

    /// The signatures of all reports, held against the proofs that were kept when they were given: a page alone may
    /// have been written from rows that somebody changed.
    private func verifySignatures(shown id: Int64) async throws {
        guard !isSignaturesDone else { return }
        isSignaturesDone = true
        let faults = try await reports.signatureFaults()
        for fault in faults { fail("Signatures: \(fault.words).") }
        if let since = try await reports.provenSince(id) {
            Terminal.print(
                "      Signatures of report \(id) are older than the proofs of signatures: they are proven since "
                    + "\(isoTime(since.seconds)), and not from their giving.")
        }
        if try await reports.hasUntimedProofs(id) {
            Terminal.print(
                "      Signatures of report \(id) are older than proofs that have their own time. Not held: since when "
                    + "they are proven, but that it is not before they were given.")
        }
        let count = try await reports.signatures(of: id).count
        guard faults.isEmpty, count > 0 else { return }
        say("The database has \(count == 1 ? "the signature" : "the signatures") of report \(id) as they were given.")
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
            return fail(try await unknown(manifest))
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
        let hasPage = FileManager.default.fileExists(atPath: page)
        if hasPage, try await !verify(page: page, of: report.id) {
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
        let signatures = try await reports.signatures(of: report.id)
        if !hasPage, !signatures.isEmpty {
            let text = "\(folder) has no \(SignaturePage.fileName), and report \(report.id) is signed: "
            let command = next.onJobs("trueup report signatures \(report.id) --out DIR")
            Terminal.print("      " + printable(text + "its page is written with " + command))
        }
        guard bad == 0 else { return }
        say(
            "\(folder) is report \(report.id), \(report.name): "
                + "\(counted(files.count, "file")) and the manifest as they were made."
        )
        let hasJSON = files.contains { $0.name == "report.json" }
        try await verify(report, files, manifest: manifest, json: hasJSON ? folder + "/report.json" : nil)
        for signature in signatures where signature.manifestHash != report.manifestHash {
            fail("\(signature.person) signed another manifest, \(signature.manifestHash).")
        }
        try await verifySignatures(shown: report.id)
        try await verifyChain(of: report)
    }

    /// What the database says of a report, held against its manifest and its JSON, which have been proven: rows can be
    /// changed by whoever owns the tables, and files of a known hash cannot.
    private func verify(
        _ report: StoredReport, _ files: [StoredReport.File], manifest: String, json: String?
    ) async throws {
        func object(_ path: String) throws -> [String: Any]? {
            let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
            if object as? [String: Any] == nil { fail("\(path) is no JSON object.") }
            return object as? [String: Any]
        }
        guard let manifest = try object(manifest) else { return }
        var rows = ProvenRows([:])
        if let json {
            guard let made = try object(json) else { return }
            rows = ProvenRows(made)
            rows.hold(report)
            rows.hold(lines: try await reports.lines(of: report.id))
            rows.hold(charges: try await reports.charges(of: report.id))
            rows.hold(items: try await reports.items(of: report.id))
            rows.hold(told: try await reports.told(of: report.id))
            rows.hold(repairCount: try await reports.repairCount(of: report.id))
        }
        rows.hold(files: files, manifest: manifest)
        let isWhole = try rows.hold(report, manifest: manifest, try await reports.rowTexts(report))
        if isWhole {
            rows.add(try await reports.numberFaults(report))
        } else {
            Terminal.print(
                "      Report \(report.id) is older than manifests that have its rows. Not held: who asked for it, "
                    + "when, its formats and hashes, which repairs it tells of, whether it is a regular one, and, "
                    + "where it opens at a cut-off, what it says from the beginning.")
        }
        let wrong = rows.wrong
        guard !wrong.isEmpty else { return say("The database says of report \(report.id) what its files say.") }
        let some = wrong.prefix(8).joined(separator: ", ") + (wrong.count > 8 ? " and \(wrong.count - 8) more" : "")
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

    /// Every report of the job names the manifest of the one before it, none was taken out, and no number is missing.
    private func verifyChain(of report: StoredReport) async throws {
        var before: String?
        var count = 0
        let removed = try await reports.removed(job: report.job)
        let gone = removed.map { "\($0.id), made \(isoTime($0.madeAt.seconds))" }
        let whatIsGone = gone.isEmpty ? "" : " Taken out of the tables: report \(gone.joined(separator: "; report "))."
        for one in try await reports.list(job: report.job, limit: 1_000_000).reversed() {
            guard one.previousHash == before else {
                return fail(
                    "The chain of \(report.job) is broken at report \(one.id): it names "
                        + "\(one.previousHash ?? "no report") and not \(before ?? "none").\(whatIsGone)")
            }
            before = one.manifestHash
            count += 1
        }
        guard removed.isEmpty else { return fail("The chain of \(report.job) is broken.\(whatIsGone)") }
        let places = try await reports.placeFaults(job: report.job)
        for fault in places { fail("Two places of the tables disagree: \(fault).") }
        let missing = try await reports.missingNumbers()
        guard missing.isEmpty else {
            let some = missing.prefix(5).map(String.init).joined(separator: ", ")
            return fail(
                "Numbers have no gap, and \(some)\(missing.count > 5 ? " and more" : "") "
                    + "\(missing.count == 1 ? "is" : "are") missing: rows were taken out of the tables.")
        }
        let reports = count == 1 ? "1 report" : "\(count) reports, each naming the one before"
        say("The chain of \(report.job) holds: \(reports).")
    }

    /// What a manifest is that no report of the tables has: of a report that was taken out, as far as that can be told.
    private func unknown(_ path: String) async throws -> String {
        let hash = try FileDigest(path: path).sha256
        if let gone = try await reports.removed().first(where: { $0.manifestHash == hash }) {
            return "\(path) is the manifest of report \(gone.id), made \(isoTime(gone.madeAt.seconds)), and the "
                + "database has that report no more: it was taken out of the tables."
        }
        let nothing = "\(path) is not the manifest of a report of this database"
        let object = try? JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
        // What is no manifest at all goes on from nothing.
        guard let previous = (object as? [String: Any])?["previous_manifest_sha256"] as? String,
            let number = try await reports.number(ofManifest: previous)
        else { return nothing + ": it was changed, made elsewhere, or taken out with all that names it." }
        return nothing
            + ", and says that it goes on from report \(number) of it: it was changed, or a report was taken "
            + "out of the tables with all that names it."
    }

    private func say(_ text: String) { Terminal.print("ok    " + printable(text)) }

    private func fail(_ text: String) {
        failures += 1
        Terminal.print("FAIL  " + printable(text))
    }
}
