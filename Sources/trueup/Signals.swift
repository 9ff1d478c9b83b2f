import Dispatch
import Glibc

/// Ctrl-C, `kill`, and a terminal that goes away: the first one cancels the work, which then stops cleanly; the second
/// one ends the process.
enum Signals {
    /// The process was started to outlive its terminal, as by `nohup`. From the first look on the signal ends nothing
    /// by itself: whoever looks listens to it.
    static let isHangUpIgnored: Bool = {
        let before = signal(SIGHUP, SIG_IGN)
        // `SIG_IGN` is the address 1, and functions of C have no other equality here.
        return unsafeBitCast(before, to: Int.self) == 1
    }()

    static func cancelling<T: Sendable>(_ body: @escaping () async throws -> sending T) async throws -> T {
        let box = UncheckedBody(body: body)
        // Nothing begins before somebody listens: a signal that comes in between would be lost.
        let (ready, begin) = AsyncStream<Never>.makeStream()
        let task = Task {
            for await _ in ready {}
            return try await box.body()
        }
        let numbers = [SIGINT, SIGTERM] + (isHangUpIgnored ? [] : [SIGHUP])
        let sources = numbers.map { number in
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
