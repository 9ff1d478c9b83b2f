import Logging
import Synchronization

/// What a command says on stderr: plain lines for who sits before it, or records of a log once there is one.
enum Talk {
    private static let logger = Mutex<Logger?>(nil)

    /// From now on everything is logged.
    static func begin(_ new: Logger) { logger.withLock { $0 = new } }

    /// Whether records are written, and not plain lines.
    static var isLogged: Bool { logger.withLock { $0 != nil } }

    /// - Returns: whether it was logged; else it is to be said as it is.
    static func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) -> Bool {
        guard let logger = logger.withLock({ $0 }) else { return false }
        logger.log(level: level, message, metadata: metadata)
        return true
    }
}

extension Terminal {
    /// Something that took place: a constant message with metadata for a log, a sentence for people.
    static func tell(
        _ message: Logger.Message, _ sentence: String, _ level: Logger.Level = .info, _ metadata: Logger.Metadata = [:]
    ) {
        var all = metadata
        all[LogLineHandler.textKey] = .string(sentence)
        if !Talk.log(level, message, all) { write(sentence + "\n", to: 2) }
    }

    /// Talk, to stderr: as it is, or as a record of the log.
    static func say(_ text: String, _ level: Logger.Level = .info) { tell("note", text, level) }

    /// Something to be mended, that stops nothing.
    static func warn(_ text: String) {
        if !Talk.log(.warning, "note", [LogLineHandler.textKey: .string(text)]) { write("warning: \(text)\n", to: 2) }
    }
}
