import Reconciliation

/// The folder `csv` with one file for each sheet, as RFC 4180 has it: CRLF line ends, quotes doubled.
///
/// Money is a decimal with a point and, in a column of its own, a whole number of minor units. Times are ISO 8601 with
/// their offset. A text that a spreadsheet could take for a formula gets an apostrophe in front; a number never does,
/// because that would make −7 a text.
final class CSVRenderer: Renderer {
    static let folderName = "csv"

    private let clock: ReportClock
    private let profile: CSVProfile
    private let matchedFile: OutputFile
    private var files: [OutputFile] = []

    init(_ sheets: ReportSheets, in folder: OutputFolder, profile: CSVProfile) throws(ReportError) {
        let folder = try folder.folder(Self.folderName)
        clock = sheets.report.clock
        self.profile = profile
        matchedFile = try OutputFile(sheets.matched.fileName, in: folder)
        for sheet in sheets.sheets {
            let file = try OutputFile(sheet.fileName, in: folder)
            try heading(sheet.columns, to: file.stream)
            for index in 0..<sheet.rowCount { try row(sheet.row(index), sheet.columns, to: file.stream) }
            files.append(file)
        }
        try heading(sheets.matched.columns, to: matchedFile.stream)
        files.append(matchedFile)
    }

    func append(_ rows: [MatchedRow]) throws(ReportError) {
        for pair in rows { try row(MatchedColumns.row(pair), MatchedColumns.columns, to: matchedFile.stream) }
    }

    func finish() throws(ReportError) -> [(String, OutputFile)] {
        files.map { (Self.folderName + "/" + $0.name, $0) }
    }

    private func heading(_ columns: [Column], to stream: ByteStream) throws(ReportError) {
        if profile == .excel { try stream.write("\u{FEFF}") }
        var names: [String] = []
        for column in columns {
            names.append(column.key)
            switch column.type {
            case .money: names.append(column.key + "_minor")
            case .mixed: names += [column.key + "_minor", column.key + "_unit"]
            default: break
            }
        }
        try stream.write(names.joined(separator: ",") + "\r\n")
    }

    private func row(_ cells: [Cell], _ columns: [Column], to stream: ByteStream) throws(ReportError) {
        for (index, (column, cell)) in zip(columns, cells).enumerated() {
            if index > 0 { try stream.write(44) }
            try stream.write(text(cell))
            guard column.type == .money || column.type == .mixed else { continue }
            try stream.write(44)
            if case .money(let money) = cell { try stream.write(String(money.minorUnits)) }
            guard column.type == .mixed else { continue }
            try stream.write(44)
            try stream.write(unit(cell))
        }
        try stream.write("\r\n")
    }

    private func unit(_ cell: Cell) -> String {
        if case .money(let money) = cell { return CSVText.field(money.currency.uppercased()) }
        return cell.unit?.rawValue ?? ""
    }

    private func text(_ cell: Cell) -> String {
        switch cell {
        case .empty: ""
        case .text(let text): CSVText.field(CSVText.harmless(text, profile))
        case .id(let id), .link(let id, _): CSVText.field(CSVText.harmlessID(id, profile))
        case .count(let number), .credits(let number), .share(let number): String(number)
        case .money(let money): money.plain
        case .time(let seconds): clock.iso(seconds) ?? ""
        }
    }
}

/// How words become fields of a CSV file.
package enum CSVText {
    /// Quoted where it has to be.
    package static func field(_ text: String) -> String {
        let needsQuotes = text.utf8.contains { $0 == 44 || $0 == 34 || $0 == 10 || $0 == 13 }
        guard needsQuotes || text.first == " " || text.last == " " else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// A text that no spreadsheet takes for a formula, without hidden characters.
    package static func harmless(_ text: String, _ profile: CSVProfile) -> String {
        let clean = ReportText.visible(text, keepsLines: true)
        let safe = ReportText.looksLikeFormula(text) ? "'" + clean : clean
        return profile == .excel ? ReportText.cell(safe) : safe
    }

    /// An id; for Excel also one whose digits it would round or shorten (`007`, `1e5`, 16 digits and more).
    package static func harmlessID(_ id: String, _ profile: CSVProfile) -> String {
        let text = harmless(id, profile)
        guard profile == .excel, text == id, isDamagedByExcel(id) else { return text }
        return "'" + id
    }

    private static func isDamagedByExcel(_ id: String) -> Bool {
        guard let first = id.utf8.first, (48...57).contains(first) else { return false }
        let isNumber = id.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 || $0 == 69 || $0 == 101 }
        let isPlain = id.utf8.allSatisfy { (48...57).contains($0) }
        return isNumber && (!isPlain || id.utf8.count > 15 || (first == 48 && id.utf8.count > 1))
    }
}
