/// Why a text is not a cron expression: which field, which words in it, and what is allowed there.
public struct CronError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The expression as given.
    public let expression: String
    /// `second`, `minute`, `hour`, `day of month`, `month`, `day of week`, or `nil` when the whole is meant.
    public let field: String?
    /// Where the offending part begins, in Unicode scalars from 0.
    public let offset: Int
    /// What is wrong and what would be right.
    public let message: String

    package init(_ expression: String, field: String? = nil, offset: Int = 0, _ message: String) {
        self.expression = expression
        self.field = field
        self.offset = offset
        self.message = message
    }

    public var description: String {
        field.map { "\($0): \(message)" } ?? message
    }
}
