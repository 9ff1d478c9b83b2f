/// A key or password: it prints as `***` everywhere, and only `expose()` gives it away.
///
/// ```swift
/// let key = Secret("sk_test_123")
/// print(key)                  // ***
/// authorize(key.expose())     // easy to find with grep
/// ```
public struct Secret: Sendable, Hashable {
    private let value: String

    public init(_ value: String) {
        self.value = value
    }

    /// The text itself. Every use is a place where it could leak.
    public func expose() -> String {
        value
    }

    /// Whether there is no text at all.
    public var isEmpty: Bool {
        value.isEmpty
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
