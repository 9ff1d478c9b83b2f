import Glibc
import Synchronization

/// A growable range of bytes with room for the padding after it.
///
/// Unchecked: one owner writes to it (the engine's thread), and it is sealed before anyone else sees it.
final class BodyBuffer: @unchecked Sendable {
    private(set) var start: UnsafeMutableRawPointer?
    private(set) var capacity = 0
    private(set) var count = 0

    deinit {
        free(start)
    }

    /// Makes room for that many bytes of content; false when there is no memory.
    /// - Parameter mayGrow: more may follow: room for twice as much costs less than growing again and again.
    func reserve(_ contentBytes: Int, mayGrow: Bool = true) -> Bool {
        let needed = contentBytes + ResponseBody.paddingBytes
        guard needed > capacity else { return true }
        // The next page is a little larger than this one, now and then.
        let grown = mayGrow ? max(needed, capacity * 2, 16 * 1024) : needed + needed / 16
        guard let moved = realloc(start, grown) else { return false }
        start = moved
        capacity = grown
        return true
    }

    func append(_ bytes: UnsafeRawPointer, count added: Int) -> Bool {
        guard reserve(count + added), let start else { return false }
        memcpy(start + count, bytes, added)
        count += added
        return true
    }

    /// Zeroes the padding. Content is complete from here on.
    func seal() {
        guard reserve(count), let start else { return }
        memset(start + count, 0, ResponseBody.paddingBytes)
    }

    func clear() {
        count = 0
    }
}

/// Buffers that are not in use: a bounded list, so that a burst does not hold its memory for ever.
final class BufferPool: Sendable {
    private let free = Mutex<[BodyBuffer]>([])
    private let limit: Int
    private let largestKeptBytes: Int

    init(limit: Int, largestKeptBytes: Int) {
        self.limit = limit
        self.largestKeptBytes = largestKeptBytes
    }

    func take() -> BodyBuffer {
        free.withLock { $0.popLast() } ?? BodyBuffer()
    }

    func give(_ buffer: BodyBuffer) {
        guard buffer.capacity <= largestKeptBytes else { return }
        buffer.clear()
        free.withLock { list in
            if list.count < limit {
                list.append(buffer)
            }
        }
    }
}
