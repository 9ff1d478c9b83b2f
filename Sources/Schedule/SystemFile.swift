#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Why a file cannot be read: the system's error number.
package struct FileFailure: Error, Sendable {
    package let code: Int32
    /// The file is larger than the limit of the caller.
    package var isTooLarge: Bool { code == EFBIG }
    /// A directory, a pipe, a device.
    package var isNotRegular: Bool { code == EISDIR || code == EINVAL }
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR || code == EISDIR }
    package var reason: String { String(cString: strerror(code)) }
}

/// What the system says about an open file.
package struct FileFacts: Sendable {
    package let isRegular: Bool
    /// Anyone on the machine may read it.
    package let isWorldReadable: Bool
}

/// The bytes of a regular file, at most `limitBytes` of them: a larger file fails with `EFBIG`, a directory with
/// `EISDIR`, any other kind of file (a pipe could block for ever) with `EINVAL`.
package func readFile(_ path: String, limitBytes: Int) -> Result<[UInt8], FileFailure> {
    readFileWithFacts(path, limitBytes: limitBytes).map(\.bytes)
}

/// The bytes and facts of one and the same open file.
package func readFileWithFacts(
    _ path: String, limitBytes: Int
) -> Result<(bytes: [UInt8], facts: FileFacts), FileFailure> {
    guard !path.utf8.contains(0) else { return .failure(FileFailure(code: ENOENT)) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return .failure(FileFailure(code: errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .failure(FileFailure(code: errno)) }
    let type = status.st_mode & S_IFMT
    guard type == S_IFREG else { return .failure(FileFailure(code: type == S_IFDIR ? EISDIR : EINVAL)) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: min(limitBytes + 1, max(4096, Int(status.st_size) + 1)))
    while bytes.count <= limitBytes {
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return .failure(FileFailure(code: errno)) }
        if count == 0 {
            return .success(
                (bytes, FileFacts(isRegular: true, isWorldReadable: status.st_mode & S_IROTH != 0)))
        }
        bytes.append(contentsOf: chunk[..<count])
    }
    return .failure(FileFailure(code: EFBIG))
}

package func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names in a directory, sorted, without `.` and `..`; empty when it cannot be read.
package func listDirectory(_ path: String) -> [String] {
    (try? directoryNames(path).get()) ?? []
}

/// The names in a directory, sorted, without `.` and `..`.
package func directoryNames(_ path: String) -> Result<[String], FileFailure> {
    guard let handle = opendir(path) else { return .failure(FileFailure(code: errno)) }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return .success(names.sorted())
}
