/// Where a server of Trueup's listens: an address and a port, as a person writes it.
///
/// Listening beyond the loopback has to be said in full: a port alone, or `:port`, means 127.0.0.1.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address, or a host's name, without brackets.
    public let host: String

    /// 0 to 65535; 0 lets the system choose one.
    public private(set) var port: Int

    /// - Parameter text: `8080`, `127.0.0.1:8080`, `[::1]:8080` or `0.0.0.0:8080`.
    /// - Returns: nil if it has none of these forms.
    public init?(_ text: String) {
        let host: Substring
        let port: Substring
        if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        } else {
            host = ""
            port = text[...]
        }
        guard !port.isEmpty, port.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(port),
            (0...65_535).contains(number)
        else { return nil }
        self.port = number
        switch (host.first, host.last) {
        case (nil, _): self.host = "127.0.0.1"
        case ("["?, "]"?) where host.count > 2: self.host = String(host.dropFirst().dropLast())
        case _ where !host.contains(where: { ":[]/ ".contains($0) }): self.host = String(host)
        default: return nil
        }
    }

    /// A port of this machine that no other reaches.
    public static func loopback(port: Int) -> ListenAddress { ListenAddress(host: "127.0.0.1", port: port) }

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// The same place with another port, such as the one that the system chose.
    public func with(port: Int) -> ListenAddress {
        var copy = self
        copy.port = port
        return copy
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.split(separator: ".").count == 4 && host.hasPrefix("127.")
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
