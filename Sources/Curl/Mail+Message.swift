// The message as it goes over the wire: RFC 5322 with RFC 2045's parts. Written here and not with libcurl's MIME
// interface, so that it can be looked at without a server and is the same for every attempt.
extension Mail {
    /// The line end before a boundary belongs to the boundary (RFC 2046, section 5.1.1): a part keeps its own by one
    /// more. Neither Base64 nor quoted-printable ever has "=_", so no part can hold these.
    private static let mixedBoundary = "=_trueup_mixed"
    private static let alternativeBoundary = "=_trueup_alternative"
    /// Headers that the message has anyway, or that would change who gets it.
    private static let ownHeaders: Set<String> = [
        "from", "to", "cc", "bcc", "sender", "reply-to", "return-path", "subject", "date", "message-id", "mime-version",
        "auto-submitted",
    ]

    /// The whole message with CRLF at the end of every line.
    /// - Throws: ``MailError`` of kind `refusedHeader` or `refusedAddress`.
    func message() throws(MailError) -> [UInt8] {
        try checkHeaders()
        var out: [UInt8] = []
        func add(_ text: String) { out += text.utf8 }
        add(HeaderText.line("Date", structured: HeaderText.date(dateSeconds)))
        add(HeaderText.line("From", [from]))
        add(HeaderText.line("To", to))
        add(HeaderText.line("Subject", unstructured: subject))
        add(HeaderText.line("Message-ID", structured: "<\(messageID)>"))
        // RFC 3834: keeps holiday answers away.
        add(HeaderText.line("Auto-Submitted", structured: "auto-generated"))
        for header in headers { add(HeaderText.line(header.name, unstructured: header.value)) }
        add("MIME-Version: 1.0\r\n")
        if attachments.isEmpty {
            appendContent(to: &out)
        } else {
            add("Content-Type: multipart/mixed;\r\n boundary=\"\(Self.mixedBoundary)\"\r\n")
            add("\r\n--\(Self.mixedBoundary)\r\n")
            appendContent(to: &out)
            for attachment in attachments {
                add("\r\n--\(Self.mixedBoundary)\r\n")
                append(attachment, to: &out)
            }
            add("\r\n--\(Self.mixedBoundary)--\r\n")
        }
        return out
    }

    private func appendContent(to out: inout [UInt8]) {
        guard let html else { return appendText(text, "plain", to: &out) }
        out += "Content-Type: multipart/alternative;\r\n boundary=\"\(Self.alternativeBoundary)\"\r\n".utf8
        for (content, subtype) in [(text, "plain"), (html, "html")] {
            out += "\r\n--\(Self.alternativeBoundary)\r\n".utf8
            appendText(content, subtype, to: &out)
        }
        out += "\r\n--\(Self.alternativeBoundary)--\r\n".utf8
    }

    private func appendText(_ content: String, _ subtype: String, to out: inout [UInt8]) {
        out += "Content-Type: text/\(subtype); charset=utf-8\r\n".utf8
        out += "Content-Transfer-Encoding: quoted-printable\r\n\r\n".utf8
        TransferEncoding.appendQuotedPrintable(content, to: &out)
    }

    private func append(_ attachment: Attachment, to out: inout [UInt8]) {
        out += "Content-Type: \(attachment.contentType)\r\nContent-Transfer-Encoding: base64\r\n".utf8
        out += "Content-Disposition: attachment\(HeaderText.parameter("filename", attachment.name))\r\n\r\n".utf8
        TransferEncoding.appendBase64Lines(attachment.bytes, to: &out)
    }

    private func checkHeaders() throws(MailError) {
        try HeaderText.check(subject, of: "the subject")
        guard !to.isEmpty else { throw MailError(.refusedAddress, "the mail has no recipient", origin: "") }
        let isID =
            messageID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
            && messageID.utf8.count <= 200 && messageID.split(separator: "@").count == 2
        guard isID else { throw MailError(.refusedHeader, "the Message-ID is not left@right", origin: "") }
        for header in headers {
            let isToken =
                !header.name.isEmpty && header.name.utf8.count <= 60
                && header.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            let lower = header.name.lowercased()
            guard isToken, !Self.ownHeaders.contains(lower), !lower.hasPrefix("content-") else {
                throw MailError(
                    .refusedHeader, "“\(MailError.printable(header.name))” cannot be set as a further header",
                    origin: "")
            }
            try HeaderText.check(header.value, of: "the header \(header.name)")
        }
        for attachment in attachments { try Self.check(attachment) }
    }

    private static func check(_ attachment: Attachment) throws(MailError) {
        let name = attachment.name
        try HeaderText.check(name, of: "an attachment's name")
        guard !name.isEmpty, name.utf8.count <= 255, !name.contains("/"), !name.contains("\\") else {
            throw MailError(
                .refusedHeader, "an attachment's name is empty, longer than 255 bytes, or a path", origin: "")
        }
        let type = attachment.contentType
        // A charset may follow; no other parameter has been needed so far.
        let parts = type.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        let charset = parts.count == 2 ? parts[1].drop { $0 == " " } : "charset=utf-8"
        let word = parts[0]
        let isType =
            type.utf8.count <= 127 && charset.hasPrefix("charset=") && charset.count > 8
            && charset.dropFirst(8).utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            } && word.split(separator: "/", omittingEmptySubsequences: false).count == 2
            && word.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "/.+-".utf8.contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }
        guard isType else {
            throw MailError(
                .refusedHeader, "an attachment's content type is not type/subtype or type/subtype; charset=name",
                origin: "")
        }
    }
}
