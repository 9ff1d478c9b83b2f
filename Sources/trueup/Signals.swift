import Dispatch
import Glibc

/// Ctrl-C and `kill`: the first one cancels the work, which then stops cleanly; the second one ends the process.
enum Signals {
    static func cancelling<T: Sendable>(_ body: @escaping () async throws -> sending T) async throws -> T {
        let box = UncheckedBody(body: body)
        // Nothing begins before somebody listens: a signal that comes in between would be lost.
        let (ready, begin) = AsyncStream<Never>.makeStream()
        let task = Task {
            for await _ in ready {}
            return try await box.body()
        }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if task.isCancelled { _exit(130) }
                // The terminal has written ^C into the line of progress.
                let lineBreak = Terminal.stderrIsTerminal ? "\n" : ""
                Terminal.say(lineBreak + "Stopping; once more to stop at once.")
                task.cancel()
            }
            source.resume()
            return source
        }
        begin.finish()
        defer { for source in sources { source.cancel() } }
        return try await task.value
    }

    /// The body is called once, by the one task made above, so nothing is shared.
    private struct UncheckedBody<T>: @unchecked Sendable {
        let body: () async throws -> T
    }
}
