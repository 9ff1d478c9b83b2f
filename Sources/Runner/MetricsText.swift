/// Text in Prometheus' exposition format, version 0.0.4
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).
///
/// ```swift
/// var text = MetricsText()
/// text.family("trueup_up", .gauge, "Whether it runs.")
/// text.sample([("job", "credit-invoices")], 1)
/// ```
public struct MetricsText: Sendable {
    public enum Kind: String, Sendable {
        case counter, gauge, summary, histogram
    }

    /// Of the HTTP answer.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var lines: [String] = []
    private var name = ""

    public init() {}

    /// Begins a family of samples, which all follow before the next one. A family without samples is there with its
    /// name alone: what is unknown is not 0.
    /// - Parameter name: letters, digits and underscores; of a counter it ends with `_total`.
    public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        lines.append("# HELP \(name) \(Self.escaped(help))")
        lines.append("# TYPE \(name) \(kind.rawValue)")
    }

    /// One sample of the family.
    /// - Parameter suffix: `_sum` or `_count` of a summary, `_bucket` of a histogram.
    public mutating func sample(_ labels: [(String, String)] = [], _ value: Double, suffix: String = "") {
        let inner = labels.map { "\($0)=\"\(Self.escaped($1).replacing("\"", with: "\\\""))\"" }
        let braces = inner.isEmpty ? "" : "{\(inner.joined(separator: ","))}"
        lines.append("\(name)\(suffix)\(braces) \(Self.number(value))")
    }

    /// A histogram of the family, whose buckets are given one by one.
    /// - Parameters:
    ///   - bounds: of the buckets, ascending, each included in its bucket.
    ///   - counts: one for each bound, and one more for what lies above them all.
    public mutating func histogram(bounds: [Double], counts: [Int64], sum: Double) {
        var total: Int64 = 0
        for (bound, count) in zip(bounds + [.infinity], counts) {
            total += count
            sample([("le", Self.number(bound))], Double(total), suffix: "_bucket")
        }
        sample([], sum, suffix: "_sum")
        sample([], Double(total), suffix: "_count")
    }

    /// The whole, with a line break at its end.
    public var text: String { lines.map { $0 + "\n" }.joined() }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return String(value)
    }
}
