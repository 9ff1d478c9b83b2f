import Foundation

/// Python with a few libraries, in a directory of its own below `.build`, made on first use.
public actor VirtualEnvironment {
    /// Pinned: `stripe==16.1.0`.
    private let packages: [String]
    /// The directory of Package.swift.
    private let checkout: URL
    private var making: Task<String, any Error>?

    /// - Parameter file: a file of the tests; the checkout is found from its place.
    public init(_ packages: [String], file: String = #filePath) {
        self.packages = packages
        checkout = URL(fileURLWithPath: file).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
    }

    /// The path of the interpreter. Whoever comes first makes it, the others wait.
    public func interpreter() async throws -> String {
        if let making { return try await making.value }
        let (packages, checkout) = (packages, checkout)
        let task = Task { try await Self.make(packages, checkout) }
        making = task
        return try await task.value
    }

    private static func make(_ packages: [String], _ checkout: URL) async throws -> String {
        let mark = packages.joined(separator: "-").map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
        let home = checkout.appendingPathComponent(".build/python-\(mark)")
        let python = home.appendingPathComponent("bin/python3").path
        let ready = home.appendingPathComponent("ready")
        if FileManager.default.fileExists(atPath: ready.path) { return python }
        try? FileManager.default.removeItem(at: home)
        try FileManager.default.createDirectory(
            at: home.deletingLastPathComponent(), withIntermediateDirectories: true)
        try await require("/usr/bin/env", ["python3", "-m", "venv", home.path])
        try await require(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + packages)
        try Data().write(to: ready)
        return python
    }

    private static func require(_ program: String, _ arguments: [String]) async throws {
        let report = try await run(program, arguments, environment: [:])
        guard report.status == 0 else {
            throw VirtualEnvironmentError(
                description: "“\(program) \(arguments.joined(separator: " "))” failed. Needed are python3-venv "
                    + "(scripts/setup installs it) and a way to PyPI.\n\(report.output)")
        }
    }

    /// Runs a program to its end; gives its status and what it wrote to both outputs.
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String]
    ) async throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // A file, not a pipe: a full pipe would stop the script.
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("trueup-\(UUID().uuidString)")
        try Data().write(to: output)
        defer { try? FileManager.default.removeItem(at: output) }
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        try handle.close()
        return (status, String(decoding: try Data(contentsOf: output), as: UTF8.self))
    }
}

public struct VirtualEnvironmentError: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}
