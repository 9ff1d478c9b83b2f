import Glibc

/// Threads of their own, for what may block.
enum DetachedThread {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own.
    /// - Returns: `false` where the system gives no thread: `body` is not called then.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let reference = Unmanaged.passRetained(Box(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, reference.toOpaque())
        guard result == 0 else {
            reference.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}
