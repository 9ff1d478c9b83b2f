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
    /// There is something that the reader of the last report does not know yet.
    public let isChanged: Bool
    public var deliveries: [StoredReport.Delivery]

    public var state: StatementState { report.state }

    /// 0 clean, 1 a destination could not be reached, 2 differences are open, 3 incomplete.
    public var exitCode: Int32 {
        if state == .incomplete { return 3 }
        if deliveries.contains(where: { $0.outcome == .failed }) { return 1 }
        return state == .clean ? 0 : 2
    }

    /// For a report on an unchanged night: proof that it ran.
    public var oneLine: String {
        "\(state.rawValue), unchanged: \(ReportVerdict.line(report.statement)) · cut-off "
            + "\(report.statement.cutOff.localText) · report \(id)"
    }
}
