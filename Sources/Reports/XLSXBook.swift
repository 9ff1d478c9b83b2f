import CXlsxWriter
import Glibc

/// A workbook of libxlsxwriter in constant-memory mode: rows go to temporary files in the report's own folder as they
/// are written, so that memory does not grow with them. Every return code is checked.
final class XLSXBook {
    typealias Format = UnsafeMutablePointer<lxw_format>
    typealias Worksheet = UnsafeMutablePointer<lxw_worksheet>

    /// A spreadsheet has 1,048,576 rows; the heading and a last line that says what was cut need some.
    static let rowsMax = 1_048_000
    /// The library keeps links in memory, about 2 KB each, and a sheet holds no more than 65,530. Further ones are
    /// written as formulas, which cost nothing and lead to the same page.
    static let linksMax = 10_000

    private var workbook: UnsafeMutablePointer<lxw_workbook>?
    private var sheets: [Worksheet] = []
    /// Held so that it outlives the book: even one that is given up is written when it is freed.
    private let file: OutputFile
    private var path: String { file.libraryPath }

    /// - Parameter file: written when the book is closed; the library's temporary files lie in the same folder.
    init(_ file: OutputFile) throws(ReportError) {
        self.file = file
        let path = file.libraryPath
        workbook = file.folder.libraryPath.withCString { text in
            // The library copies the path before it returns.
            var options = lxw_workbook_options(
                constant_memory: 1, tmpdir: UnsafeMutablePointer(mutating: text), use_zip64: 0)
            return workbook_new_opt(path, &options)
        }
        if workbook == nil {
            throw .workbook(operation: "begin", place: file.path, reason: "out of memory or of temporary files")
        }
    }

    deinit {
        // Closing is the only thing that frees the library's temporary files; what it writes is thrown away.
        if let workbook { _ = workbook_close(workbook) }
    }

    /// Title and creation date: the date makes the same data give the same bytes.
    func properties(title: String, createdSeconds: Int64) throws(ReportError) {
        guard let book = workbook else { throw Self.closed }
        let result = withCopy(of: title) { title in
            withCopy(of: "Trueup") { author in
                var properties = lxw_doc_properties()
                properties.title = title
                properties.author = author
                properties.created = time_t(createdSeconds)
                return workbook_set_properties(book, &properties)
            }
        }
        try Self.check(result, "set the properties", "the workbook")
    }

    func format(_ change: (Format) -> Void) throws(ReportError) -> Format {
        guard let workbook, let format = workbook_add_format(workbook) else {
            throw .workbook(operation: "add a format", place: "the workbook", reason: "out of memory")
        }
        change(format)
        return format
    }

    /// A sheet; its name is a constant of this module, at most 31 characters.
    func sheet(_ name: String) throws(ReportError) -> Worksheet {
        guard let book = workbook else { throw Self.closed }
        try Self.check(workbook_validate_sheet_name(book, name), "name a sheet", name)
        guard let sheet = workbook_add_worksheet(book, name) else {
            throw .workbook(operation: "add the sheet", place: name, reason: "no memory or no temporary file")
        }
        sheets.append(sheet)
        return sheet
    }

    /// Writes the file and holds what is on the disk against what was written: the library does not look at the
    /// results of its writes to temporary files.
    func close() throws(ReportError) {
        guard let book = workbook else { throw Self.closed }
        var rowBytes: [Int64] = []
        for sheet in sheets {
            let bytes = trueup_xlsx_finish_rows(sheet)
            if bytes < 0 { throw .file(operation: "write the rows of", path: file.path, code: errno) }
            rowBytes.append(bytes)
        }
        workbook = nil
        try Self.check(workbook_close(book), "write the file", file.path)
        if let reason = WorkbookCheck.fault(path: path, rowBytes: rowBytes) {
            throw .damagedWorkbook(path: file.path, reason: reason)
        }
    }

    private static let closed = ReportError.inconsistent("the workbook was closed before it was complete")

    /// One choke point for return codes.
    static func check(
        _ result: lxw_error, _ operation: @autoclosure () -> String, _ place: @autoclosure () -> String
    ) throws(ReportError) {
        guard result != LXW_NO_ERROR else { return }
        let reason = lxw_strerror(result).map { String(cString: $0) } ?? "error \(result.rawValue)"
        throw .workbook(operation: operation(), place: place(), reason: reason)
    }

    /// The library takes `char *` where it only reads.
    private func withCopy(of text: String, _ body: (UnsafeMutablePointer<CChar>) -> lxw_error) -> lxw_error {
        var bytes = Array(text.utf8CString)
        return bytes.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return LXW_ERROR_MEMORY_MALLOC_FAILED }
            return body(start)
        }
    }
}

/// Whether a workbook on the disk is whole.
package enum WorkbookCheck {
    /// What is wrong with it, in words; `nil` when every part unpacks, every tag is closed, and each sheet holds as
    /// many bytes of rows as were written.
    package static func fault(path: String, rowBytes: [Int64]) -> String? {
        switch trueup_xlsx_check(path, rowBytes, rowBytes.count) {
        case TRUEUP_XLSX_SOUND: nil
        case TRUEUP_XLSX_UNREADABLE: "it cannot be read"
        case TRUEUP_XLSX_NOT_A_ZIP: "its directory is broken"
        case TRUEUP_XLSX_DAMAGED_PART: "a part does not unpack"
        case TRUEUP_XLSX_BROKEN_XML: "the tags of a part do not balance"
        default: "rows are missing"
        }
    }
}
