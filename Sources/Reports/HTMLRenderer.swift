final class HTMLRenderer: Renderer {
    init(_ sheets: ReportSheets, in folder: OutputFolder) throws(ReportError) {}
    func append(_ rows: [MatchedRow]) throws(ReportError) {}
    func finish() throws(ReportError) -> [(String, OutputFile)] { [] }
}
