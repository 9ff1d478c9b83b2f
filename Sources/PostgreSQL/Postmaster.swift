import Glibc

/// What `postmaster.pid` says about the server of a data directory, and whether it is true:
/// <https://www.postgresql.org/docs/15/storage-file-layout.html>, `src/include/utils/pidfile.h` in the server.
struct Postmaster: Sendable, Hashable {
    let pid: pid_t
    let port: Int
    /// `nil` while the server has not opened its socket yet: it writes the file line by line.
    let socketDirectory: String?
    /// The System V segment that every process of the server is attached to.
    let sharedMemoryID: Int32?
    /// Whether it says that it lets clients in.
    let isReady: Bool
    private let cluster: String

    /// `nil` where there is no such file or its first lines are still being written.
    init?(cluster: String) {
        guard let text = contents(of: cluster + "/postmaster.pid") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 5, let pid = pid_t(lines[0]), pid > 0 else { return nil }
        self.pid = pid
        self.cluster = cluster
        port = Int(lines[3]) ?? 5432
        socketDirectory = lines[4].isEmpty ? nil : lines[4]
        isReady = lines.count > 7 && lines[7].hasPrefix("ready")
        sharedMemoryID = lines.count > 6 ? lines[6].split(separator: " ").last.flatMap { Int32($0) } : nil
    }

    /// Whether that process lives and is the server of this directory: a process id is soon used again.
    var isAlive: Bool {
        guard kill(pid, 0) == 0 || errno == EPERM, !isZombie,
            let command = contents(of: "/proc/\(pid)/cmdline")
        else { return false }
        let words = command.split(separator: "\0")
        return words.first?.hasSuffix("/postgres") == true && words.contains { $0 == cluster }
    }

    /// Dead, but its parent has not asked how it ended.
    private var isZombie: Bool {
        guard let line = contents(of: "/proc/\(pid)/stat"), let name = line.lastIndex(of: ")") else { return true }
        return ["Z", "X"].contains(line[name...].dropFirst(2).first)
    }

    /// Whether processes of the dead server still hold its memory. Then its files must be left alone.
    var hasSurvivors: Bool {
        guard let sharedMemoryID else { return false }
        var status = shmid_ds()
        return shmctl(sharedMemoryID, IPC_STAT, &status) == 0 && status.shm_nattch > 0
    }

    /// Removes the lock files of a dead server whose process id is in use by something else. PostgreSQL itself would
    /// refuse to start then; where the id is free it clears up alone.
    func removeStaleFiles() {
        guard kill(pid, 0) == 0 || errno == EPERM else { return }
        unlink(cluster + "/postmaster.pid")
        if let socketDirectory { unlink("\(socketDirectory)/.s.PGSQL.\(port).lock") }
    }
}
