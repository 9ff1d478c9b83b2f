import Logging
import Synchronization

/// What is wrong with rows that people keep: in the log when it is first seen, and again only after it was gone.
final class Complaints: Sendable {
    private let known = Mutex<Set<String>>([])

    /// - Parameter all: everything that is wrong now.
    func tell(_ all: [String], logger: Logger) {
        let new = known.withLock { known in
            defer { known = Set(all) }
            return all.filter { !known.contains($0) }
        }
        for text in new { logger.warning("not offered", metadata: ["trueup.reason": .string(text)]) }
    }
}
