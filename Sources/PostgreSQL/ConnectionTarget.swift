import CLibpq

/// Where a database is and how to get in: the parameters of
/// <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS>. What is not given comes from libpq's
/// own environment variables and files (`PGPASSWORD`, `~/.pgpass` and so on). No description shows a password.
public struct ConnectionTarget: Sendable {
    private var values: [String: String]

    /// From a URL (`postgresql://user:password@host:5432/database?sslmode=require`) or `key=value` pairs.
    public init(_ text: String) throws(PostgresError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            let reason = message.map { String(cString: $0) } ?? "out of memory"
            PQfreemem(message)
            throw PostgresError(
                .connection(
                    reason: "the connection string is malformed: \(withoutQuotedParts(trimmed(reason))). It is "
                        + "postgresql://user:password@host:port/database, or key=value words", server: nil))
        }
        defer { PQconninfoFree(options) }
        values = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
    }

    /// A server on this machine, reached through its Unix socket, without a password.
    public init(socketDirectory: String, port: Int = 5432, database: String, user: String) {
        values = ["host": socketDirectory, "port": String(port), "dbname": database, "user": user]
    }

    /// A host's name or address, or the directory of a Unix socket; `nil` where libpq's default counts.
    public var host: String? { values["host"] ?? values["hostaddr"] }
    /// The port; it also names the socket.
    public var port: String? { values["port"] }
    /// The database; `nil` where libpq's default counts, which is the user's name.
    public var database: String? { values["dbname"] }
    /// The role; `nil` where libpq's default counts.
    public var user: String? { values["user"] }
    /// Whether a password was given. It cannot be read back.
    public var hasPassword: Bool { values["password"] != nil }

    /// The same server and user, another database.
    public func with(database: String) -> ConnectionTarget {
        var copy = self
        copy.values["dbname"] = database
        return copy
    }

    /// libpq's own environment variables for the same connection, password included: for a child process such as psql,
    /// whose command line every user of the machine can read.
    public var childEnvironment: [String: String] {
        guard let options = PQconndefaults() else { return [:] }
        defer { PQconninfoFree(options) }
        var result: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let variable = option.pointee.envvar, let value = values[String(cString: keyword)] {
                result[String(cString: variable)] = value
            }
            option += 1
        }
        return result
    }

    /// How long an attempt to connect may take: `connect_timeout`, or 10 seconds.
    var connectTimeoutSeconds: Int {
        max(2, values["connect_timeout"].flatMap(Int.init) ?? 10)
    }

    /// What libpq is given. A dead peer is noticed within about a minute even where nothing is sent.
    func parameters(applicationName: String) -> [String: String] {
        let defaults = [
            "keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
            "tcp_user_timeout": "30000", "application_name": applicationName,
        ]
        var result = values.merging(defaults) { given, _ in given }
        result["client_encoding"] = "UTF8"
        return result
    }
}

extension ConnectionTarget: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `postgresql://user@host:port/database`, without password and options.
    public var description: String {
        let place = values["host"] ?? values["hostaddr"] ?? "localhost"
        let address = place.hasPrefix("/") ? "[\(place)]" : place
        return "postgresql://\(user.map { $0 + "@" } ?? "")\(address)\(port.map { ":" + $0 } ?? "")/\(database ?? "")"
    }

    public var debugDescription: String { description }

    /// `dump` would otherwise show the password.
    public var customMirror: Mirror { Mirror(self, children: ["target": description]) }
}

/// Without the line ends that libpq puts behind its messages.
func trimmed(_ text: String) -> String {
    var text = text[...]
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
}
