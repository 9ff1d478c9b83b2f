/// Why a time zone cannot be had.
public enum ZoneError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name has characters or a form that no zone name has.
    case badName(String)
    /// There is no such zone in the database; with the nearest name, when one is near.
    case unknown(String, nearest: String?, directory: String)
    /// The system has no time zone database.
    case noDatabase(searched: [String])
    /// The file cannot be read.
    case unreadable(path: String, reason: String)
    /// The file is not a TZif file that can be understood.
    case malformed(path: String, reason: String)

    public var description: String {
        switch self {
        case .badName(let name):
            "\"\(name)\" is not a time zone name; expected an IANA name such as America/New_York"
        case .unknown(let name, let nearest, let directory):
            "there is no time zone \"\(name)\" in \(directory)" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
        case .noDatabase(let searched):
            "there is no time zone database in \(searched.joined(separator: ", ")): install the package tzdata"
        case .unreadable(let path, let reason):
            "the time zone file \(path) cannot be read: \(reason)"
        case .malformed(let path, let reason):
            "the time zone file \(path) is damaged: \(reason); install the package tzdata again"
        }
    }
}
