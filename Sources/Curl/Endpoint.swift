import CLibcurl

/// What a request may be sent to: parsed by libcurl's own parser, so that nothing is read differently later.
struct Endpoint: Equatable {
    let origin: String
    let isLoopback: Bool
    let isTLS: Bool

    init(url: String) throws(CurlError) {
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw CurlError(.refusedURL, "it holds white space or control characters", origin: "")
        }
        guard let handle = curl_url() else {
            throw CurlError(.other(code: Int32(CURLE_OUT_OF_MEMORY.rawValue)), "no memory", origin: "")
        }
        defer { curl_url_cleanup(handle) }
        let parsed = curl_url_set(handle, CURLUPART_URL, url, 0)
        guard parsed == CURLUE_OK, let scheme = Self.part(handle, CURLUPART_SCHEME),
            let host = Self.part(handle, CURLUPART_HOST)
        else {
            throw CurlError(.refusedURL, String(cString: curl_url_strerror(parsed)), origin: "")
        }
        let port = Self.part(handle, CURLUPART_PORT).map { ":\($0)" } ?? ""
        origin = "\(scheme)://\(host)\(port)"
        isLoopback = Self.isLoopback(host)
        isTLS = scheme == "https"
        guard Self.part(handle, CURLUPART_USER) == nil, Self.part(handle, CURLUPART_PASSWORD) == nil else {
            throw CurlError(.refusedURL, "a user name or password in a URL ends up in logs", origin: origin)
        }
        guard isTLS || (scheme == "http" && isLoopback) else {
            throw CurlError(.refusedURL, "\(scheme) is not allowed to this host", origin: origin)
        }
    }

    private static func part(_ handle: OpaquePointer, _ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    // libcurl has normalised numeric hosts ("0x7f.1" is "127.0.0.1" here) and answers "localhost" itself, without DNS.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" {
            return true
        }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
