/// A person or a machine that mail comes from or goes to: `Trueup <trueup@example.com>`.
public struct Mailbox: Sendable, Hashable {
    /// In any script; `nil` where there is only an address.
    public var name: String?
    /// `local@domain`, ASCII.
    public var address: String

    /// - Throws: ``MailError`` for an address that does not fit into an SMTP command, or a name that would break out of
    ///   its header line.
    public init(name: String? = nil, address: String) throws(MailError) {
        guard Self.isSafe(address) else {
            throw MailError(.refusedAddress, "“\(MailError.printable(address))” is no mail address", origin: "")
        }
        if let name { try HeaderText.check(name, of: "the name of \(address)") }
        self.name = name.flatMap { $0.isEmpty ? nil : $0 }
        self.address = address
    }

    /// From `name@host` or `Name <name@host>`, as the settings have it. Quotes around the name are taken off.
    public init(parsing text: String) throws(MailError) {
        guard text.last == ">", let open = text.lastIndex(of: "<") else {
            try self.init(address: text)
            return
        }
        var name = text[..<open]
        while name.last == " " { name.removeLast() }
        let isQuoted = name.count >= 2 && name.first == "\"" && name.last == "\""
        if isQuoted { name = name.dropFirst().dropLast() }
        guard isQuoted || !name.contains(where: { "<>\"".contains($0) }) else {
            throw MailError(.refusedAddress, "“\(MailError.printable(text))” is no mailbox", origin: "")
        }
        try self.init(name: String(name), address: String(text[text.index(after: open)...].dropLast()))
    }

    /// The part after the `@`.
    public var domain: String {
        address.lastIndex(of: "@").map { String(address[address.index(after: $0)...]) } ?? ""
    }

    /// Only what stands in `<…>` of MAIL FROM and RCPT TO without quoting (RFC 5321, section 4.1.2): nothing in it can
    /// end the address or the command.
    private static func isSafe(_ address: String) -> Bool {
        let parts = address.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && address.utf8.count <= 254
            && address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>()[],;:\\\"".utf8.contains($0) }
    }
}
