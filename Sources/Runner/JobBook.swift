import Foundation
import Jobs
import Synchronization

/// The jobs of a directory as they are known now. Files that change are read again; while they are wrong, what was
/// known before stays.
public final class JobBook: Sendable {
    /// What a look at the files came to.
    public enum Reload: Sendable {
        case unchanged
        case changed(JobSet)
        /// The files are wrong: the text says how. Told once for each state of the files.
        case refused(String)
    }

    private struct State {
        var set: JobSet
        var print: String
        var generation = 1
    }

    private let state: Mutex<State>
    private let print: @Sendable () -> String
    private let load: @Sendable () throws -> JobSet

    /// - Parameters:
    ///   - print: a text that changes when a file does.
    ///   - load: reads and validates all files.
    public init(
        fingerprint print: @escaping @Sendable () -> String, load: @escaping @Sendable () throws -> JobSet
    ) throws {
        self.print = print
        self.load = load
        // The print first: a file that changes in between is read again.
        let first = print()
        state = Mutex(State(set: try load(), print: first))
    }

    /// The jobs of a directory on disk.
    /// - Throws: `JobFileErrors` when its files are wrong now.
    public static func directory(_ path: String) throws -> JobBook {
        try JobBook(fingerprint: { fingerprint(of: path) }, load: { try JobFiles.load(directory: path) })
    }

    /// The jobs.
    public var jobs: JobSet { state.withLock { $0.set } }

    /// Rises with every change, whoever read the files.
    public var generation: Int { state.withLock { $0.generation } }

    /// Reads the files again where they have changed.
    public func reload() -> Reload {
        let now = print()
        let isSame = state.withLock { state in
            defer { state.print = now }
            return state.print == now
        }
        if isSame { return .unchanged }
        do {
            let set = try load()
            state.withLock { state in
                state.set = set
                state.generation += 1
            }
            return .changed(set)
        } catch {
            return .refused("\(error)")
        }
    }

    /// Names, sizes and times of the YAML files.
    private static func fingerprint(of directory: String) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let lines = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { name in
            var facts = stat()
            guard stat(directory + "/" + name, &facts) == 0 else { return name }
            return "\(name) \(facts.st_ino) \(facts.st_size) \(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)"
        }
        return lines.joined(separator: "\n")
    }
}
