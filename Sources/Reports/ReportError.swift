/// Why a report could not be written. No file under a final name exists when one of these is thrown.
public enum ReportError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The system refused an operation on a file: `code` is its errno.
    case file(operation: String, path: String, code: Int32)
    /// libxlsxwriter refused something; `where` names the sheet and cell.
    case workbook(operation: String, place: String, reason: String)
    /// The workbook on disk is not what was written.
    case damagedWorkbook(path: String, reason: String)
    /// A file name that is not one of ours.
    case badName(String)
    /// The folder has another report, which is signed.
    case signedFolder(String)
    /// A report that contradicts itself.
    case inconsistent(String)

    public var description: String {
        switch self {
        case .file(let operation, let path, let code):
            "Could not \(operation) \(path): \(systemMessage(code)). No report was written there."
        case .workbook(let operation, let place, let reason):
            "The workbook refused to \(operation) at \(place): \(reason)."
        case .damagedWorkbook(let path, let reason):
            "\(path) was written and is not whole: \(reason). Check the free space of its disk, and run it again."
        case .badName(let name):
            "“\(name)” is not a name for a file of a report: lower-case letters, digits, dots and hyphens only."
        case .signedFolder(let path):
            "\(path) has another report, and \(SignaturePage.fileName) of those who signed it: its files stay. Name "
                + "another folder with --out."
        case .inconsistent(let what):
            "The report contradicts itself: \(what)."
        }
    }
}
