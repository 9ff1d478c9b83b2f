import Glibc
import Logging
import Synchronization

/// What a command says on stderr: plain lines for who sits before it, or records of a log once there is one.
enum Talk {
    private static let logger = Mutex<Logger?>(nil)
    /// What an error that ends the command is logged as.
    private static let failure = Mutex<(message: Logger.Message, metadata: Logger.Metadata)>(("command failed", [:]))

    /// From now on everything is logged.
    static func begin(_ new: Logger) { logger.withLock { $0 = new } }

    /// From now on the command works on this.
    /// - Parameters:
    ///   - message: constant, for an error that ends the work.
    ///   - metadata: for the same record: the job, and its run once it has one.
    static func isAbout(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        failure.withLock { $0 = (message, metadata) }
    }

    /// The run of the job that the command works on.
    static func isAbout(run: Int64) { failure.withLock { $0.metadata["trueup.run.id"] = "\(run)" } }

    fileprivate static var subject: (message: Logger.Message, metadata: Logger.Metadata) { failure.withLock { $0 } }

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
        if !Talk.log(level, message, all) { write(wrapped(sentence) + "\n", to: 2) }
    }

    /// Talk, to stderr: as it is, or as a record of the log.
    static func say(_ text: String, _ level: Logger.Level = .info) { tell("note", text, level) }

    /// An error that ends the command, or one of its jobs.
    static func fail(_ text: String) {
        let subject = Talk.subject
        tell(subject.message, text, .error, subject.metadata)
    }

    /// Something to be mended, that stops nothing.
    static func warn(_ text: String) {
        if !Talk.log(.warning, "note", [LogLineHandler.textKey: .string(text)]) {
            write(wrapped("warning: \(text)") + "\n", to: 2)
        }
    }

    /// As wide as the terminal of the talk.
    private static func wrapped(_ text: String) -> String {
        guard let columns = WrappedLine.columns(of: STDERR_FILENO) else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).wrapped(columns)
            .joined(separator: "\n")
    }
}
