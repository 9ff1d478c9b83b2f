import Glibc
import Reconciliation

/// A form that a report is written in.
public enum RenderFormat: String, CaseIterable, Sendable, Hashable {
    case html, xlsx, csv, json, text
}

/// How CSV files are written.
public enum CSVProfile: String, CaseIterable, Sendable, Hashable {
    /// UTF-8 without a mark, whole texts.
    case standard
    /// With a byte-order mark, and texts and ids that Excel leaves as they are.
    case excel
}

/// Writes a report into a folder: the sheets at once, the matched pairs as they come, and the manifest last.
///
/// ```swift
/// let writer = try ReportWriter(report, into: "reports/2026-03-08")
/// for try await batch in matchedPairs { try writer.append(batch) }
/// let manifest = try writer.finish()
/// ```
/// Until ``finish()`` no file stands under its final name, and none ever does when writing fails: by the time of the
/// first rename everything is on the disk. A manifest in the folder always describes the files beside it: an old one is
/// removed before the first file is replaced, so a crash between two renames leaves files without a manifest.
///
/// It blocks on the disk: call it away from the cooperative pool.
public final class ReportWriter {
    private let sheets: ReportSheets
    private let folder: OutputFolder
    private let renderers: [any Renderer]
    private var matchedCount: Int64 = 0
    private var isFinished = false

    /// Writes everything but the matched pairs to temporary files.
    /// - Parameters:
    ///   - directory: made when it is missing; the folder above it must exist. Everything stays inside it.
    ///   - formats: which files to write.
    /// - Throws: ``ReportError``.
    public init(
        _ report: DiscrepancyReport, into directory: String, formats: Set<RenderFormat> = Set(RenderFormat.allCases),
        csvProfile: CSVProfile = .standard
    ) throws(ReportError) {
        sheets = try ReportSheets(report)
        folder = try OutputFolder(directory)
        var renderers: [any Renderer] = []
        for format in RenderFormat.allCases where formats.contains(format) {
            switch format {
            case .html: renderers.append(try HTMLRenderer(sheets, in: folder))
            case .xlsx: renderers.append(try XLSXRenderer(sheets, in: folder))
            case .csv: renderers.append(try CSVRenderer(sheets, in: folder, profile: csvProfile))
            case .json: renderers.append(try JSONRenderer(sheets, in: folder))
            case .text: renderers.append(try TextRenderer(sheets, in: folder))
            }
        }
        self.renderers = renderers
    }

    /// Adds pairs that agree, in the order in which they come.
    public func append(_ rows: [MatchedRow]) throws(ReportError) {
        if isFinished { throw .inconsistent("matched pairs came after the end") }
        matchedCount += Int64(rows.count)
        for renderer in renderers { try renderer.append(rows) }
    }

    /// Puts every file on the disk, then under its name, then writes the manifest.
    /// - Parameter rows: what the database will keep of it; the manifest has it as well.
    /// - Returns: the manifest as it was written; its own hash is what the next report names.
    public func finish(_ rows: ReportManifest.Rows? = nil) throws(ReportError) -> ReportManifest {
        if isFinished { throw .inconsistent("it was finished twice") }
        isFinished = true
        var files: [(name: String, file: OutputFile)] = []
        for renderer in renderers {
            for (name, file) in try renderer.finish() {
                try file.finish()
                files.append((name, file))
            }
        }
        files.sort { $0.name < $1.name }
        var entries: [ReportManifest.Entry] = []
        for (name, file) in files {
            guard let digest = file.digest else { throw .inconsistent("\(name) has no hash") }
            entries.append(ReportManifest.Entry(name: name, digest: digest))
        }
        // The manifest lies ready before the first file is renamed, so that a disk that fills up spoils nothing.
        let (manifest, manifestFile) = try ReportManifest.prepare(
            sheets.report, matched: matchedCount, entries, rows: rows, into: folder)
        try removeOthers(files.map(\.name), manifest)
        try folder.remove(ReportManifest.fileName)
        var folders: [OutputFolder] = []
        for (_, file) in files {
            try file.commit()
            if !folders.contains(where: { $0 === file.folder }) { folders.append(file.folder) }
        }
        for folder in folders { try folder.sync() }
        try manifestFile.commit()
        try folder.sync()
        return manifest
    }

    /// Takes away what another report left in the same folder: beside this manifest it would look like part of it. What
    /// was signed is nobody's to take away.
    private func removeOthers(_ names: [String], _ manifest: ReportManifest) throws(ReportError) {
        let path = folder.path + "/" + ReportManifest.fileName
        guard access(path, F_OK) == 0, try FileDigest(path: path).sha256 != manifest.digest.sha256 else { return }
        guard access(folder.path + "/" + SignaturePage.fileName, F_OK) != 0 else {
            throw .signedFolder(folder.path)
        }
        let own = ["report.html", "report.xlsx", "report.json", "report.pdf", "summary.txt"]
        for name in own where !names.contains(name) { try folder.remove(name) }
        let csv = folder.path + "/" + CSVRenderer.folderName
        guard !names.contains(where: { $0.hasPrefix(CSVRenderer.folderName + "/") }), access(csv, F_OK) == 0 else {
            return
        }
        let inner = try folder.folder(CSVRenderer.folderName)
        for sheet in sheets.sheets + [sheets.matched] { try inner.remove(sheet.fileName) }
        // It stays where somebody put something else into it.
        _ = rmdir(csv)
    }
}

/// One format at work. What it has written stays under temporary names until the writer renames it.
protocol Renderer: AnyObject {
    func append(_ rows: [MatchedRow]) throws(ReportError)
    /// The files, by their names relative to the report's folder, complete but not yet renamed.
    func finish() throws(ReportError) -> [(String, OutputFile)]
}
