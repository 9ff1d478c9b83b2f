/// The bytes of an answer, followed by 64 zero bytes so that a SIMD parser may read past the end.
///
/// The buffer goes back to the client's free list when the last reference goes.
public final class ResponseBody: Sendable {
    /// Readable bytes after the content.
    public static let paddingBytes = 64

    private let buffer: BodyBuffer
    private let pool: BufferPool

    init(_ buffer: BodyBuffer, pool: BufferPool) {
        buffer.seal()
        self.buffer = buffer
        self.pool = pool
    }

    deinit {
        pool.give(buffer)
    }

    /// Length of the content in bytes, without the padding.
    public var count: Int {
        buffer.count
    }

    /// The content. `paddingBytes` more bytes are readable after its end. The pointer is valid inside the closure only.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: buffer.start, count: buffer.count))
    }

    /// The content as text; bytes that are not UTF-8 become U+FFFD.
    public var text: String {
        withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
