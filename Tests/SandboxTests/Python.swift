import Foundation
import Support

/// Where the checkout and the files that come with it are.
enum Checkout {
    /// The directory of Package.swift, found from the place of this file.
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
}

/// What a test rests on does not hold.
struct SandboxTestError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Python with Stripe's library.
enum Python {
    private static let environment = VirtualEnvironment(["stripe==16.1.0"])

    /// Runs a script of `Tests/SandboxTests/python`.
    /// - Returns: its status, and what it wrote to both outputs.
    static func run(
        _ script: String, environment variables: [String: String]
    ) async throws -> (status: Int32, output: String) {
        let path = Checkout.root.appendingPathComponent("Tests/SandboxTests/python/\(script)").path
        return try await VirtualEnvironment.run(
            try await environment.interpreter(), [path],
            environment: variables.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { $1 })
    }
}
