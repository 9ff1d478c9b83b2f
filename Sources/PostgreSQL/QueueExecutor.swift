import Dispatch

/// Runs the jobs of one actor on a dispatch queue of its own.
///
/// libpq and `waitpid` block. A thread of the cooperative pool must never block (two cores have two of them), but a
/// thread of a dispatch queue may: dispatch adds one when another is stuck. So each `Connection` owns one of these.
final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
