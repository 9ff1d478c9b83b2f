import Glibc

func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Without a `/` at the end, and from the root on.
func absolute(_ path: String) -> String {
    var path = path
    if !path.hasPrefix("/"), let current = getcwd(nil, 0) {
        path = String(cString: current) + "/" + path
        free(current)
    }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
}

/// Makes a directory that only its owner may enter, and its parents as the umask has them. One that exists stays as it
/// is.
func makeDirectory(_ path: String, owner: ServerAccount?) throws(ClusterError) {
    if isDirectory(path) { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        let parent = String(path[..<slash])
        if !isDirectory(parent) { try makeParents(parent) }
    }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw cannotMake(path) }
    guard let owner else { return }
    guard chown(path, owner.uid, owner.gid) == 0 else {
        throw ClusterError(.noPermission, "cannot give \(path) to user \(owner.name): \(errnoText())")
    }
}

private func makeParents(_ path: String) throws(ClusterError) {
    var made = ""
    for part in path.split(separator: "/") {
        made += "/" + part
        guard isDirectory(made) || mkdir(made, 0o755) == 0 || errno == EEXIST else { throw cannotMake(made) }
    }
}

private func cannotMake(_ path: String) -> ClusterError {
    ClusterError(.noPermission, "cannot make the directory \(path): \(errnoText()). Choose another with --data-dir")
}

func touch(_ path: String) throws(ClusterError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw ClusterError(.noPermission, "cannot write \(path): \(errnoText())") }
    close(descriptor)
}

func removeTree(_ path: String) throws(ClusterError) {
    var last = ""
    // An initdb whose Trueup was killed may still be writing; it ends when it next has something to say.
    for _ in 0..<5 {
        let (status, output) = try Subprocess.run(["/bin/rm", "-rf", "--", path], timeoutSeconds: 60)
        if status == 0 { return }
        last = trimmed(output)
        usleep(200_000)
    }
    throw ClusterError(.noPermission, "cannot remove \(path): \(last)")
}

/// The name or number of the user that a file belongs to.
func ownerName(_ path: String) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return "unknown" }
    return ServerAccount.named(status.st_uid)
}

/// A file as text, from an offset on, at most 1 MB; `nil` where it cannot be read.
func contents(of path: String, from offset: Int = 0) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    if offset > 0 { lseek(descriptor, off_t(offset), SEEK_SET) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while bytes.count < 1 << 20 {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { break }
        bytes.append(contentsOf: buffer[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
}
