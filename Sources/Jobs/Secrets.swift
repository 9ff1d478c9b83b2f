import Curl
import Schedule

/// Secrets come from the environment, or from a file that the environment names: `NAME`, else the content of the file
/// in `NAME_FILE` (as Docker and systemd credentials hand them out). Setting both is an error, since one would be
/// ignored in silence.
public enum Secrets {
    /// A secret and what is worth a word about where it came from.
    public struct Found: Sendable {
        public let secret: Secret
        /// For people, such as that the file can be read by everybody on the machine.
        public let warnings: [String]
    }

    /// The secret of that name.
    /// - Parameters:
    ///   - name: the environment variable, as the settings name it (`secret_key_env`).
    ///   - environment: usually `ProcessInfo.processInfo.environment`.
    public static func secret(named name: String, environment: [String: String]) throws(SecretError) -> Secret {
        try find(name, environment: environment).secret
    }

    /// As ``secret(named:environment:)``, with warnings.
    public static func find(_ name: String, environment: [String: String]) throws(SecretError) -> Found {
        let value = environment[name] ?? ""
        let path = environment[name + "_FILE"] ?? ""
        switch (value.isEmpty, path.isEmpty) {
        case (true, true):
            // Somebody meant to set it: a variable of a shell that was empty, say.
            for tried in [name, name + "_FILE"] where environment[tried] != nil { throw .empty(tried) }
            throw .unset(name)
        case (false, false): throw .setTwice(name)
        case (false, true): return Found(secret: Secret(try checked(value, name: name)), warnings: [])
        case (true, false): return try read(path, name: name)
        }
    }

    private static func read(_ path: String, name: String) throws(SecretError) -> Found {
        let variable = name + "_FILE"
        let content: (bytes: [UInt8], facts: FileFacts)
        switch readFileWithFacts(path, limitBytes: 64 * 1024) {
        case .success(let read): content = read
        case .failure(let failure) where failure.isTooLarge:
            throw .unreadable(variable, path: path, reason: "larger than 64 KiB")
        case .failure(let failure):
            let reason = failure.isNotRegular ? "not a regular file" : failure.reason
            throw .unreadable(variable, path: path, reason: reason)
        }
        guard let text = String(validating: content.bytes, as: UTF8.self) else {
            throw .unreadable(variable, path: path, reason: "not UTF-8 text")
        }
        var value = text.unicodeScalars[...]
        while let last = value.last, last == "\n" || last == "\r" { value.removeLast() }
        guard !value.isEmpty else { throw .unreadable(variable, path: path, reason: "empty") }
        let warnings =
            content.facts.isWorldReadable
            ? ["\(variable) names \(path), which every user of this machine can read; chmod 600 it"] : []
        return Found(secret: Secret(try checked(String(value), name: variable)), warnings: warnings)
    }

    /// A line break or a space at either end would become part of an HTTP header, or of an answer that nobody
    /// understands. Spaces inside are left alone: a database may be named as `host=… dbname=…`.
    private static func checked(_ value: String, name: String) throws(SecretError) -> String {
        let hasControl = value.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        if hasControl || value.hasPrefix(" ") || value.hasSuffix(" ") {
            throw .hasWhitespace(name)
        }
        return value
    }
}

/// Why a secret cannot be had. Never with a part of its value.
public enum SecretError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Neither the variable nor its `_FILE` twin is set.
    case unset(String)
    /// The variable, or its `_FILE` twin, is set and holds nothing.
    case empty(String)
    /// Both are set.
    case setTwice(String)
    /// The file that `NAME_FILE` names cannot be used.
    case unreadable(String, path: String, reason: String)
    /// The value holds a line break or a control character, or a space at one end.
    case hasWhitespace(String)

    public var description: String {
        switch self {
        case .unset(let name):
            "the environment variable \(name) is not set; set it, or \(name)_FILE to the path of a file with the value"
        case .empty(let name):
            "the environment variable \(name) is empty; give it its value, or unset it"
        case .setTwice(let name):
            "both \(name) and \(name)_FILE are set; unset one of them"
        case .unreadable(let name, let path, let reason):
            "\(name) names \(path), which cannot be used: \(reason)"
        case .hasWhitespace(let name):
            "the value of \(name) holds a line break, a control character or a space at one end; set the bare value"
        }
    }
}
