import Foundation
import Jobs
import Synchronization

/// The jobs of a directory as they are known now. Files that change are read again; of what is wrong with them, what
/// was known before stays, and the other files count (``JobFiles/loadWhatIsRight(directory:known:)``).
public final class JobBook: Sendable {
    /// What a look at the files came to.
    public enum Reload: Sendable {
        case unchanged
        case changed(JobSet)
        /// Some files are wrong: the text says how. Told once for each state of the files. What is right with the
        /// others is known from now on.
        case refused(String)
    }

    private struct State {
        var set: JobSet
        /// The jobs of the set, and while files are wrong those that were known before and are left out.
        var known: [JobDefinition]
        var print: String
        var generation = 1
        var errors: String?
    }

    private let state: Mutex<State>
    private let print: @Sendable () -> String
    private let load: @Sendable ([JobDefinition]) throws -> (set: JobSet, errors: String?)

    /// - Parameters:
    ///   - print: a text that changes when a file does.
    ///   - load: reads and validates all files, given the jobs that were known before; what is wrong with some of them,
    ///     as text, or throws where there is nothing to go on with.
    public init(
        fingerprint print: @escaping @Sendable () -> String,
        load: @escaping @Sendable ([JobDefinition]) throws -> (set: JobSet, errors: String?)
    ) throws {
        self.print = print
        self.load = load
        // The print first: a file that changes in between is read again.
        let first = print()
        let (set, errors) = try load([])
        state = Mutex(State(set: set, known: set.jobs, print: first, errors: errors))
    }

    /// Jobs that are right or not there at all.
    public convenience init(
        fingerprint print: @escaping @Sendable () -> String, load: @escaping @Sendable () throws -> JobSet
    ) throws {
        try self.init(fingerprint: print) { _ in (try load(), nil) }
    }

    /// The jobs of a directory on disk.
    /// - Throws: `JobFileErrors` when its settings are wrong now, or none of its jobs is right.
    public static func directory(_ path: String) throws -> JobBook {
        try JobBook(fingerprint: { fingerprint(of: path) }) { known in
            let (set, errors) = try JobFiles.loadWhatIsRight(directory: path, known: known)
            if set.jobs.isEmpty, !errors.isEmpty { throw JobFileErrors(errors) }
            return (set, errors.isEmpty ? nil : "\(JobFileErrors(errors))")
        }
    }

    /// What is wrong with files of the directory, as they were read last; `nil` where nothing is.
    public var errors: String? { state.withLock { $0.errors } }

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
            let (set, errors) = try load(state.withLock { $0.known })
            state.withLock { state in
                state.set = set
                // What was left out is not forgotten: a report comes back when the file that it rests on does.
                let left = errors == nil ? [] : state.known.filter { set.job(named: $0.name) == nil }
                state.known = set.jobs + left
                state.generation += 1
                state.errors = errors
            }
            return errors.map(Reload.refused) ?? .changed(set)
        } catch {
            state.withLock { $0.errors = "\(error)" }
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
