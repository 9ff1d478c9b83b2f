import COpenSSL
import Glibc

/// The length and SHA-256 of a file, read back from it.
public struct FileDigest: Sendable, Hashable {
    public let bytes: Int64
    /// 64 lower-case hexadecimal digits.
    public let sha256: String

    /// Of the whole file behind a descriptor.
    init(descriptor: Int32, path: String) throws(ReportError) {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw .file(operation: "look at", path: path, code: errno) }
        let size = Int(status.st_size)
        bytes = Int64(size)
        guard size > 0 else {
            sha256 = try FileDigest.sha256([])
            return
        }
        guard let map = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), map != MAP_FAILED else {
            throw .file(operation: "map", path: path, code: errno)
        }
        defer { munmap(map, size) }
        sha256 = try FileDigest.sha256(UnsafeRawBufferPointer(start: map, count: size))
    }

    /// Of a file by its path, for whoever checks one against its manifest.
    public init(path: String) throws(ReportError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw .file(operation: "open", path: path, code: errno) }
        defer { close(descriptor) }
        try self.init(descriptor: descriptor, path: path)
    }

    /// Of some bytes.
    public static func sha256(_ bytes: [UInt8]) throws(ReportError) -> String {
        // Typed throws does not pass through the closure, so the result comes out of it.
        let digest = bytes.withUnsafeBytes { hash($0) }
        guard let digest else { throw .inconsistent("libcrypto has no SHA-256") }
        return hex(digest)
    }

    private static func sha256(_ bytes: UnsafeRawBufferPointer) throws(ReportError) -> String {
        guard let digest = hash(bytes) else { throw .inconsistent("libcrypto has no SHA-256") }
        return hex(digest)
    }

    /// The 32 bytes, for a Content-Security-Policy.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        var digest = [UInt8](repeating: 0, count: 32)
        return trueup_sha256(bytes.baseAddress, bytes.count, &digest) == 1 ? digest : nil
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
