import CLibcurl
import Glibc
import Synchronization

/// libcurl's multi handle on a thread of its own: nothing here ever blocks a thread of the cooperative pool.
///
/// Unchecked: the multi handle and the tables beside it belong to the thread; other threads reach the inbox, which
/// is locked, and `curl_multi_wakeup`, which libcurl allows from anywhere.
final class Engine: @unchecked Sendable {
    private struct Inbox {
        var submitted: [Transfer] = []
        var cancelled: [Transfer] = []
        var isClosing = false
        var hasExited = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        var isEmpty: Bool {
            submitted.isEmpty && cancelled.isEmpty && !isClosing
        }
    }

    private let inbox = Mutex(Inbox())
    private let configuration: HTTPClient.Configuration
    private let multi: UnsafeMutableRawPointer?

    // Of the thread.
    private var active: [UnsafeMutableRawPointer: Transfer] = [:]
    private var idleHandles: [UnsafeMutableRawPointer] = []

    // libcurl asks for one call before any thread uses it; a global is initialised once, by whoever comes first.
    static let globalInit: CURLcode = trueup_curl_global_init()
    private static let maxIdleHandles = 128
    private static let pollMilliseconds: Int32 = 1_000

    init(_ configuration: HTTPClient.Configuration) {
        self.configuration = configuration
        multi = Self.globalInit == CURLE_OK ? curl_multi_init() : nil
        if let multi {
            trueup_curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
            trueup_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maxConnectionsPerHost)
            trueup_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maxConnectionsPerHost * 2)
            startThread()
        } else {
            inbox.withLock {
                $0.isClosing = true
                $0.hasExited = true
            }
        }
    }

    deinit {
        // Only reached when the thread is gone: it holds a reference while it runs.
        if let multi {
            curl_multi_cleanup(multi)
        }
    }

    private func startThread() {
        if !DetachedThread.start({ self.run() }) {
            inbox.withLock {
                $0.isClosing = true
                $0.hasExited = true
            }
        }
    }

    // MARK: From any thread

    /// Hands the transfer to the thread, or ends it at once when it is cancelled or the engine closed.
    func submit(_ transfer: Transfer) {
        enum Verdict { case wake, queued, cancelled, closed }
        let verdict: Verdict = inbox.withLock { inbox in
            if transfer.isCancelled {
                return .cancelled
            }
            if inbox.isClosing {
                return .closed
            }
            let wasEmpty = inbox.isEmpty
            transfer.isSubmitted = true
            inbox.submitted.append(transfer)
            return wasEmpty ? .wake : .queued
        }
        switch verdict {
        case .wake: wake()
        case .queued: break
        case .cancelled: transfer.end(.failure(transfer.failed(.cancelled, "before it was sent")))
        case .closed: transfer.end(.failure(transfer.failed(.closed, "")))
        }
    }

    func cancel(_ transfer: Transfer) {
        let mustWake = inbox.withLock { inbox in
            transfer.isCancelled = true
            guard transfer.isSubmitted, !inbox.hasExited else { return false }
            let wasEmpty = inbox.isEmpty
            inbox.cancelled.append(transfer)
            return wasEmpty
        }
        if mustWake {
            wake()
        }
    }

    /// Ends what is under way as closed and lets the thread go. Does not wait.
    func close() {
        inbox.withLock { $0.isClosing = true }
        wake()
    }

    /// Returns when the thread has ended.
    func waitUntilExited() async {
        await withCheckedContinuation { continuation in
            let exited = inbox.withLock { inbox in
                if !inbox.hasExited {
                    inbox.waiters.append(continuation)
                }
                return inbox.hasExited
            }
            if exited {
                continuation.resume()
            }
        }
    }

    private func wake() {
        if let multi {
            curl_multi_wakeup(multi)
        }
    }

    // MARK: On the thread

    private func run() {
        // With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to the program, and OpenSSL writes without MSG_NOSIGNAL.
        var blocked = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        while takeInbox() {
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            finishCompleted()
            curl_multi_poll(multi, nil, 0, Self.pollMilliseconds, nil)
        }
        shutDown()
    }

    /// Starts and cancels what was asked for; false when the engine is closing.
    private func takeInbox() -> Bool {
        let (submitted, cancelled, isClosing) = inbox.withLock { inbox in
            defer {
                inbox.submitted.removeAll(keepingCapacity: true)
                inbox.cancelled.removeAll(keepingCapacity: true)
            }
            return (inbox.submitted, inbox.cancelled, inbox.isClosing)
        }
        for transfer in submitted {
            start(transfer)
        }
        for transfer in cancelled {
            // Linear, but over the requests in flight only, and cancelling is rare.
            guard let easy = active.first(where: { $0.value === transfer })?.key else { continue }
            let sent = transfer.wasSent(easy)
            remove(easy)?.end(.failure(transfer.failed(.cancelled, "", sent: sent)))
        }
        return !isClosing
    }

    private func start(_ transfer: Transfer) {
        // Here and not earlier: the thread may have been kept from its work until now.
        if let notAfter = transfer.request.notAfter, ContinuousClock.now > notAfter {
            return transfer.end(.failure(transfer.failed(.late, "")))
        }
        guard let easy = idleHandles.popLast() ?? curl_easy_init() else {
            let code = Int32(CURLE_OUT_OF_MEMORY.rawValue)
            transfer.end(.failure(transfer.failed(.other(code: code), "no memory for a handle")))
            return
        }
        if let refused = transfer.configure(easy, for: configuration) {
            recycle(easy, isReusable: false)
            transfer.end(.failure(refused))
            return
        }
        active[easy] = transfer
        let added = curl_multi_add_handle(multi, easy)
        if added != CURLM_OK {
            let text = String(cString: curl_multi_strerror(added))
            remove(easy)?.end(.failure(transfer.failed(.other(code: added.rawValue), text)))
        }
    }

    private func finishCompleted() {
        var finished: UnsafeMutableRawPointer?
        var code = CURLE_OK
        while trueup_curl_multi_finished(multi, &finished, &code) == 1 {
            guard let easy = finished, let transfer = active[easy] else { continue }
            let outcome = transfer.outcome(easy, code)
            remove(easy, isReusable: code == CURLE_OK)
            transfer.end(outcome)
        }
    }

    @discardableResult
    private func remove(_ easy: UnsafeMutableRawPointer, isReusable: Bool = false) -> Transfer? {
        curl_multi_remove_handle(multi, easy)
        recycle(easy, isReusable: isReusable)
        return active.removeValue(forKey: easy)
    }

    // A reset handle forgets its options; connections belong to the multi handle. One that was stopped on its way
    // keeps its receive buffer through the reset, and then refuses CURLOPT_BUFFERSIZE: it is not used again.
    private func recycle(_ easy: UnsafeMutableRawPointer, isReusable: Bool) {
        if isReusable, idleHandles.count < Self.maxIdleHandles {
            curl_easy_reset(easy)
            idleHandles.append(easy)
        } else {
            curl_easy_cleanup(easy)
        }
    }

    private func shutDown() {
        for (easy, transfer) in active {
            let sent = transfer.wasSent(easy)
            remove(easy)?.end(.failure(transfer.failed(.closed, "", sent: sent)))
        }
        for easy in idleHandles {
            curl_easy_cleanup(easy)
        }
        idleHandles = []
        let waiters = inbox.withLock { inbox in
            inbox.hasExited = true
            defer { inbox.waiters = [] }
            return inbox.waiters
        }
        for waiter in waiters {
            waiter.resume()
        }
    }
}
