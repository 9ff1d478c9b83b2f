import CLibcurl

// The callbacks get the transfer as it stands in the engine's table of active ones, which outlives them.
private let bodyCallback: trueup_curl_receive = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receive(bytes, count: size * count) ? size * count : 0
}

private let headerCallback: trueup_curl_receive = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return transfer.receiveHeader(UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
}

/// Sets options until one is refused, and keeps that refusal: the one place where a CURLcode of setopt is looked at.
struct EasyOptions {
    let easy: UnsafeMutableRawPointer
    private(set) var code = CURLE_OK

    init(_ easy: UnsafeMutableRawPointer) {
        self.easy = easy
    }

    mutating func set(_ option: CURLoption, _ value: Int) {
        guard code == CURLE_OK else { return }
        code = trueup_curl_set_long(easy, option, value)
    }

    mutating func set(_ option: CURLoption, offset value: Int) {
        guard code == CURLE_OK else { return }
        code = trueup_curl_set_offset(easy, option, curl_off_t(value))
    }

    mutating func set(_ option: CURLoption, pointer value: UnsafeRawPointer?) {
        guard code == CURLE_OK else { return }
        code = trueup_curl_set_pointer(easy, option, value)
    }

    /// libcurl copies the text.
    mutating func set(_ option: CURLoption, text: String) {
        guard code == CURLE_OK else { return }
        code = text.withCString { trueup_curl_set_pointer(easy, option, $0) }
    }

    mutating func set(_ option: CURLoption, function: trueup_curl_receive) {
        guard code == CURLE_OK else { return }
        code = trueup_curl_set_receive(easy, option, function)
    }

    /// What is asked now and then whether to go on: not 0 stops the transfer.
    mutating func set(progress function: trueup_curl_progress) {
        guard code == CURLE_OK else { return }
        code = trueup_curl_set_progress(easy, function)
    }
}

extension Transfer {
    /// Prepares an easy handle for this request. libcurl's complaint, or `nil`.
    func configure(_ easy: UnsafeMutableRawPointer, for configuration: HTTPClient.Configuration) -> CurlError? {
        var options = EasyOptions(easy)
        setGuards(&options, configuration)
        setTimes(&options, configuration)
        setRequest(&options)
        let context = Unmanaged.passUnretained(self).toOpaque()
        options.set(CURLOPT_WRITEFUNCTION, function: bodyCallback)
        options.set(CURLOPT_WRITEDATA, pointer: context)
        options.set(CURLOPT_HEADERFUNCTION, function: headerCallback)
        options.set(CURLOPT_HEADERDATA, pointer: context)
        options.set(CURLOPT_ERRORBUFFER, pointer: errorText)
        options.set(CURLOPT_BUFFERSIZE, 128 * 1024)
        guard options.code != CURLE_OK else { return nil }
        return failed(
            .other(code: Int32(options.code.rawValue)), String(cString: curl_easy_strerror(options.code)))
    }

    private func setGuards(_ options: inout EasyOptions, _ configuration: HTTPClient.Configuration) {
        options.set(CURLOPT_URL, text: request.url)
        options.set(CURLOPT_PROTOCOLS_STR, text: endpoint.isTLS ? "https" : "http")
        options.set(CURLOPT_FOLLOWLOCATION, 0)
        options.set(CURLOPT_NOSIGNAL, 1)
        options.set(CURLOPT_SSL_VERIFYPEER, 1)
        options.set(CURLOPT_SSL_VERIFYHOST, 2)
        options.set(CURLOPT_MAXFILESIZE_LARGE, offset: configuration.maxBodyBytes)
        if let file = configuration.certificateAuthorityFile {
            options.set(CURLOPT_CAINFO, text: file)
        }
        if endpoint.isLoopback {
            // A proxy of the environment would see what is meant for this machine.
            options.set(CURLOPT_PROXY, text: "")
        }
        // HTTP/2 is agreed on during the TLS handshake; requests then wait to share that connection.
        let version = endpoint.isTLS ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        options.set(CURLOPT_HTTP_VERSION, Int(version))
        options.set(CURLOPT_PIPEWAIT, endpoint.isTLS ? 1 : 0)
    }

    private func setTimes(_ options: inout EasyOptions, _ configuration: HTTPClient.Configuration) {
        options.set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds)
        options.set(CURLOPT_TIMEOUT_MS, request.timeoutMilliseconds ?? configuration.timeoutMilliseconds)
        options.set(CURLOPT_LOW_SPEED_LIMIT, configuration.lowSpeedBytesPerSecond)
        options.set(CURLOPT_LOW_SPEED_TIME, configuration.lowSpeedSeconds)
        options.set(CURLOPT_TCP_KEEPALIVE, 1)
    }

    private func setRequest(_ options: inout EasyOptions) {
        switch request.method {
        case .get: options.set(CURLOPT_HTTPGET, 1)
        case .post: options.set(CURLOPT_POST, 1)
        case .put, .delete: options.set(CURLOPT_CUSTOMREQUEST, text: request.method.rawValue)
        }
        if let body = request.body ?? (request.method == .post ? [] : nil) {
            options.set(CURLOPT_POSTFIELDSIZE_LARGE, offset: body.count)
            body.withUnsafeBytes { bytes in
                // The size is set before, as libcurl copies that many bytes; an empty body has no address to copy from.
                let source = bytes.baseAddress
                if let source {
                    options.set(CURLOPT_COPYPOSTFIELDS, pointer: source)
                } else {
                    options.set(CURLOPT_COPYPOSTFIELDS, text: "")
                }
            }
        }
        // "Expect: 100-continue" would cost a round trip for each large body.
        for line in request.headers.map({ "\($0.0): \($0.1)" }) + ["Expect:"] {
            headerLines = curl_slist_append(headerLines, line) ?? headerLines
        }
        options.set(CURLOPT_HTTPHEADER, pointer: headerLines)
    }

    /// The answer or the error of a transfer that libcurl says is over.
    func outcome(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) -> Outcome {
        guard code == CURLE_OK else { return .failure(error(easy, code)) }
        var status = 0
        trueup_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return .success(
            HTTPResponse(
                status: status, headers: headers, body: takeBody(), timings: timings(easy)))
    }

    private func timings(_ easy: UnsafeMutableRawPointer) -> HTTPTimings {
        func microseconds(_ info: CURLINFO) -> Int64 {
            var value: curl_off_t = 0
            trueup_curl_get_offset(easy, info, &value)
            return Int64(value)
        }
        var connections = 0
        var version = 0
        trueup_curl_get_long(easy, CURLINFO_NUM_CONNECTS, &connections)
        trueup_curl_get_long(easy, CURLINFO_HTTP_VERSION, &version)
        return HTTPTimings(
            connectedMicroseconds: microseconds(CURLINFO_CONNECT_TIME_T),
            tlsMicroseconds: microseconds(CURLINFO_APPCONNECT_TIME_T),
            firstByteMicroseconds: microseconds(CURLINFO_STARTTRANSFER_TIME_T),
            totalMicroseconds: microseconds(CURLINFO_TOTAL_TIME_T),
            reusedConnection: connections == 0,
            httpMajorVersion: version == Int(CURL_HTTP_VERSION_2_0) ? 2 : 1)
    }

    /// Whether bytes of the request have been written to a connection.
    func wasSent(_ easy: UnsafeMutableRawPointer) -> Bool {
        var bytes = 0
        trueup_curl_get_long(easy, CURLINFO_REQUEST_SIZE, &bytes)
        return bytes > 0
    }

    private func error(_ easy: UnsafeMutableRawPointer, _ code: CURLcode) -> CurlError {
        let sent = wasSent(easy)
        if isTooLarge || code == CURLE_FILESIZE_EXCEEDED {
            return failed(.tooLarge, "more than \(maxBodyBytes) bytes of body or too many of headers", sent: sent)
        }
        let own = String(cString: errorText)
        let detail = own.isEmpty ? String(cString: curl_easy_strerror(code)) : own
        let kind = CurlError.Kind(code)
        let received = buffer?.count ?? 0
        if kind == .connectionReset || kind == .bodyCut, let contentLength, received < contentLength {
            return failed(.bodyCut, "\(received) of \(contentLength) bytes arrived", sent: sent)
        }
        // A handshake that breaks off is as likely the network as the configuration.
        return failed(kind, detail, sent: sent, transient: code == CURLE_SSL_CONNECT_ERROR ? true : nil)
    }
}

extension CurlError.Kind {
    init(_ code: CURLcode) {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            self = .couldNotConnect
        case CURLE_OPERATION_TIMEDOUT:
            self = .timedOut
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            self = .connectionReset
        case CURLE_PARTIAL_FILE:
            self = .bodyCut
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ENGINE_NOTFOUND,
            CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH,
            CURLE_USE_SSL_FAILED:
            self = .tls
        default:
            self = .other(code: Int32(code.rawValue))
        }
    }
}
