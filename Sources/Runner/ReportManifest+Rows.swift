import Reports
import Store

extension ReportManifest.Rows {
    /// The rows of a report as its manifest has them.
    /// - Throws: ``ReportError`` where there is no SHA-256.
    public init(_ texts: ReportRowTexts) throws {
        self.init(
            columns: texts.columns.map { ($0.name, $0.text) },
            tables: try texts.tables.map {
                ReportManifest.Rows.Table(
                    name: $0.name, rows: $0.rows, sha256: try FileDigest.sha256(Array($0.text.utf8)))
            })
    }
}
