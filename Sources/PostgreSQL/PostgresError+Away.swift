extension PostgresError {
    /// Whether a connection could not be opened because the server is not there, or not yet, or has no place: what may
    /// be otherwise in a moment. What the server says against the one who asks (a wrong password, an unknown database
    /// or role) is not of that kind.
    ///
    /// libpq gives no SQLSTATE of a refused connection, only text, which a server may have translated; the severity
    /// FATAL is left as it is in most languages.
    public var isServerAway: Bool {
        guard case .connection(let reason, let server) = kind else { return false }
        if let code = server?.sqlState { return code.hasPrefix("57P") || code.hasPrefix("53") }
        guard reason.contains("FATAL:") else { return !Self.isWrong(reason) }
        return Self.passing.contains { reason.contains($0) }
    }

    /// What a server says that starts, stops, recovers or is full.
    private static let passing = [
        "is starting up", "is shutting down", "in recovery mode", "not yet accepting connections",
        "not accepting connections", "too many clients", "connection slots", "too many connections",
        "terminating connection",
    ]

    /// What libpq itself says of a connection that can never be made as it was asked for.
    private static func isWrong(_ reason: String) -> Bool {
        [
            "no password supplied", "authentication", "invalid connection option", "invalid port number",
            "invalid sslmode", "does not support SSL", "certificate", "private key file",
        ].contains { reason.contains($0) }
    }
}
