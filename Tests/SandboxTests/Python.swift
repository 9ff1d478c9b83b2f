import Foundation

/// Where the checkout and the files that come with it are.
enum Checkout {
    /// The directory of Package.swift, found from the place of this file.
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
}

struct PythonError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Python with Stripe's library, in a directory of its own below `.build`, made on first use.
enum Python {
    struct Report: Sendable {
        var status: Int32
        /// What it wrote to both outputs.
        var output: String
    }

    private static let packages = ["stripe==16.1.0"]

    /// Runs a script of `Tests/SandboxTests/python`.
    static func run(_ script: String, environment: [String: String]) async throws -> Report {
        let python = try await interpreter.value
        let path = Checkout.root.appendingPathComponent("Tests/SandboxTests/python/\(script)").path
        return try await execute(
            python, [path], environment: environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { $1 })
    }

    /// One for all tests: whoever comes first makes it, the others wait.
    private static let interpreter = Task { try await makeInterpreter() }

    private static func makeInterpreter() async throws -> String {
        let mark = packages.joined(separator: "-").map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
        let home = Checkout.root.appendingPathComponent(".build/python-\(mark)")
        let python = home.appendingPathComponent("bin/python3").path
        let ready = home.appendingPathComponent("ready")
        if FileManager.default.fileExists(atPath: ready.path) { return python }
        try? FileManager.default.removeItem(at: home)
        try FileManager.default.createDirectory(
            at: home.deletingLastPathComponent(), withIntermediateDirectories: true)
        try await require("python3 -m venv", "/usr/bin/env", ["python3", "-m", "venv", home.path])
        try await require(
            "pip install \(packages.joined(separator: " "))", python,
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"] + packages)
        try Data().write(to: ready)
        return python
    }

    private static func require(_ what: String, _ program: String, _ arguments: [String]) async throws {
        let report = try await execute(program, arguments, environment: [:])
        guard report.status == 0 else {
            throw PythonError(
                "“\(what)” failed, so Stripe's Python library cannot drive the sandbox. Needed are python3-venv and a "
                    + "way to PyPI.\n\(report.output)")
        }
    }

    private static func execute(
        _ program: String, _ arguments: [String], environment: [String: String]
    ) async throws -> Report {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // A file, not a pipe: a full pipe would stop the script.
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("sandbox-\(UUID().uuidString)")
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
        return Report(status: status, output: String(decoding: try Data(contentsOf: output), as: UTF8.self))
    }
}
