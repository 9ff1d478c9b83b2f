import CLibpq
import Glibc
import Synchronization

/// Carries a task's cancellation to the thread that waits on a socket.
///
/// Every operation on a connection has a ticket. Cancellation names the ticket and rings an eventfd, which the waiting
/// thread polls beside the socket. That thread alone sends cancel requests, and only for the ticket it works on: a bell
/// that comes late names an old ticket and is ignored, so that it can never hit the next statement.
final class CancelSignal: Sendable {
    /// The highest ticket whose task was cancelled.
    private let requested = Atomic<UInt64>(0)
    let descriptor: Int32

    init() throws(PostgresError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else {
            throw PostgresError(.connection(reason: "no file descriptor is left (\(errnoText()))", server: nil))
        }
    }

    deinit { close(descriptor) }

    /// Called on any thread, at any time.
    func request(ticket: UInt64) {
        requested.max(ticket, ordering: .releasing)
        eventfd_write(descriptor, 1)
    }

    func isRequested(_ ticket: UInt64?) -> Bool {
        ticket == requested.load(ordering: .acquiring)
    }

    /// Makes the bell silent, so that polling does not spin on it.
    func drain() {
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
    }
}

/// The meaning of `errno`, in words.
func errnoText(_ code: Int32 = errno) -> String {
    String(cString: strerror(code))
}

func monotonicMilliseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
