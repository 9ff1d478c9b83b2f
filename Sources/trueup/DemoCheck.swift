import Reconciliation
import Runner
import Sandbox

/// Holds what a run found against what was planted, class by class.
struct DemoCheck {
    private let history: CreditHistory
    /// Which planting an invoice or an order belongs to.
    private let plantOf: [String: Plant]
    private(set) var failures: [String] = []

    init(history: CreditHistory) {
        self.history = history
        var plantOf: [String: Plant] = [:]
        for order in history.orders {
            guard let plant = history.plant(at: order.index) else { continue }
            if let invoice = order.invoice { plantOf["invoice \(invoice.id)"] = plant }
            if let row = order.row { plantOf["order \(row.id)"] = plant }
        }
        self.plantOf = plantOf
    }

    private func plant(of finding: ReportedFinding) -> Plant? {
        plantOf["order \(finding.localID)"] ?? plantOf["invoice \(finding.stripeID)"]
    }

    /// Planted, found and repaired as text; differences are noted as failures.
    mutating func table(_ result: RunResult) -> String {
        var found: [Plant: Int] = [:]
        var repaired: [Plant: Int] = [:]
        for finding in result.findings {
            guard let plant = plant(of: finding), plant.kind == finding.kind.rawValue else {
                failures.append(
                    "\(finding.kind.rawValue) was found for \(finding.stripeID) / order \(finding.localID), which was "
                        + "not planted: \(finding.explanation)")
                continue
            }
            found[plant, default: 0] += 1
            if finding.closedHow == .repaired { repaired[plant, default: 0] += 1 }
        }
        var table = TextTable(
            headings: ["   planted (Stripe, local)", "finding", "planted", "found", "repaired", "left", ""],
            rightAligned: [2, 3, 4, 5])
        for plant in Plant.allCases {
            guard let planted = history.plants[plant] else { continue }
            let expected = planted * plant.findings
            let repairs = plant.action == .apply ? expected : 0
            let (f, r) = (found[plant] ?? 0, repaired[plant] ?? 0)
            let isRight = f == expected && r == repairs
            if !isRight {
                failures.append(
                    "\(plant.rawValue): expected \(expected) found and \(repairs) repaired, got \(f) and \(r)")
            }
            table.rows.append([
                "   " + plant.rawValue, plant.kind ?? "agrees", String(planted), String(f), String(r), String(f - r),
                isRight ? "✓" : "✗",
            ])
        }
        return table.lines.joined(separator: "\n")
    }

    /// The balances grew by exactly what was missed.
    mutating func checkBalances(before: [Int64: Int64], after: [Int64: Int64]) {
        let failuresBefore = failures.count
        let expected = history.expectedGrants
        for (agency, balance) in after {
            let grown = balance - (before[agency] ?? 0)
            if grown != expected[agency] ?? 0 {
                failures.append(
                    "agency \(agency): \(grown) credits were granted, \(expected[agency] ?? 0) were missing")
            }
        }
        let total = expected.values.reduce(0, +)
        let verdict = failures.count == failuresBefore ? "exactly what was missing" : "NOT what was missing"
        Terminal.print("\n   balances: +\(Money.grouped(total)) credits over \(expected.count) agencies, \(verdict)")
    }

    /// `4 (one, two, three, …)`.
    private static func some(_ words: Set<String>) -> String {
        let shown = words.sorted().prefix(3) + (words.count > 3 ? ["…"] : [])
        return "\(words.count)" + (words.isEmpty ? "" : " (\(shown.joined(separator: ", ")))")
    }

    /// The second run repairs nothing and finds only what was left.
    mutating func checkSecond(_ second: RunResult, first: RunResult, balances: [Int64: Int64]) {
        let repaired = second.findings.count { $0.closedHow == .repaired }
        if repaired > 0 { failures.append("the second run repaired \(repaired) again") }
        let left = Set(first.findings.filter { $0.closedHow == nil }.map { "\($0.kind) \($0.stripeID) \($0.localID)" })
        let seen = Set(second.findings.map { "\($0.kind) \($0.stripeID) \($0.localID)" })
        if left != seen {
            failures.append(
                "the second run sees other differences than the first left: "
                    + "\(Self.some(left.subtracting(seen))) missing, "
                    + "\(Self.some(seen.subtracting(left))) new")
        }
    }
}
