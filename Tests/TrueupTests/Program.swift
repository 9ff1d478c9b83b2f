import Dispatch
import Foundation
import Glibc
import Support
import Testing

/// The built program, run as its users run it.
struct Program: Sendable {
    /// Everything that a command left behind.
    struct Result: Sendable {
        var status: Int32
        var output: String
        var talk: String
        /// Both, for what must appear on neither.
        var everything: String { output + talk }
    }

    /// What the environment holds beside PATH and HOME; nothing of the test's own environment is passed on.
    var environment: [String: String] = [:]
    var directory = "/"
    /// As `nohup` starts it.
    var isHangUpIgnored = false

    /// Longer than any command of these tests takes.
    private static let timeoutSeconds = 120.0

    /// `TRUEUP_BINARY`, else the product beside the test bundle: same configuration, same build.
    static let path: String = {
        if let given = ProcessInfo.processInfo.environment["TRUEUP_BINARY"] { return given }
        var buffer = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        let bundle = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("trueup").path
    }()

    /// Runs a command to its end.
    func run(_ arguments: String...) async throws -> Result { try await run(arguments) }

    /// Runs a command to its end.
    func run(_ arguments: [String]) async throws -> Result { try await start(arguments).result() }

    /// Runs a command to its end, with a text on its stdin.
    func run(_ arguments: [String], input: String) async throws -> Result {
        let folder = try TemporaryFolder()
        try folder.write(input, to: "in")
        return try await start(arguments, input: folder.path + "/in").result()
    }

    /// Runs a command to its end on a terminal of its own, without its talk.
    /// - Parameter columns: 0: the terminal does not say how wide it is.
    func run(_ arguments: [String], columns: Int) async throws -> Result {
        let words = ([Self.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
        let command = "stty cols \(columns); exec \(words) 2>/dev/null"
        let folder = try TemporaryFolder()
        let own = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"]
        let variables = own.merging(environment) { _, given in given }.map { "\($0)=\($1)" }
        var result = try await Running(
            ["/usr/bin/script", "-qec", command, "/dev/null"], environment: variables, directory: directory,
            folder: folder, input: "/dev/null", output: folder.path + "/out", timeoutSeconds: Self.timeoutSeconds
        ).result()
        result.output = result.output.replacing("\r", with: "")
        return result
    }

    /// Starts a command.
    func start(_ arguments: String...) throws -> Running { try start(arguments) }

    /// Starts a command.
    func start(_ arguments: [String], input: String = "/dev/null", output: String? = nil) throws -> Running {
        guard access(Self.path, X_OK) == 0 else {
            throw ProgramError(
                "there is no program at \(Self.path): build it first (make test does), or set "
                    + "TRUEUP_BINARY")
        }
        let folder = try TemporaryFolder()
        let own = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LC_ALL": "C.UTF-8"]
        let variables = own.merging(environment) { _, given in given }.map { "\($0)=\($1)" }
        return try Running(
            (isHangUpIgnored ? ["/usr/bin/env", "--ignore-signal=HUP"] : []) + [Self.path] + arguments,
            environment: variables, directory: directory, folder: folder, input: input,
            output: output ?? folder.path + "/out", timeoutSeconds: Self.timeoutSeconds)
    }
}

/// A command on its way. With `posix_spawn` and `waitpid`: Foundation's `Process` takes a child for alive as long as
/// any of its own children is, and a killed command leaves a database server behind.
final class Running: Sendable {
    let processID: pid_t
    private let folder: TemporaryFolder
    private let end: Task<Int32, Never>
    /// The command line, for people.
    private let words: String

    init(
        _ command: [String], environment: [String], directory: String, folder: TemporaryFolder,
        input: String, output: String, timeoutSeconds: Double
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, folder.path + "/err", O_WRONLY | O_CREAT, 0o600)
        // Nothing of the tests' own is passed on but these: they close what they open on exec.
        // Whoever started the tests with nohup has not started the command with it.
        let words = ["/usr/bin/env", "--default-signal=HUP", "-C", directory] + command
        let arguments = words.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for word in arguments + variables { free(word) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, words[0], &actions, nil, arguments, variables)
        guard code == 0 else { throw ProgramError("\(command[0]) did not start: \(String(cString: strerror(code)))") }
        processID = pid
        self.folder = folder
        self.words = command.dropFirst().prefix(3).joined(separator: " ")
        let started = pid
        let (stream, continuation) = AsyncStream<Int32>.makeStream()
        // A queue of its own: waiting blocks.
        DispatchQueue(label: "waitpid \(started)").async {
            var status: Int32 = 0
            while waitpid(started, &status, 0) < 0, errno == EINTR {}
            continuation.yield(status & 0x7F == 0 ? (status >> 8) & 0xFF : -1)
            continuation.finish()
        }
        end = Task {
            let watchdog = Task {
                try await Task.sleep(for: .seconds(timeoutSeconds))
                kill(started, SIGKILL)
            }
            defer { watchdog.cancel() }
            for await status in stream { return status }
            return -1
        }
    }

    /// Waits for its end. The status is -1 where a signal ended it.
    func result() async throws -> Program.Result {
        let status = await end.value
        func text(_ name: String) -> String {
            String(decoding: FileManager.default.contents(atPath: folder.path + name) ?? Data(), as: UTF8.self)
        }
        let result = Program.Result(status: status, output: text("/out"), talk: text("/err"))
        // Of every command of every test.
        let isLeaking = Canary.isIn(result.everything)
        #expect(!isLeaking, "a secret is in what \(words) printed")
        return result
    }

    /// What it has said on stderr so far, in whole lines.
    var talk: String {
        let text = String(
            decoding: FileManager.default.contents(atPath: folder.path + "/err") ?? Data(), as: UTF8.self)
        return text.lastIndex(of: "\n").map { String(text[...$0]) } ?? ""
    }

    /// Waits until it has said something on stderr.
    func wait(forTalk words: String, seconds: Double = 60) async throws {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            let talk = FileManager.default.contents(atPath: folder.path + "/err") ?? Data()
            if talk.range(of: Data(words.utf8)) != nil { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw ProgramError("it never said: \(words)")
    }

    /// Sends a signal, and waits for the end.
    func signal(_ number: Int32) async throws -> Program.Result {
        kill(processID, number)
        return try await result()
    }
}

/// A directory that goes away with the last who knows it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/trueup-cli-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template).map({ String(cString: $0) }) else {
            throw ProgramError("mkdtemp failed: \(String(cString: strerror(errno)))")
        }
        // An embedded server of another user has to pass.
        chmod(made, 0o755)
        path = made
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, with the folders on its way.
    func write(_ text: String, to name: String) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    /// What a file holds.
    func text(of name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }
}

struct ProgramError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
