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
            Exit codes:
              0    clean, or everything was repaired
              1    an error; nothing more is known
              2    differences remain open
              3    incomplete: not everything could be read, so nothing was compared
              64   the command line is wrong
              75   the job is running already
              130  stopped by Ctrl-C or kill; the next run goes on
            """,
        version: version,
        subcommands: [
            RunCommand.self, BackfillCommand.self, ApplyCommand.self, RevertCommand.self, RunsCommand.self,
            FindingsCommand.self, ReportCommand.self, OutboxCommand.self, CheckCommand.self, JobsCommand.self,
            ScheduleCommand.self, WorkCommand.self, ServeCommand.self, TokenCommand.self,
            CronCommand.self, DatabaseCommand.self, StripeCommand.self, SandboxCommand.self, DemoCommand.self,
            BenchScheduleCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        // A reader that goes away (`trueup runs | head`) ends a write with an error, not the process.
        signal(SIGPIPE, SIG_IGN)
        var next = NextCommand()
        do {
            var command = try Trueup.parseAsRoot()
            next = Self.next(to: command)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error where !(error is ExitCode) && Trueup.isParserError(error) && !(error is ValidationError) {
            Trueup.exit(withError: error)
        } catch {
            leave(said(error, next: next))
        }
        leave(0)
    }

    private static func next(to command: any ParsableCommand) -> NextCommand {
        (command as? any DatabaseUsing)?.next ?? NextCommand()
    }

    /// Says an error that ends a command, or one of its jobs.
    /// - Parameters:
    ///   - next: what leads to the command's files and database.
    ///   - job: whose error it is, where the command has several.
    /// - Returns: the exit code.
    static func said(_ error: any Error, next: NextCommand, job: String? = nil) -> Int32 {
        let about = job.map { "trueup: \($0): " } ?? "trueup: "
        switch error {
        case let code as ExitCode: return code.rawValue
        case is CancellationError: return 130
        case let error as ValidationError:
            // Found while a command ran: the parser no longer knows which, and would show how to use none of them.
            Terminal.fail(about + error.message)
            return 64
        default:
            Terminal.fail(about + explanation(of: error, next: next))
            if case RunError.alreadyRunning = error { return 75 }
            return (error as? CommandError)?.code ?? 1
        }
    }

    /// Data that could not be written is an error, whatever the command thought of its work.
    private static func leave(_ code: Int32) -> Never {
        if let failure = Terminal.outputFailure {
            Terminal.say("trueup: stdout could not be written to its end: \(failure)", .error)
            exit(code == 0 ? 1 : code)
        }
        exit(code)
    }
}

extension Trueup {
    /// Usage errors, `--help` and `--version` come as errors of the parser's own types, with their own exit codes.
    static func isParserError(_ error: any Error) -> Bool {
        let type = String(reflecting: Swift.type(of: error))
        return type.hasPrefix("ArgumentParser.")
    }
}
