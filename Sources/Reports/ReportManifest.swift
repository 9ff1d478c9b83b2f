import Reconciliation

/// What a report consists of, and the proof that nothing of it was changed since: `manifest.json`.
public struct ReportManifest: Sendable, Hashable {
    /// A file of the report.
    public struct Entry: Sendable, Hashable {
        /// Relative to the report's folder.
        public let name: String
        public let digest: FileDigest
    }

    /// What the database keeps of the report: rows can be changed by whoever owns the tables, and a manifest of a known
    /// hash cannot.
    public struct Rows: Sendable, Hashable {
        /// The columns of the report's own row, by name; `nil` where there is nothing.
        public var columns: [(name: String, text: String?)] { zip(names, texts).map { ($0, $1) } }
        private let names: [String]
        private let texts: [String?]
        /// The rows in each other table.
        public let tables: [Table]

        public struct Table: Sendable, Hashable {
            public let name: String
            public let rows: Int64
            /// Of the rows as a text.
            public let sha256: String

            public init(name: String, rows: Int64, sha256: String) {
                self.name = name
                self.rows = rows
                self.sha256 = sha256
            }
        }

        public init(columns: [(name: String, text: String?)], tables: [Table]) {
            names = columns.map(\.name)
            texts = columns.map(\.text)
            self.tables = tables
        }
    }

    public static let fileName = "manifest.json"

    /// By name.
    public let files: [Entry]
    /// The hash of the manifest itself: the next report names it, so that the reports form a chain.
    public let digest: FileDigest

    /// The manifest as a finished file that is not yet renamed.
    static func prepare(
        _ report: DiscrepancyReport, matched: Int64, _ entries: [Entry], rows: Rows?, into folder: OutputFolder
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
            if let rows {
                try out.key("rows")
                try write(rows, to: out)
            }
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

    private static func write(_ rows: Rows, to out: JSONStream) throws(ReportError) {
        try out.object { out throws(ReportError) in
            try out.key("report")
            try out.object { out throws(ReportError) in
                for (name, text) in rows.columns { try out.member(name, text) }
            }
            for table in rows.tables {
                try out.key(table.name)
                try out.object { out throws(ReportError) in
                    try out.member("rows", table.rows)
                    try out.member("sha256", table.sha256)
                }
            }
        }
    }
}
