import CLibcurl

/// Where mail is handed over, out of a URL that may hold a password.
struct MailServer: Sendable {
    /// The URL without user name and password.
    let url: String
    /// Scheme, host and port, for people.
    let origin: String
    /// TLS from the first byte on.
    let isTLS: Bool
    let isLoopback: Bool
    let user: String?
    let password: Secret?

    /// - Parameter secret: `smtps://user:password@host:port` or `smtp://…`; a path is the name for EHLO.
    /// - Throws: ``MailError`` of kind `refusedURL`, without any part of the URL but scheme, host and port.
    init(_ secret: Secret) throws(MailError) {
        let text = secret.expose()
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            throw MailError(.refusedURL, "it holds white space or control characters", origin: "")
        }
        guard let handle = curl_url() else {
            throw MailError(.other(code: Int32(CURLE_OUT_OF_MEMORY.rawValue)), "no memory", origin: "")
        }
        defer { curl_url_cleanup(handle) }
        let parsed = curl_url_set(handle, CURLUPART_URL, text, 0)
        guard parsed == CURLUE_OK, let scheme = Self.part(handle, CURLUPART_SCHEME),
            let host = Self.part(handle, CURLUPART_HOST)
        else {
            throw MailError(.refusedURL, String(cString: curl_url_strerror(parsed)), origin: "")
        }
        let path = Self.part(handle, CURLUPART_PATH) ?? "/"
        // A password with "/", "?" or "#" in it ends the host early: what looks like host and port is then a part of
        // the login, and must not be printed.
        guard Self.part(handle, CURLUPART_QUERY) == nil, Self.part(handle, CURLUPART_FRAGMENT) == nil,
            path.dropFirst().utf8.allSatisfy({ Self.isHostByte($0) })
        else {
            throw MailError(
                .refusedURL, "a special character of the user name or password is not percent-encoded", origin: "")
        }
        let port = Self.part(handle, CURLUPART_PORT).map { ":\($0)" } ?? ""
        let address = "\(scheme)://\(host)\(port)"
        guard scheme == "smtp" || scheme == "smtps" else {
            throw MailError(.refusedURL, "\(scheme) is not a way to send mail", origin: address)
        }
        origin = address
        url = address + path
        isTLS = scheme == "smtps"
        isLoopback = Endpoint.isLoopback(host)
        user = Self.part(handle, CURLUPART_USER, decoded: true)
        password = Self.part(handle, CURLUPART_PASSWORD, decoded: true).map { Secret($0) }
        guard (user == nil) == (password == nil) else {
            throw MailError(.refusedURL, "it has a user name or a password, but not both", origin: address)
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func part(_ handle: OpaquePointer, _ part: CURLUPart, decoded: Bool = false) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        // Decoding refuses what decodes to a control character.
        guard curl_url_get(handle, part, &text, decoded ? UInt32(CURLU_URLDECODE) : 0) == CURLUE_OK, let text else {
            return nil
        }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
