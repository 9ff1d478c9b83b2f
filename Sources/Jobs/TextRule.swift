import Schedule

/// What a text value must look like. The pattern is for editors, the check is what counts.
package struct TextRule: Sendable {
    /// After "expected": `an environment variable's name, such as STRIPE_SECRET_KEY`.
    package let expectation: String
    /// Several of them: `account names`.
    package let plural: String
    /// An ECMA 262 pattern that every valid text matches.
    package let pattern: String
    /// The value may be a secret by mistake, so it is never printed.
    package let mayBeSecret: Bool
    /// Whether plain `5`, `true` and the like are this text, too.
    package let takesAnyScalar: Bool
    package let isValid: @Sendable (String) -> Bool

    package init(
        _ expectation: String, plural: String = "texts", pattern: String, mayBeSecret: Bool = false,
        takesAnyScalar: Bool = false, isValid: @escaping @Sendable (String) -> Bool
    ) {
        self.expectation = expectation
        self.plural = plural
        self.pattern = pattern
        self.mayBeSecret = mayBeSecret
        self.takesAnyScalar = takesAnyScalar
        self.isValid = isValid
    }
}

extension TextRule {
    package static let sentence = TextRule("a text of at most 500 characters", pattern: #"^[^\x00-\x08]{1,500}$"#) {
        !$0.isEmpty && $0.unicodeScalars.count <= 500
            && $0.unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" || $0 == "\t" }
    }

    package static let environmentName = TextRule(
        "the name of an environment variable, such as STRIPE_SECRET_KEY", pattern: "^[A-Z_][A-Z0-9_]{0,127}$",
        mayBeSecret: true
    ) { matches($0, first: { isUpper($0) || $0 == "_" }, rest: { isUpper($0) || isDigit($0) || $0 == "_" }, 128) }

    package static let accountName = TextRule(
        "an account's name: lower-case letters, digits and _", plural: "account names",
        pattern: "^[a-z][a-z0-9_]{0,31}$"
    ) { matches($0, first: isLower, rest: { isLower($0) || isDigit($0) || $0 == "_" }, 32) }

    package static let jobName = TextRule(
        "a job's name: lower-case letters, digits, - and _", pattern: "^[a-z0-9][a-z0-9_-]{0,62}$"
    ) {
        matches(
            $0, first: { isLower($0) || isDigit($0) }, rest: { isLower($0) || isDigit($0) || $0 == "_" || $0 == "-" },
            63)
    }

    /// PostgreSQL keeps 63 bytes of an identifier. Anything is quoted before use; what is refused here are the
    /// characters that no sane table has and that would hide in a log.
    package static let identifier = TextRule(
        "a table's or column's name of at most 63 characters: letters, digits, _ and $, not beginning with a digit",
        pattern: "^[A-Za-z_][A-Za-z0-9_$]{0,62}$"
    ) { text in
        matches(
            text, first: { isUpper($0) || isLower($0) || $0 == "_" },
            rest: { isUpper($0) || isLower($0) || isDigit($0) || $0 == "_" || $0 == "$" }, 63)
    }

    package static let apiVersion = TextRule(
        "a Stripe API version, such as 2023-10-16 or 2026-07-29.dahlia",
        pattern: #"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?$"#
    ) { text in
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 2 && isDate(parts[0])
            && parts.dropFirst().allSatisfy { !$0.isEmpty && $0.unicodeScalars.allSatisfy(isLower) }
    }

    package static let accountID = TextRule("a Stripe account id, acct_…", pattern: "^acct_[A-Za-z0-9_]{1,64}$") {
        $0.hasPrefix("acct_")
            && matches(
                String($0.dropFirst(5)), first: { isUpper($0) || isLower($0) || isDigit($0) || $0 == "_" },
                rest: { isUpper($0) || isLower($0) || isDigit($0) || $0 == "_" }, 64)
    }

    package static let apiBase = TextRule(
        "https://HOST, or http://127.0.0.1:PORT for a stand-in on this machine (without path, user or password)",
        pattern: #"^(https://[A-Za-z0-9.:\[\]-]+|http://(127\.[0-9.]+|localhost|\[::1\])(:[0-9]+)?)/?$"#
    ) { WebAddress.isAPIBase($0) }

    package static let emailAddress = TextRule(
        "a mail address, such as finance@example.com",
        pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"
    ) { isAddress($0[...]) }

    package static let mailbox = TextRule(
        "a sender, such as Trueup <trueup@example.com>", pattern: "^([^<>\"\\x00-\\x1f]* <)?[^<>@ ]+@[A-Za-z0-9.-]+>?$"
    ) { text in
        guard let open = text.firstIndex(of: "<") else { return isAddress(text[...]) }
        guard text.last == ">" else { return false }
        let name = text[..<open]
        return name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\"" && $0 != ">" && $0.value != 0x7F }
            && isAddress(text[text.index(after: open)...].dropLast())
    }

    package static let relativePath = TextRule(
        "a relative path without .. , such as reports", pattern: "^[^/\\x00-\\x1f][^\\x00-\\x1f]{0,254}$"
    ) { text in
        !text.isEmpty && text.utf8.count <= 255 && !text.hasPrefix("/")
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            && !text.split(separator: "/").contains("..")
    }

    /// As Amazon has it, without dots: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    package static let bucket = TextRule(
        "a bucket's name: 3 to 63 lower-case letters, digits and -", pattern: "^[a-z0-9][a-z0-9-]{2,62}$"
    ) { text in
        text.utf8.count >= 3
            && matches(
                text, first: { isLower($0) || isDigit($0) }, rest: { isLower($0) || isDigit($0) || $0 == "-" }, 63)
    }

    package static let region = TextRule(
        "a region, such as us-east-1", pattern: "^[a-z][a-z0-9-]{0,31}$"
    ) { matches($0, first: isLower, rest: { isLower($0) || isDigit($0) || $0 == "-" }, 32) }

    package static let objectPrefix = TextRule(
        "folders of a bucket without a slash at the ends, such as trueup/reports",
        pattern: "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
    ) { text in
        text.utf8.count <= 255
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty
                    && part.unicodeScalars.allSatisfy {
                        isUpper($0) || isLower($0) || isDigit($0) || $0 == "-" || $0 == "_"
                    }
            }
    }

    package static let timeOfDay = TextRule(
        "a time of day, such as \"00:00\"", pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", takesAnyScalar: true
    ) { TimeOfDay($0) != nil }

    package static let date = TextRule(
        "a date, such as 2026-03-01", pattern: "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
    ) { CivilDate($0) != nil }

    /// Checked when the file is read on, where the message can say more.
    package static let schedule = TextRule(
        "a cron expression, such as \"15 2 * * *\"", pattern: "^[^\\x00-\\x08]{1,1000}$"
    ) { _ in true }

    package static let timeZone = TextRule(
        "an IANA time zone, such as America/New_York", pattern: "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$"
    ) { _ in true }
}

extension TextRule {
    private static func isUpper(_ scalar: Unicode.Scalar) -> Bool { ("A"..."Z").contains(scalar) }
    private static func isLower(_ scalar: Unicode.Scalar) -> Bool { ("a"..."z").contains(scalar) }
    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private static func matches(
        _ text: String, first: (Unicode.Scalar) -> Bool, rest: (Unicode.Scalar) -> Bool, _ longest: Int
    ) -> Bool {
        let scalars = text.unicodeScalars
        guard let head = scalars.first, first(head), scalars.count <= longest else { return false }
        return scalars.dropFirst().allSatisfy(rest)
    }

    private static func isDate(_ text: Substring) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map(\.utf8.count) == [4, 2, 2] && parts.allSatisfy { $0.unicodeScalars.allSatisfy(isDigit) }
    }

    /// The part of RFC 5322's addresses that people use: no quotes, no comments, no other scripts.
    private static func isAddress(_ text: Substring) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, text.utf8.count <= 254 else { return false }
        let local = parts[0].unicodeScalars.allSatisfy {
            isUpper($0) || isLower($0) || isDigit($0) || ".!#$%&'*+/=?^_`{|}~-".unicodeScalars.contains($0)
        }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return local
            && labels.allSatisfy { label in
                !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.unicodeScalars.allSatisfy { isUpper($0) || isLower($0) || isDigit($0) || $0 == "-" }
            }
    }
}

/// `HH:MM`.
package struct TimeOfDay: Sendable, Hashable {
    package let hour: Int
    package let minute: Int

    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), hour <= 23, minute <= 59
        else { return nil }
        self.hour = hour
        self.minute = minute
    }
}

/// The addresses that a key may be sent to.
package enum WebAddress {
    /// `https://host[:port]`, or `http` on loopback; no path, query, user or password.
    package static func isAPIBase(_ text: String) -> Bool {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://"), text.utf8.count <= 255 else { return false }
        var rest = text.dropFirst(isSecure ? 8 : 7)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let (host, port) = split(rest), isHost(host) else { return false }
        if let port {
            guard port.utf8.count <= 5, port.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(port),
                (1...65_535).contains(number)
            else { return false }
        }
        return isSecure || isLoopback(host)
    }

    private static func split(_ text: Substring) -> (host: Substring, port: Substring?)? {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            let after = text[text.index(after: close)...]
            if after.isEmpty { return (text[...close], nil) }
            return after.hasPrefix(":") ? (text[...close], after.dropFirst()) : nil
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return nil }
        return (parts[0], parts.count == 2 ? parts[1] : nil)
    }

    private static func isHost(_ host: Substring) -> Bool {
        if host.hasPrefix("[") { return host.dropFirst().dropLast().utf8.allSatisfy { isHexOrColon($0) } }
        return !host.isEmpty && !host.hasPrefix(".") && !host.hasPrefix("-")
            && host.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || byte == 45 || byte == 46
            }
    }

    private static func isHexOrColon(_ byte: UInt8) -> Bool {
        (48...58).contains(byte) || (65...70).contains(byte & 0xDF)
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.count <= 3 && part.utf8.allSatisfy { (48...57).contains($0) } && Int(part) ?? 256 <= 255
            }
    }
}
