import Foundation
import Jobs
import Logging
import Schedule

/// Writes log records as lines: for people, or as JSON for machines.
///
/// ```
/// 2026-11-29 02:15:04 UTC  warning  credit-invoices: the ping did not arrive: the service answered 500
/// {"time":"2026-11-29T02:15:04.120Z","level":"warning","message":"note","text":"credit-invoices: the ping …"}
/// ```
///
/// Messages are constant; what changes is metadata under dotted keys (`trueup.run.id`, `trueup.job`), which are flat
/// keys of the JSON object. A record may carry its sentence for people under ``textKey``: then text lines show that
/// and nothing else. Secrets never get this far: errors mask what looks like a key where they are made.
struct LogLineHandler: LogHandler {
    enum Format: String, CaseIterable, Sendable {
        case text, json
    }

    /// The metadata key of the sentence for people; in JSON it is `text`.
    static let textKey = "trueup.text"

    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    var metadataProvider: Logger.MetadataProvider?
    private let format: Format
    private let now: @Sendable () -> Date
    private let output: @Sendable (String) -> Void

    /// - Parameters:
    ///   - level: what is less is not written.
    ///   - output: takes one whole line, with its end.
    init(
        _ format: Format, level: Logger.Level = .info, now: @escaping @Sendable () -> Date = { Date() },
        output: @escaping @Sendable (String) -> Void
    ) {
        self.format = format
        self.now = now
        self.output = output
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }
        all.merge(event.metadata ?? [:]) { $1 }
        switch format {
        case .text: output(textLine(event, all))
        case .json: output(jsonLine(event, all))
        }
    }

    private func textLine(_ event: LogEvent, _ all: Logger.Metadata) -> String {
        var words = [isoTime(Int64(now().timeIntervalSince1970))]
        if event.level >= .warning || event.level < .info { words.append(event.level.rawValue) }
        if let sentence = all[Self.textKey] {
            words.append("\(sentence)")
        } else {
            words.append(event.message.description)
            words += all.sorted { $0.key < $1.key }.map { "\($0.key)=\(printable("\($0.value)"))" }
        }
        return words.joined(separator: "  ") + "\n"
    }

    private func jsonLine(_ event: LogEvent, _ all: Logger.Metadata) -> String {
        var fields = [
            ("time", Self.time(now())), ("level", event.level.rawValue), ("message", event.message.description),
        ]
        fields += all.sorted { $0.key < $1.key }.map { ($0.key == Self.textKey ? "text" : $0.key, "\($0.value)") }
        return "{" + fields.map { "\(JSONText.quoted($0)):\(JSONText.quoted($1))" }.joined(separator: ",") + "}\n"
    }

    /// RFC 3339 in UTC, with milliseconds.
    private static func time(_ date: Date) -> String {
        let milliseconds = Int64((date.timeIntervalSince1970 * 1_000).rounded(.down))
        let rest = String(1_000 + milliseconds % 1_000).dropFirst()
        return ISOTime.text(milliseconds / 1_000, in: .utc).prefix(19) + ".\(rest)Z"
    }
}
