import Glibc

/// Starts other programs with `posix_spawn`. Foundation's `Process` keeps children in our process group, where Ctrl-C
/// reaches them.
enum Subprocess {
    /// Only what a server or its tools need: no `PG*` variable and no secret of ours reaches them.
    private static let environment = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC"]

    /// glibc's `POSIX_SPAWN_SETSID`, which Swift's Glibc module leaves out.
    private static let setSessionFlag: Int32 = 0x80

    /// Runs a program to its end. Gives its exit status (128 + signal where one ended it) and what it wrote to both
    /// outputs, at most 1 MB. Blocks. One that takes longer than `timeoutSeconds` is killed.
    static func run(
        _ command: [String], as account: ServerAccount? = nil, timeoutSeconds: Int
    ) throws(ClusterError) -> (status: Int32, output: String) {
        var ends: [Int32] = [-1, -1]
        // A socket pair and not a pipe: it can be closed on exec from the start, so that no server started meanwhile
        // holds it.
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ClusterError(.startFailed, "cannot run \(command[0]): \(errnoText())")
        }
        defer { close(ends[0]) }
        let spawned = Result { () throws(ClusterError) in try spawn(command, as: account, output: ends[1]) }
        close(ends[1])
        let pid = try spawned.get()
        let deadline = monotonicMilliseconds() + Int64(timeoutSeconds) * 1_000
        let output = read(ends[0], until: deadline)
        let status = wait(for: pid, until: deadline)
        return (status, output)
    }

    /// Starts a program in a session of its own, which no terminal's signal reaches, and does not wait for it.
    static func spawn(_ command: [String], as account: ServerAccount?, output: Int32) throws(ClusterError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        // What our own caller left open (the lock of `flock 9`, a pipe of a supervisor) must not live on in a server.
        for descriptor in inheritedDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Signals that we block or ignore must not be so in the child.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | setSessionFlag
        posix_spawnattr_setflags(&attributes, Int16(flags))

        // Our own working directory may be closed to the account, and must not be held by a server.
        let words = ["/usr/bin/env", "-C", "/"] + (account?.prefix ?? []) + command
        var pid: pid_t = 0
        let code = withCStrings(words) { arguments in
            withCStrings(environment) { variables in
                posix_spawn(
                    &pid, words[0], &actions, &attributes, UnsafeMutablePointer(mutating: mutable(arguments)),
                    UnsafeMutablePointer(mutating: mutable(variables)))
            }
        }
        guard code == 0 else { throw ClusterError(.startFailed, "cannot run \(command[0]): \(errnoText(code))") }
        return pid
    }

    /// Open files beyond the standard three that a child would get. Ours are all closed on exec; these came from
    /// whoever started us.
    private static func inheritedDescriptors() -> [Int32] {
        let limit = min(4_096, sysconf(Int32(_SC_OPEN_MAX)))
        return (3..<Int32(max(3, limit))).filter { descriptor in
            let flags = fcntl(descriptor, F_GETFD)
            return flags >= 0 && flags & FD_CLOEXEC == 0
        }
    }

    /// `posix_spawn` takes pointers to mutable strings, though it changes none.
    private static func mutable(
        _ strings: UnsafePointer<UnsafePointer<CChar>?>
    ) -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
        UnsafeRawPointer(strings).assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self)
    }

    private static func read(_ descriptor: Int32, until deadline: Int64) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1 << 20 {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, Int32(clamping: max(0, deadline - monotonicMilliseconds())))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { break }
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The child's output has ended or time is up. It gets a second more to end by itself.
    private static func wait(for pid: pid_t, until deadline: Int64) -> Int32 {
        let patience = max(deadline, monotonicMilliseconds() + 1_000)
        var status: Int32 = 0
        while true {
            let result = waitpid(pid, &status, WNOHANG)
            if result == pid { break }
            if result < 0, errno != EINTR { return 127 }  // somebody else reaped it
            if monotonicMilliseconds() > patience {
                kill(pid, SIGKILL)
                waitpid(pid, &status, 0)
                break
            }
            usleep(2_000)
        }
        let signal = status & 0x7F
        return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
    }
}
