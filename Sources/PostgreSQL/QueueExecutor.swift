import Dispatch

/// Runs the jobs of one actor on a dispatch queue of its own.
///
/// libpq and `waitpid` block. A thread of the cooperative pool must never block (two cores have two of them). A serial
/// dispatch queue without a target may: it gets a thread beyond the number of cores where all others are stuck. So each
/// `Connection` owns one of these.
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
