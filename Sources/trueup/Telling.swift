import Runner
import Synchronization

/// What is told once a job has ended, beside whatever the command does next. A stop ends the telling alone: the job has
/// ended, and its result stands.
final class Telling<Value: Sendable>: Sendable {
    private let task: Task<Value, Never>

    init(_ body: @escaping @Sendable () async -> Value) { task = Task { await body() } }

    /// What it came to.
    var value: Value {
        get async { await task.value }
    }

    func cancel() { task.cancel() }

    /// Waits for its end; where the waiting task is cancelled, the telling is as well.
    func end() async -> Value {
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }
}

extension Telling<Bool> {
    /// There is nothing to be told.
    static var nothing: Telling<Bool> { Telling { false } }
}

/// The ends of a command's jobs. Each is shown once it was told, beside the job that runs meanwhile, in the order of
/// the jobs.
final class JobEndings: Sendable {
    private struct Ending: Sendable {
        let job: String
        let cancel: @Sendable () -> Void
        let code: Task<Int32, Never>
    }

    private let endings = Mutex<[Ending]>([])
    private let next: NextCommand
    private let isSlow = Atomic<Bool>(false)

    /// So long the next job waits for what is told of the last one: usually it is told by then, and shown before.
    private static let patienceSeconds = 10

    /// - Parameter next: what leads to the command's files and database.
    init(next: NextCommand) { self.next = next }

    /// - Parameters:
    ///   - telling: after its end it is shown.
    ///   - show: prints how the job ended, and gives the exit code that the command would have had with this job alone.
    func add<Value: Sendable>(
        _ job: String, _ telling: Telling<Value>, show: @escaping @Sendable (Value) throws -> Int32
    ) {
        let next = next
        endings.withLock { endings in
            let before = endings.last?.code
            let code = Task { () -> Int32 in
                let value = await telling.value
                _ = await before?.value
                do {
                    return try show(value)
                } catch {
                    return Main.said(error, next: next, job: job)
                }
            }
            endings.append(Ending(job: job, cancel: { telling.cancel() }, code: code))
        }
    }

    /// Waits for the last one, for a while, or until the task is cancelled; not at all once one has taken longer.
    func patience() async {
        guard !isSlow.load(ordering: .relaxed), let last = endings.withLock({ $0.last }) else { return }
        let (ended, end) = AsyncStream<Never>.makeStream()
        Task {
            _ = await last.code.value
            end.finish()
        }
        let clock = Task {
            try await Task.sleep(for: .seconds(Self.patienceSeconds))
            isSlow.store(true, ordering: .relaxed)
            end.finish()
        }
        for await _ in ended {}
        clock.cancel()
    }

    /// Waits for all of them, and says so where that takes long. Where the task is cancelled, what is still told is
    /// stopped; each is shown all the same.
    func all() async -> JobCodes {
        let endings = endings.withLock { $0 }
        let notice = Task {
            try await Task.sleep(for: .seconds(Self.patienceSeconds))
            Terminal.say("Messages are still on their way. Ctrl-C leaves for later what has not left.")
        }
        var codes = JobCodes()
        for ending in endings {
            let code = await withTaskCancellationHandler {
                await ending.code.value
            } onCancel: {
                for ending in endings { ending.cancel() }
            }
            codes.add(ending.job, code)
        }
        notice.cancel()
        return codes
    }
}
