import Glibc

/// An advisory lock on a file (`flock`). The kernel drops it when its process ends, however it ends, so a lock file
/// that is left behind means nothing. Two locks of one process exclude each other as two processes' do.
final class FileLock: Sendable {
    private let descriptor: Int32
    let path: String

    init(_ path: String) throws(ClusterError) {
        self.path = path
        // Root opens it in a directory that belongs to the server's user, who must not lead root elsewhere.
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ClusterError(.noPermission, "cannot open \(path): \(errnoText())") }
    }

    deinit {
        // Closing is not enough: a child that another thread is just starting has a copy of the descriptor until it
        // executes.
        release()
        close(descriptor)
    }

    /// Whether the lock is held now. Never waits.
    func tryExclusive() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    /// Gives the lock up; it also goes with the object.
    func release() { flock(descriptor, LOCK_UN) }

    func tryShared() -> Bool { flock(descriptor, LOCK_SH | LOCK_NB) == 0 }
}
