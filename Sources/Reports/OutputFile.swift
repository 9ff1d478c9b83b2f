import Glibc

/// The system's words for an errno.
func systemMessage(_ code: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Bytes on their way to a file descriptor, 64 KB at a time. Every short write is continued and every error thrown.
package final class ByteStream {
    private let descriptor: Int32
    private let path: String
    private var buffer: [UInt8] = []
    /// How many bytes were given so far.
    package private(set) var byteCount: Int64 = 0
    private static let capacity = 65_536

    /// - Parameters:
    ///   - descriptor: open for writing; it stays open.
    ///   - path: for errors.
    package init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
        buffer.reserveCapacity(Self.capacity + 4_096)
    }

    package func write(_ text: String) throws(ReportError) {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= Self.capacity { try flush() }
    }

    package func write(_ byte: UInt8) throws(ReportError) {
        buffer.append(byte)
        if buffer.count >= Self.capacity { try flush() }
    }

    package func flush() throws(ReportError) {
        var start = 0
        while start < buffer.count {
            let written = buffer.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress! + start, bytes.count - start)  // not empty: start < count
            }
            if written < 0 {
                let code = errno
                if code == EINTR { continue }
                throw .file(operation: "write", path: path, code: code)
            }
            if written == 0 { throw .file(operation: "write", path: path, code: ENOSPC) }
            start += written
        }
        byteCount += Int64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }
}

/// A folder that a report is written into. Names are resolved against its open descriptor, so that nothing leaves it
/// even when the folder is renamed or replaced meanwhile.
package final class OutputFolder {
    package let path: String
    let descriptor: Int32

    /// Opens the folder, made with mode 0750 when it is missing; the folder above it must exist.
    package init(_ path: String) throws(ReportError) {
        if mkdir(path, 0o750) != 0, errno != EEXIST {
            throw .file(operation: "make the folder", path: path, code: errno)
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .file(operation: "open the folder", path: path, code: errno) }
        self.path = path
        self.descriptor = descriptor
    }

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// A folder in this one, made when it is missing; never a symbolic link.
    package func folder(_ name: String) throws(ReportError) -> OutputFolder {
        try OutputFolder.check(name)
        if mkdirat(descriptor, name, 0o750) != 0, errno != EEXIST {
            throw .file(operation: "make the folder", path: path + "/" + name, code: errno)
        }
        let inner = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        if inner < 0 { throw .file(operation: "open the folder", path: path + "/" + name, code: errno) }
        return OutputFolder(path: path + "/" + name, descriptor: inner)
    }

    /// A path that a C library can use, whatever happens to the folder's own path.
    var libraryPath: String { "/proc/self/fd/\(descriptor)" }

    /// Makes renames in this folder last.
    package func sync() throws(ReportError) {
        if fsync(descriptor) != 0 { throw .file(operation: "sync the folder", path: path, code: errno) }
    }

    /// Removes a file; a missing one is fine.
    package func remove(_ name: String) throws(ReportError) {
        if unlinkat(descriptor, name, 0) != 0, errno != ENOENT {
            throw .file(operation: "remove", path: path + "/" + name, code: errno)
        }
    }

    /// File names are constants of this module; this holds them to be harmless all the same.
    package static func check(_ name: String) throws(ReportError) {
        let isPlain = name.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || byte == 45 || byte == 46
        }
        guard isPlain, !name.isEmpty, name.utf8.count <= 64, name.utf8.first != 46 else { throw .badName(name) }
    }
}

/// A file that appears under its name whole or not at all: written as a temporary file in the same folder, synced,
/// and renamed by ``commit()``. Given up, it leaves nothing behind.
package final class OutputFile {
    package let name: String
    let folder: OutputFolder
    let temporaryName: String
    private let descriptor: Int32
    private var isPending = true
    package let stream: ByteStream
    package private(set) var digest: FileDigest?

    package init(_ name: String, in folder: OutputFolder) throws(ReportError) {
        try OutputFolder.check(name)
        let temporaryName = ".\(name).\(getpid()).tmp"
        let path = folder.path + "/" + name
        // One left behind by a process of the same id that crashed is no use to anybody.
        try folder.remove(temporaryName)
        let descriptor = openat(
            folder.descriptor, temporaryName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o640)
        if descriptor < 0 { throw .file(operation: "create", path: path, code: errno) }
        self.name = name
        self.folder = folder
        self.temporaryName = temporaryName
        self.descriptor = descriptor
        stream = ByteStream(descriptor: descriptor, path: path)
    }

    deinit {
        close(descriptor)
        if isPending { unlinkat(folder.descriptor, temporaryName, 0) }
    }

    package var path: String { folder.path + "/" + name }

    /// The temporary file by a path that a C library can open, whatever happens to the folder's own path.
    var libraryPath: String { folder.libraryPath + "/" + temporaryName }

    /// Everything is on the disk after this, still under the temporary name; the file's hash is known.
    package func finish() throws(ReportError) {
        try stream.flush()
        if fsync(descriptor) != 0 { throw .file(operation: "sync", path: path, code: errno) }
        digest = try FileDigest(descriptor: descriptor, path: path)
    }

    /// Gives the finished file its name.
    package func commit() throws(ReportError) {
        guard digest != nil else { throw .inconsistent("\(name) was named before it was finished") }
        if renameat(folder.descriptor, temporaryName, folder.descriptor, name) != 0 {
            throw .file(operation: "rename", path: path, code: errno)
        }
        isPending = false
    }
}
