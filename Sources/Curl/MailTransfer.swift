import CLibcurl
import Glibc
import Synchronization

/// One mail on its way, on a thread of its own.
///
/// Unchecked: after `start` only that thread touches it, but for the atomic flag.
final class MailTransfer: @unchecked Sendable {
    private let message: [UInt8]
    private let sender: String
    private let recipients: [String]
    private let server: MailServer
    private let configuration: MailClient.Configuration
    /// Only the connection and the login are tried.
    private let isCheck: Bool
    /// When it was cancelled, in nanoseconds of the monotonic clock; 0: it was not.
    private let cancelledAt = Atomic<UInt64>(0)
    private let finishing = Mutex<(@Sendable (Result<Void, MailError>) -> Void)?>(nil)

    // Of the thread.
    private var position = 0
    /// libcurl has been told that there is no more: it sends the line with the dot, and the mail may be accepted.
    private let hasEnded = Atomic<Bool>(false)
    /// The last line that said no; what the server says to QUIT comes after it.
    private var lastRefusal = ""
    private let errorText: UnsafeMutablePointer<CChar>

    init(_ message: [UInt8], _ mail: Mail, to server: MailServer, _ configuration: MailClient.Configuration) {
        self.message = message
        sender = "<\(mail.from.address)>"
        recipients = mail.to.map { "<\($0.address)>" }
        self.server = server
        self.configuration = configuration
        isCheck = false
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    /// A conversation that ends behind the login.
    init(checking server: MailServer, _ configuration: MailClient.Configuration) {
        message = []
        sender = ""
        recipients = []
        self.server = server
        self.configuration = configuration
        isCheck = true
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit { errorText.deallocate() }

    /// From any thread.
    func cancel() {
        let first = cancelledAt.compareExchange(expected: 0, desired: Self.nanoseconds(), ordering: .relaxed)
        guard first.exchanged else { return }
        // libcurl says QUIT all the same, and awaits the answer to that as long as any other: nobody waits with it.
        _ = DetachedThread.start {
            let grace = max(0, self.configuration.graceMilliseconds)
            var left = timespec(tv_sec: grace / 1_000, tv_nsec: grace % 1_000 * 1_000_000)
            var wanted: timespec
            repeat { wanted = left } while nanosleep(&wanted, &left) != 0
            guard self.hasEnded.load(ordering: .acquiring) else { return }
            let words = "cancelled while the answer was awaited"
            self.conclude(.failure(self.failed(.cancelled, words, isUnknown: true)))
        }
    }

    /// The first outcome counts.
    private func conclude(_ outcome: Result<Void, MailError>) {
        let finish = finishing.withLock { finish in
            defer { finish = nil }
            return finish
        }
        finish?(outcome)
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return max(1, UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Begins; `finish` is called exactly once, from another thread.
    func start(_ finish: @escaping @Sendable (Result<Void, MailError>) -> Void) {
        finishing.withLock { $0 = finish }
        if !DetachedThread.start({ self.run() }) {
            conclude(.failure(failed(.other(code: Int32(CURLE_OUT_OF_MEMORY.rawValue)), "no thread for the mail")))
        }
    }

    private func run() {
        // With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to the program, and OpenSSL writes without MSG_NOSIGNAL.
        var blocked = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &blocked, nil)
        conclude(converse())
    }

    private func converse() -> Result<Void, MailError> {
        guard cancelledAt.load(ordering: .relaxed) == 0 else {
            return .failure(failed(.cancelled, "before it was sent"))
        }
        guard Engine.globalInit == CURLE_OK, let easy = curl_easy_init() else {
            return .failure(failed(.other(code: Int32(CURLE_FAILED_INIT.rawValue)), "no handle"))
        }
        var list: UnsafeMutablePointer<curl_slist>?
        for recipient in recipients { list = curl_slist_append(list, recipient) ?? list }
        defer {
            curl_easy_cleanup(easy)
            curl_slist_free_all(list)
        }
        var options = EasyOptions(easy)
        setServer(&options)
        setMail(&options, list)
        guard options.code == CURLE_OK else {
            let words = String(cString: curl_easy_strerror(options.code))
            return .failure(failed(.other(code: Int32(options.code.rawValue)), words))
        }
        let code = curl_easy_perform(easy)
        var reply = 0
        trueup_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &reply)
        return outcome(code, reply: reply)
    }

    private func setServer(_ options: inout EasyOptions) {
        options.set(CURLOPT_URL, text: server.url)
        options.set(CURLOPT_PROTOCOLS_STR, text: server.isTLS ? "smtps" : "smtp")
        options.set(CURLOPT_PROXY, text: "")
        options.set(CURLOPT_NOSIGNAL, 1)
        options.set(CURLOPT_SSL_VERIFYPEER, 1)
        options.set(CURLOPT_SSL_VERIFYHOST, 2)
        let requiresTLS = configuration.requiresTLS ?? !server.isLoopback
        options.set(CURLOPT_USE_SSL, Int(requiresTLS ? CURLUSESSL_ALL.rawValue : CURLUSESSL_NONE.rawValue))
        if let file = configuration.certificateAuthorityFile { options.set(CURLOPT_CAINFO, text: file) }
        if let user = server.user, let password = server.password {
            options.set(CURLOPT_USERNAME, text: user)
            options.set(CURLOPT_PASSWORD, text: password.expose())
        }
        options.set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds)
        options.set(CURLOPT_TIMEOUT_MS, configuration.timeoutMilliseconds)
        options.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, configuration.timeoutMilliseconds / 1_000 + 1)
        options.set(CURLOPT_TCP_KEEPALIVE, 1)
    }

    private func setMail(_ options: inout EasyOptions, _ list: UnsafeMutablePointer<curl_slist>?) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        if isCheck {
            // https://curl.se/libcurl/c/CURLOPT_CONNECT_ONLY.html
            options.set(CURLOPT_CONNECT_ONLY, 1)
        } else {
            options.set(CURLOPT_MAIL_FROM, text: sender)
            options.set(CURLOPT_MAIL_RCPT, pointer: list)
            // No CURLOPT_INFILESIZE: libcurl would end the mail after that many bytes, the doubled dots counted in.
            options.set(CURLOPT_UPLOAD, 1)
        }
        options.set(CURLOPT_READFUNCTION, function: readCallback)
        options.set(CURLOPT_READDATA, pointer: context)
        options.set(CURLOPT_HEADERFUNCTION, function: replyCallback)
        options.set(CURLOPT_HEADERDATA, pointer: context)
        options.set(progress: progressCallback)
        options.set(CURLOPT_XFERINFODATA, pointer: context)
        options.set(CURLOPT_NOPROGRESS, 0)
        options.set(CURLOPT_ERRORBUFFER, pointer: errorText)
    }

    // MARK: Called by libcurl

    fileprivate func read(into buffer: UnsafeMutablePointer<CChar>, room: Int) -> Int {
        let count = min(room, message.count - position)
        guard count > 0 else {
            hasEnded.store(true, ordering: .releasing)
            return 0
        }
        message.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { memcpy(buffer, start + position, count) }
        }
        position += count
        return count
    }

    fileprivate func take(reply: UnsafeRawBufferPointer) {
        guard let first = reply.first, first == UInt8(ascii: "4") || first == UInt8(ascii: "5") else { return }
        lastRefusal = String(decoding: reply.prefix(2_000), as: UTF8.self)
    }

    /// Once the end is sent, nobody can take the mail back: only the answer tells what became of it, and is awaited for
    /// a while.
    fileprivate var mustStop: Bool {
        let at = cancelledAt.load(ordering: .relaxed)
        guard at > 0 else { return false }
        guard hasEnded.load(ordering: .acquiring) else { return true }
        return Self.nanoseconds() - at > UInt64(max(0, configuration.graceMilliseconds)) * 1_000_000
    }

    // MARK: The outcome

    private func outcome(_ code: CURLcode, reply: Int) -> Result<Void, MailError> {
        if code == CURLE_OK { return .success(()) }
        if hasEnded.load(ordering: .acquiring) {
            // The last answer before the end was 354; another one is the answer to the mail.
            if (200..<300).contains(reply) { return .success(()) }
            if reply < 400 { return .failure(failed(kind(code, reply), detail(code, reply), isUnknown: true)) }
        }
        return .failure(failed(kind(code, reply), detail(code, reply)))
    }

    private func kind(_ code: CURLcode, _ reply: Int) -> MailError.Kind {
        switch code {
        case CURLE_ABORTED_BY_CALLBACK: return .cancelled
        case CURLE_LOGIN_DENIED: return (400..<500).contains(reply) ? .refused(code: reply) : .loginRefused
        case CURLE_REMOTE_ACCESS_DENIED, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_WEIRD_SERVER_REPLY,
            CURLE_GOT_NOTHING:
            return reply >= 400 ? .refused(code: reply) : .connectionLost
        default: break
        }
        switch CurlError.Kind(code) {
        case .couldNotConnect: return .couldNotConnect
        case .timedOut: return .timedOut
        case .connectionReset, .bodyCut: return .connectionLost
        case .tls: return .tls
        default: return .other(code: Int32(code.rawValue))
        }
    }

    private func detail(_ code: CURLcode, _ reply: Int) -> String {
        let own = String(cString: errorText)
        var text = own.isEmpty ? String(cString: curl_easy_strerror(code)) : own
        if reply >= 400, !lastRefusal.isEmpty { text = lastRefusal }
        // A server that repeats what it was told must not carry the login into a log.
        if let user = server.user, let password = server.password {
            text = LoginMask(user: user, password: password).masked(text)
        }
        while let last = text.unicodeScalars.last, last.value <= 0x20 { text.unicodeScalars.removeLast() }
        return MailError.printable(text)
    }

    private func failed(_ kind: MailError.Kind, _ detail: String, isUnknown: Bool = false) -> MailError {
        MailError(kind, detail, origin: server.origin, outcomeIsUnknown: isUnknown)
    }
}

// The callbacks get the transfer that runs them, which outlives them.
private func transfer(_ context: UnsafeMutableRawPointer) -> MailTransfer {
    Unmanaged<MailTransfer>.fromOpaque(context).takeUnretainedValue()
}

private let readCallback: trueup_curl_receive = { buffer, size, count, context in
    guard let buffer, let context else { return 0 }
    return transfer(context).read(into: buffer, room: size * count)
}

private let replyCallback: trueup_curl_receive = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    transfer(context).take(reply: UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}

private let progressCallback: trueup_curl_progress = { context, _, _, _, _ in
    guard let context else { return 1 }
    return transfer(context).mustStop ? 1 : 0
}
