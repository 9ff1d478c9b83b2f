import ArgumentParser
import Logging

/// How a command that nobody watches tells what it does. stdout stays data alone.
struct LogOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("How stderr is written: text, or JSON lines for machines.", valueName: "text|json"))
    var logFormat: LogLineHandler.Format?

    @Option(
        name: .long,
        help: ArgumentHelp("What is told at least: debug, info, warning or error.", valueName: "level"))
    var logLevel: Logger.Level?

    /// From now on, everything that the command says on stderr is a line of the log. Without either option a command
    /// that a person starts talks as it always does.
    /// - Parameter isDaemon: its lines bear the time even if nothing is asked for.
    func start(isDaemon: Bool = false) {
        guard isDaemon || logFormat != nil || logLevel != nil else { return }
        Talk.begin(logger("trueup"))
    }

    /// A logger of this form, for libraries that want one of their own.
    /// - Parameter least: what the library says below this is not for users.
    func logger(_ label: String, atLeast least: Logger.Level = .trace) -> Logger {
        let (format, level) = (logFormat ?? .text, max(least, logLevel ?? .info))
        return Logger(label: label) { _ in
            LogLineHandler(format, level: level) { Terminal.write($0, to: 2) }
        }
    }
}

extension LogLineHandler.Format: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {
    /// Those that Trueup's own records have; the others are taken as well.
    public static var allValueStrings: [String] { [Logger.Level.debug, .info, .warning, .error].map(\.rawValue) }
}
