import Dispatch
import Foundation
import Reports

/// Writes a report on a queue of its own: the renderers block on the disk, and the cooperative pool must not.
actor ReportPress {
    private let writer: ReportWriter
    private let queue: PressQueue

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    private init(writer: ReportWriter, queue: PressQueue) {
        self.writer = writer
        self.queue = queue
    }

    /// Writes everything but the matched pairs.
    /// - Parameter directory: made with the folders above it when it is missing.
    static func open(
        _ report: DiscrepancyReport, into directory: String, formats: Set<RenderFormat>,
        csvProfile: CSVProfile = .standard
    ) async throws -> ReportPress {
        let queue = PressQueue()
        let writer = try await queue.run {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
            return Unshared(value: try ReportWriter(report, into: directory, formats: formats, csvProfile: csvProfile))
        }
        return ReportPress(writer: writer.value, queue: queue)
    }

    /// Work that blocks on the disk, away from the cooperative pool.
    static func onDisk<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await PressQueue().run(body)
    }

    /// Takes away what processes that were killed left in the folder of a job's reports.
    static func sweep(_ folder: String) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .utility).async {
                ReportLeftovers.sweep(folder)
                ReportLeftovers.sweepScratch()
                continuation.resume()
            }
        }
    }

    func append(_ rows: [MatchedRow]) throws { try writer.append(rows) }

    func finish(_ rows: ReportManifest.Rows? = nil) throws -> ReportManifest { try writer.finish(rows) }

    /// What one report says, as a hash: of its JSON without the matched pairs and without the chain.
    static func dataHash(_ report: DiscrepancyReport) async throws -> String {
        var report = report
        report.run.previousReportHash = nil
        let directory = ReportLeftovers.scratchFolder()
        let press = try await open(report, into: directory, formats: [.json])
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let manifest = try await press.finish()
        guard let file = manifest.files.first else { throw ReportError.inconsistent("it has no JSON") }
        return file.digest.sha256
    }
}

/// A value that only the one who gets it uses.
///
/// Unchecked: it is made on one queue and handed to the actor on that queue, and nobody else has it.
private struct Unshared<Value>: @unchecked Sendable {
    let value: Value
}

/// A dispatch queue that runs an actor's work.
private final class PressQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "trueup.report")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
