import Foundation

/// Foundation's errors of files, for people: their own text is of domains and codes.
extension CocoaError {
    /// What the system said of a file or a folder, with its path.
    package var words: String {
        let path = userInfo[NSFilePathErrorKey] as? String
        return path.map { "\($0) cannot be read or written: \(cause)" } ?? cause
    }

    /// What the system said of a file whose path is said already.
    package var cause: String {
        switch (userInfo[NSUnderlyingErrorKey], code) {
        case (let system as POSIXError, _): return String(cString: strerror(system.code.rawValue))
        case (_, .fileNoSuchFile), (_, .fileReadNoSuchFile): return "No such file or directory"
        case (let other as NSError, _): return other.localizedDescription
        default: return localizedDescription
        }
    }
}
