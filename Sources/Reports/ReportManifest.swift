import Reconciliation

/// What a report consists of, and the proof that nothing of it was changed since: `manifest.json`.
public struct ReportManifest: Sendable, Hashable {
    /// A file of the report.
    public struct Entry: Sendable, Hashable {
        /// Relative to the report's folder.
        public let name: String
        public let digest: FileDigest
    }

    public static let fileName = "manifest.json"

    /// By name.
    public let files: [Entry]
    /// The hash of the manifest itself: the next report names it, so that the reports form a chain.
    public let digest: FileDigest

    /// The manifest as a finished file that is not yet renamed.
    static func prepare(
        _ report: DiscrepancyReport, matched: Int64, _ entries: [Entry], into folder: OutputFolder
    ) throws(ReportError) -> (manifest: ReportManifest, file: OutputFile) {
        let file = try OutputFile(fileName, in: folder)
        let out = JSONStream(file.stream)
        try out.object { out throws(ReportError) in
            try out.member("format", "trueup.report.manifest/1")
            try out.member("report", report.id)
            try out.member("state", report.state.rawValue)
            try out.member("cut_off", report.statement.cutOff.utcText)
            try out.member("generated_at", ReportClock(.utc).iso(report.generatedSeconds))
            try out.member("program", "trueup " + report.run.programVersion)
            try out.member("run", report.run.id)
            try out.member("items", Int64(report.items.count))
            try out.member("matched", matched)
            try out.member("previous_manifest_sha256", report.run.previousReportHash)
            try out.key("files")
            try out.array { out throws(ReportError) in
                for entry in entries {
                    try out.newLine()
                    try out.object { out throws(ReportError) in
                        try out.member("name", entry.name)
                        try out.member("bytes", entry.digest.bytes)
                        try out.member("sha256", entry.digest.sha256)
                    }
                }
            }
        }
        try file.stream.write("\n")
        try file.finish()
        guard let digest = file.digest else { throw .inconsistent("the manifest has no hash") }
        return (ReportManifest(files: entries, digest: digest), file)
    }
}
