import Curl
import Foundation

/// A real SMTP server in Python (`python/mail_server.py`) in a process of its own, and the mails that it took.
public final class MailServerProcess: Sendable {
    /// A mail as Python's e-mail library reads it.
    public struct Received: Decodable, Sendable {
        public struct Attachment: Decodable, Equatable, Sendable {
            public var name: String
            public var type: String
            public var base64: String
        }

        public var sender: String
        public var recipients: [String]
        public var headers: [[String]]
        public var from: [[String]]
        public var to: [[String]]
        public var date: Double
        public var text: String?
        public var html: String?
        public var attachments: [Attachment]
        public var defects: [String]
        public var longestLine: Int
        public var isASCII: Bool
        public var hasBareLineEnds: Bool

        public func header(_ name: String) -> String? { headers.first { $0[0] == name }?[1] }
    }

    private static let python = VirtualEnvironment(["aiosmtpd==1.4.6", "trustme==1.2.1"])

    public let port: Int
    private let process: Process
    private let directory: String

    private init(port: Int, process: Process, directory: String) {
        self.port = port
        self.process = process
        self.directory = directory
    }

    /// Every server is a Python of its own.
    private static let room = Room(places: 4)

    /// Starts a server for `body`, and ends it after.
    /// - Parameter mode: `plain`, `login`, `echo-plain`, `echo-login`, `starttls` or `tls`.
    public static func with(_ mode: String, _ body: (MailServerProcess) async throws -> Void) async throws {
        try await room.enter {
            let server = try await start(mode)
            defer {
                // The threads of the tests block signals, and their children with them: SIGTERM would wait for ever.
                kill(server.process.processIdentifier, SIGKILL)
                TestServer.remove(server.directory)
            }
            try await body(server)
        }
    }

    private static func start(_ mode: String) async throws -> MailServerProcess {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("python/mail_server.py").path
        let process = Process()
        let directory = try TestServer.temporaryDirectory()
        process.executableURL = URL(fileURLWithPath: try await python.interpreter())
        process.arguments = ["-B", script, directory, mode]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let line = await firstLine(of: output)
        guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            kill(process.processIdentifier, SIGKILL)
            throw VirtualEnvironmentError(description: "mail_server.py did not name its port: \(line)")
        }
        return MailServerProcess(port: port, process: process, directory: directory)
    }

    /// Reading blocks, so it has a thread of its own.
    private static func firstLine(of pipe: Pipe) async -> String {
        let handle = pipe.fileHandleForReading
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: String(decoding: handle.availableData, as: UTF8.self))
            }
        }
    }

    /// The authority that signed the server's certificate.
    public var authority: String { directory + "/authority.pem" }

    public func client(
        _ scheme: String = "smtp", login: String = "", _ change: (inout MailClient.Configuration) -> Void = { _ in }
    ) throws -> MailClient {
        var configuration = MailClient.Configuration()
        configuration.timeoutMilliseconds = 20_000
        change(&configuration)
        return try MailClient(
            url: Secret("\(scheme)://\(login)127.0.0.1:\(port)"), configuration: configuration)
    }

    /// What has been received, in order.
    public func received() throws -> [Received] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".json") }
        let numbers = names.compactMap { Int($0.dropLast(5)) }.sorted()
        return try numbers.map { number in
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(number).json"))
            return try JSONDecoder().decode(Received.self, from: data)
        }
    }
}
