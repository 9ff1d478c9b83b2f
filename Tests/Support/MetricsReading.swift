import Foundation

/// Metrics as Prometheus' own Python library reads them (`python/metrics.py`).
public enum MetricsReading {
    private static let python = VirtualEnvironment(["prometheus_client==0.21.1"])

    /// The samples at a URL or in a file, by `name{label=value,…}`.
    public static func of(_ source: String) async throws -> [String: Double] {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("python/metrics.py").path
        let report = try await VirtualEnvironment.run(
            try await python.interpreter(), ["-B", script, source], environment: [:])
        guard report.status == 0 else { throw VirtualEnvironmentError(description: report.output) }
        var samples: [String: Double] = [:]
        for line in report.output.split(separator: "\n") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }
}
