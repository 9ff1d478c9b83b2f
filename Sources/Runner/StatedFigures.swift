import Reconciliation
import Reports

/// What a report states, as its readers compare it with the one before: the verdict, every agency and every line of
/// charges that is out, explained or not known, and every open item with its effects and its age.
///
/// What moves every day and is no difference (balances, what was bought and consumed on both sides) is no part of it.
struct StatedFigures: Sendable, Hashable {
    /// Of all of it: two reports with one hash state the same.
    let sha256: String

    /// - Throws: `ReportError` where libcrypto has no SHA-256.
    init(_ report: DiscrepancyReport) throws {
        let statement = report.statement
        var lines = [statement.state.rawValue, ReportVerdict.line(statement)]
        lines += [SignedChanges.sentence(report)].compactMap(\.self)
        lines += statement.agencies.compactMap(Self.line)
        lines += statement.charges.compactMap(Self.line)
        lines += statement.items.map { Self.line($0, cutOffSeconds: statement.cutOff.seconds) }
        sha256 = try FileDigest.sha256(Array(lines.joined(separator: "\n").utf8))
    }

    /// `nil` for an agency in balance.
    private static func line(_ agency: AgencyStatement) -> String? {
        let rollForward = agency.rollForward?.unexplained ?? 0
        let isQuiet =
            agency.difference == 0 && agency.unexplained == 0 && agency.explained == 0
            && agency.unexplainedBought == 0 && agency.unexplainedMoney.isEmpty && rollForward == 0
        guard !isQuiet else { return nil }
        let figures: [Int64?] = [
            agency.difference, agency.explained, agency.unexplained, agency.unexplainedBought, rollForward,
        ]
        return words(
            "agency", id(agency.activity.agencyID), figures.map(Self.number) + agency.unexplainedMoney.map(Self.money))
    }

    /// `nil` for charges that agree.
    private static func line(_ charges: ChargeLine) -> String? {
        // No count of charges is near the bounds of an Int64.
        let more = charges.activity.recorded.map { $0.count &- charges.activity.charged.count }
        guard charges.difference != 0 || charges.unexplained != 0 || charges.explained != 0 || more != 0 else {
            return nil
        }
        let figures: [Int64?] = [charges.difference, charges.explained, charges.unexplained, more]
        return words(
            "charges", id(charges.activity.agencyID), [charges.activity.currency] + figures.map(Self.number))
    }

    private static func line(_ item: StatementItem, cutOffSeconds: Int64) -> String {
        let days = Aging.days(sinceSeconds: item.sinceSeconds, cutOffSeconds: cutOffSeconds)
        let effects = item.amountEffects.map(Self.money).sorted()
        return words(
            "item", item.id,
            [
                id(item.agencyID), item.kind.rawValue, item.scope.rawValue, "\(item.isInformation)",
                "\(item.isAccepted)", AgingBucket(days: days).label, "\(item.creditsEffect)",
            ] + effects)
    }

    private static func words(_ what: String, _ id: String, _ more: [String]) -> String {
        ([what, id] + more).joined(separator: "\t")
    }

    private static func id(_ agencyID: Int64?) -> String { agencyID.map { String($0) } ?? "none" }
    private static func number(_ figure: Int64?) -> String { figure.map { String($0) } ?? "unknown" }
    private static func money(_ money: Money) -> String { "\(money.minorUnits) \(money.currency)" }
}
