import Reconciliation
import Reports
import Store

/// What came of a report.
public struct ReportResult: Sendable {
    /// Its number among the stored ones.
    public let id: Int64
    public let report: DiscrepancyReport
    /// The folder of its files.
    public let directory: String
    public let files: [StoredReport.File]
    /// The hash of its manifest.
    public let manifestHash: String
    /// A report of the same figures was there before, and this is that one.
    public let isRepeated: Bool
    /// It states something that a reader does not know yet from the last message that was sent of this job's reports.
    /// Where nobody is told, it is held against the report of the cut-off before.
    public let isChanged: Bool
    public var deliveries: [StoredReport.Delivery]

    public var state: StatementState { report.state }

    /// How many files are in the folder: those of the formats, and the manifest.
    public var fileCount: Int { files.count + 1 }

    /// The same after the outbox was sent, with what became of each message of the report, those of earlier attempts
    /// included that have not left.
    /// - Parameters:
    ///   - isSent: nothing kept the outbox from sending.
    ///   - patience: how long is waited for what another process is sending at this moment.
    public func settled(
        _ reports: StoredReports, isSent: Bool, patience: Duration = .zero
    ) async throws -> ReportResult {
        let all = try await reports.deliveries(of: id)
        let keys = all.compactMap { $0.messageKey(ofReport: id) }
        var messages = try await reports.messages(keys: keys)
        let end = ContinuousClock.now + patience
        while messages.contains(where: { $0.state == .sending }), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(250))
            messages = try await reports.messages(keys: keys)
        }
        var settled = self
        settled.deliveries = deliveries.filter { $0.messageKey(ofReport: id) == nil }
        for message in messages {
            guard var delivery = all.first(where: { $0.messageKey(ofReport: id) == message.dedupeKey }) else {
                continue
            }
            delivery.settle(message, isSent: isSent)
            // What was told before is told no second time.
            if delivery.outcome == .delivered, !deliveries.contains(where: { $0.isSame(as: delivery) }) { continue }
            settled.deliveries.append(delivery)
        }
        return settled
    }

    /// 0 clean, 1 a destination could not be reached, 2 differences are open, 3 incomplete. Of an incomplete one that
    /// did not reach everybody it is 1: its readers do not even know that it is.
    public var exitCode: Int32 {
        if !failedWays.isEmpty { return 1 }
        if state == .incomplete { return 3 }
        return state == .clean ? 0 : 2
    }

    /// The ways out on which it did not get there, each once.
    public var failedWays: [String] {
        var ways: [String] = []
        for delivery in deliveries where delivery.outcome == .failed && !ways.contains(delivery.destination) {
            ways.append(delivery.destination)
        }
        return ways
    }

    /// For a report on an unchanged night: proof that it ran.
    public var oneLine: String {
        let line =
            "\(state.rawValue), unchanged: \(ReportVerdict.line(report.statement, isBesideState: true)) · cut-off "
            + "\(report.statement.cutOff.localText) · report \(id)"
        let more = [report.shortHistory, SignedChanges.sentence(report)].compactMap { $0 }
        return ([line] + more).joined(separator: " · ")
    }
}

extension StoredReport.Delivery {
    fileprivate func isSame(as other: StoredReport.Delivery) -> Bool {
        destination == other.destination && address == other.address
    }

    /// What became of the message that carries it.
    fileprivate mutating func settle(_ message: OutboxMessage, isSent: Bool) {
        let why = message.lastError ?? ""
        switch message.state {
        case .sent: (outcome, detail) = (.delivered, why)
        case .sending:
            (outcome, detail) = (
                .failed,
                "another process is sending it, or was ended while it did; see trueup outbox list for message "
                    + "\(message.id)"
            )
        case .queued where isSent && why.isEmpty: break
        case .queued:
            (outcome, detail) = (.failed, "it waits in the outbox and is tried again" + (why.isEmpty ? "" : ": " + why))
        case .failed: (outcome, detail) = (.failed, why)
        case .unknown:
            (outcome, detail) = (
                .failed, "nobody knows whether it arrived; say so with trueup outbox settle \(message.id): \(why)"
            )
        }
    }
}
