import ArgumentParser
import Glibc
import Runner

/// The program. Each command is a file beside this one.
struct Trueup: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "trueup",
        abstract:
            "Finds every place where Stripe and the local tables disagree, repairs what is safe, explains the rest.",
        discussion: """
            Exit codes: 0 clean or all repaired, 1 error, 2 differences remain open, 3 incomplete, 64 usage,
            75 the job is already running.
            """,
        version: version,
        subcommands: [
            RunCommand.self, ApplyCommand.self, RevertCommand.self, RunsCommand.self, FindingsCommand.self,
            CheckCommand.self, JobsCommand.self,
            CronCommand.self, DatabaseCommand.self, SandboxCommand.self, DemoCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        // A reader that goes away (`trueup runs | head`) ends a write with an error, not the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try Trueup.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let exit as ExitCode {
            Foundation_exit(exit.rawValue)
        } catch let error as RunError {
            Terminal.say("trueup: \(error)")
            if case .alreadyRunning = error { Foundation_exit(75) }
            Foundation_exit(1)
        } catch is CancellationError {
            Foundation_exit(130)
        } catch let error where Trueup.isParserError(error) {
            Trueup.exit(withError: error)
        } catch {
            Terminal.say("trueup: \(error)")
            Foundation_exit(1)
        }
    }

    private static func Foundation_exit(_ code: Int32) -> Never { Glibc.exit(code) }
}

extension Trueup {
    /// Usage errors, `--help` and `--version` come as errors of the parser's own types, with their own exit codes.
    static func isParserError(_ error: any Error) -> Bool {
        let type = String(reflecting: Swift.type(of: error))
        return type.hasPrefix("ArgumentParser.")
    }
}
