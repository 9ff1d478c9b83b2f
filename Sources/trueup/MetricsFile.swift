import ArgumentParser
import Foundation
import PostgreSQL
import Runner
import Store
import Synchronization

/// Metrics of a command that ends.
struct MetricsOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "At the end, write Prometheus metrics to this file, for node_exporter's textfile collector.",
            valueName: "path"))
    var metricsFile: String?

    func file() -> MetricsFile { MetricsFile(path: metricsFile) }
}

/// The file of metrics that a command leaves behind, however it ends; and what it counts for it.
final class MetricsFile: Sendable {
    let meter = RequestMeter()
    private let path: String?
    private let isWritten = Mutex(false)

    /// - Parameter path: `nil`: none is written.
    init(path: String?) { self.path = path }

    /// Writes the file behind a body that uses the database.
    func written<T: Sendable>(of target: ConnectionTarget, _ body: () async throws -> T) async throws -> T {
        let result: Result<T, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        guard path != nil else { return try result.get() }
        let meter = meter
        // Not under a task that was cancelled: it has to reach the database.
        let text = await Task {
            let pool = Pool(target, size: 1, applicationName: "trueup metrics")
            let text = await Self.text(pool: pool, meter: meter)
            await pool.close()
            return text
        }.value
        try finish(text, behind: result)
        return try result.get()
    }

    /// Writes the file behind a body that did not come as far as the database.
    func written<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch {
            if path != nil, !isWritten.withLock({ $0 }) {
                try finish(
                    MetricsText(nil, meter: meter, version: Trueup.version).text, behind: Result<T, _>.failure(error))
            }
            throw error
        }
    }

    /// A file that cannot be written is an error of its own only where there is no other.
    private func finish<T>(_ text: String, behind result: Result<T, any Error>) throws {
        guard let path else { return }
        isWritten.withLock { $0 = true }
        do {
            // A temporary file beside it, and a rename: the collector never sees half of it.
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            guard chmod(path, 0o644) == 0 else { throw CommandError(String(cString: strerror(errno))) }
        } catch {
            let problem = CommandError("The metrics could not be written to \(path): \(cause(of: error))")
            guard case .success = result else { return Terminal.say("trueup: \(problem)", .error) }
            throw problem
        }
    }

    /// The metrics as they are now; where the database cannot be read in time, they say so.
    static func text(pool: Pool, meter: RequestMeter) async -> String {
        let figures = await withTaskGroup(of: Figures?.self) { group in
            group.addTask {
                do {
                    return try await Figures.read(pool: pool)
                } catch {
                    Terminal.tell(
                        "figures unreadable", "the figures for metrics could not be read: \(reason(of: error))", .debug)
                    return nil
                }
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(8))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        return MetricsText(figures, meter: meter, version: Trueup.version).text
    }
}
