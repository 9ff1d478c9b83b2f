import Jobs
import PostgreSQL
import Reconciliation
import Schedule
import Store

/// Tells people of occurrences: those that did not run, and those that were given up. Also of what was missed while no
/// scheduler ran or the machine slept, once one looks again.
///
/// Any process of the schedule may do it at any time; each occurrence is told of once.
public struct OccurrenceAlerts: Sendable {
    private let book: JobBook
    private let occurrences: Occurrences

    /// Missed occurrences of one job are named one by one up to so many.
    private static let namedMax = 10

    public init(book: JobBook, occurrences: Occurrences) {
        self.book = book
        self.occurrences = occurrences
    }

    /// Looks for ended occurrences that nobody was told of, and puts the messages about them into the outbox.
    /// - Returns: how many occurrences were news.
    public func tell() async throws -> Int {
        let set = book.jobs
        return try await occurrences.tellEnded(of: set.jobs.map(\.name)) { ended, connection in
            for (name, own) in Dictionary(grouping: ended, by: \.job).sorted(by: { $0.key < $1.key }) {
                guard let definition = set.job(named: name) else { continue }
                let alerts = Alerts(definition, delivery: set.settings.delivery)
                try await Self.tell(own, definition, alerts, on: connection)
            }
        }
    }

    private static func tell(
        _ ended: [Occurrence], _ definition: JobDefinition, _ alerts: Alerts, on connection: Connection
    ) async throws {
        let missed = ended.filter { $0.state == .missed || $0.state == .skipped && $0.reason != "paused" }
        if alerts.wants(.missed), let last = missed.last {
            // An overlap comes again with every occurrence until the long run ends: once a day is enough.
            let isOverlap = missed.allSatisfy { $0.reason == NotRunReason.overlap.rawValue }
            let key =
                isOverlap
                ? "overlap/\(definition.name)/\(last.scheduledSeconds / 86_400)"
                : "missed/\(definition.name)/\(last.scheduledSeconds)"
            _ = try await alerts.enqueue(text(missed, definition), key: key, on: connection)
        }
        for one in ended where one.state == .failed && alerts.wants(.failure) {
            _ = try await alerts.enqueue(
                text(failed: one, definition), key: "failed/\(one.job)/\(one.scheduledSeconds)", on: connection)
        }
        guard case .report = definition.kind else { return }
        for one in ended where one.state == .done {
            let event: NotifyEvent = one.result == "clean" ? .success : .drift
            guard alerts.wants(event) else { continue }
            _ = try await alerts.enqueue(
                text(report: one, definition), key: "report/\(one.job)/\(one.scheduledSeconds)", on: connection)
        }
    }

    private static func text(_ missed: [Occurrence], _ definition: JobDefinition) -> Alerts.Text {
        let count = missed.count == 1 ? "it did not run" : "\(missed.count) times it did not run"
        var lines = ["\(definition.name) did not run when it was due:", ""]
        lines += missed.suffix(namedMax).map { "\(time($0, definition)): \(words($0.reason))" }
        if missed.count > namedMax { lines.append("… and \(missed.count - namedMax) earlier times") }
        return Alerts.Text(
            subject: "\(definition.name): \(count)",
            lines: lines + ["", "To run it now: trueup run \(definition.name)", "See: trueup runs --missed"])
    }

    private static func text(failed one: Occurrence, _ definition: JobDefinition) -> Alerts.Text {
        let attempts = one.failures == 1 ? "1 attempt" : "\(one.failures) attempts"
        return Alerts.Text(
            subject: "\(definition.name) failed (\(one.reason ?? "error"))",
            lines: [
                "\(definition.name), due at \(time(one, definition)), was given up after \(attempts): "
                    + "\(one.reason ?? "error").",
                one.detail ?? "", "",
                "See: " + (one.runID.map { "trueup runs \($0)" } ?? "trueup runs --job \(definition.name)"),
            ])
    }

    private static func text(report one: Occurrence, _ definition: JobDefinition) -> Alerts.Text {
        let isClean = one.result == "clean"
        return Alerts.Text(
            subject: "\(definition.name): \(isClean ? "clean" : "differences remain")",
            lines: [
                "\(definition.name), due at \(time(one, definition)), was made: \(one.detail ?? "").", "",
                "See: trueup report list",
            ])
    }

    private static func time(_ one: Occurrence, _ definition: JobDefinition) -> String {
        ISOTime.text(one.scheduledSeconds, in: definition.zone)
    }

    /// The reasons in words.
    private static func words(_ reason: String?) -> String {
        switch reason.flatMap(NotRunReason.init) {
        case .overlap: "an earlier run was still under way"
        case .missedDown: "no scheduler ran, or the machine slept"
        case .supersededByLatest: "no scheduler ran; the latest occurrence covers its time"
        case .pastDeadline: "no worker was free before its deadline"
        case .beyondCatchUp: "no scheduler ran, and it is older than catch_up goes back"
        case .afterNeverEnded: "a job that it comes after never ended"
        case .paused, nil: reason ?? "unknown"
        }
    }
}
