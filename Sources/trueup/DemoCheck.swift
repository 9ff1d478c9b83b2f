import Reconciliation
import Runner

/// Holds what the jobs of a night found and repaired against what was planted, class by class.
struct DemoCheck {
    let plantings: DemoPlantings
    private(set) var failures: [String] = []
    private var found: Set<DemoPlantings.Place> = []
    /// Which job repaired it.
    private var repaired: [DemoPlantings.Place: String] = [:]
    /// Which jobs found something of a class.
    private var finders: [Int: Set<String>] = [:]

    init(_ plantings: DemoPlantings) { self.plantings = plantings }

    /// What nobody has repaired so far.
    var left: Set<DemoPlantings.Place> { found.subtracting(repaired.keys) }

    mutating func fail(_ reason: String) { failures.append(reason) }

    /// Takes what a job of the first night came to.
    mutating func take(_ result: RunResult) {
        let job = result.run.job
        if result.findings.isEmpty { fail("\(job) found nothing") }
        for finding in result.findings {
            guard let place = plantings.place(of: finding) else {
                fail("\(job): \(Self.words(finding)) was not planted: \(finding.explanation)")
                continue
            }
            found.insert(place)
            finders[place.group, default: []].insert(job)
            guard finding.closedHow == .repaired else { continue }
            if let other = repaired[place] { fail("\(job): \(Self.words(finding)) had been repaired by \(other)") }
            repaired[place] = job
        }
    }

    /// A person settled it: no later night sees it.
    mutating func settle(_ finding: ReportedFinding) {
        guard let place = plantings.place(of: finding) else {
            fail("\(Self.words(finding)) was corrected and had not been planted")
            return
        }
        found.remove(place)
    }

    /// Repairs that were undone: their differences have to be seen again.
    mutating func undo(_ findings: [ReportedFinding]) {
        for finding in findings {
            guard let place = plantings.place(of: finding) else {
                fail("\(Self.words(finding)) was undone and had not been planted")
                continue
            }
            repaired[place] = nil
        }
    }

    /// The same were repaired again.
    mutating func redo(_ findings: [ReportedFinding]) {
        for finding in findings {
            if let place = plantings.place(of: finding) { repaired[place] = "trueup apply" }
        }
    }

    static func words(_ finding: ReportedFinding) -> String {
        let row = finding.localID.isEmpty ? "" : " / \(finding.comparison.localNoun) \(finding.localID)"
        return "\(finding.kind.rawValue) of \(finding.stripeID)\(row)"
    }

    /// Planted, found, repaired and left as text; differences are noted as failures.
    mutating func table() -> String {
        var table = TextTable(
            headings: [
                "   account", "planted (Stripe, local)", "finding", "planted", "found", "repaired", "left", "", "job",
            ], rightAligned: [3, 4, 5, 6])
        for (number, group) in plantings.groups.enumerated() {
            let found = found.count { $0.group == number }
            let repairs = repaired.filter { $0.key.group == number }
            let isRight = found == group.found && repairs.count == group.repaired
            if !isRight {
                fail(
                    "\(group.account), \(group.name): expected \(group.found) found and \(group.repaired) repaired, "
                        + "got \(found) and \(repairs.count)")
            }
            let jobs = repairs.isEmpty ? finders[number] ?? [] : Set(repairs.values)
            table.rows.append([
                "   " + group.account, group.name, group.kind ?? "agrees", String(group.planted), String(found),
                String(repairs.count), String(found - repairs.count), isRight ? "✓" : "✗",
                jobs.sorted().joined(separator: ", "),
            ])
        }
        return table.lines.joined(separator: "\n")
    }

    /// `53 planted, 51 found, 40 repaired, 11 left to a person, and 2 for information`.
    var total: String {
        let planted = plantings.groups.map(\.planted).reduce(0, +)
        let information = left.count { place in
            plantings.groups[place.group].kind.flatMap(FindingKind.init)?.defaultAction.waits == false
        }
        return
            "\(planted) planted in \(plantings.groups.count) classes: \(found.count) found, "
            + "\(repaired.count) repaired, \(left.count - information) left to a person"
            + InformationWords.behind(Int64(information))
    }

    /// The balances grew by exactly what was missed.
    /// - Returns: a line that says so.
    mutating func balances(
        before: [Int64: Int64], after: [Int64: Int64], expected: [Int64: Int64]
    ) -> String {
        let failuresBefore = failures.count
        for (agency, balance) in after {
            let grown = balance - (before[agency] ?? 0)
            if grown != expected[agency] ?? 0 {
                fail("agency \(agency): \(grown) credits were granted, \(expected[agency] ?? 0) were missing")
            }
        }
        let total = expected.values.reduce(0, +)
        let verdict = failures.count == failuresBefore ? "exactly what was missing" : "NOT what was missing"
        let agencies = counted(expected.count, "agency", "agencies")
        return "balances: +\(Money.grouped(total)) credits over \(agencies), \(verdict)"
    }

    /// The second night repairs nothing and finds exactly what was left, and what is new.
    /// - Parameter new: objects at Stripe with what they have to be found as.
    mutating func checkSecond(_ results: [RunResult], new: [String: FindingKind]) {
        var seen: Set<DemoPlantings.Place> = []
        var unseen = Set(new.keys)
        for result in results {
            for finding in result.findings {
                if new[finding.stripeID] == finding.kind, finding.closedHow == nil {
                    unseen.remove(finding.stripeID)
                    continue
                }
                let words = "\(result.run.job), second night: \(Self.words(finding))"
                if finding.closedHow == .repaired { fail("\(words) was repaired again") }
                guard let place = plantings.place(of: finding) else {
                    fail("\(words) was not planted: \(finding.explanation)")
                    continue
                }
                seen.insert(place)
            }
        }
        if !unseen.isEmpty { fail("the second night did not find \(unseen.sorted().joined(separator: ", "))") }
        guard seen != left else { return }
        fail(
            "the second night sees other differences than the first left: "
                + "missing of \(names(left.subtracting(seen))); new of \(names(seen.subtracting(left)))")
    }

    private func names(_ places: Set<DemoPlantings.Place>) -> String {
        Set(places.map { plantings.groups[$0.group].name }).sorted().joined(separator: ", ")
    }
}
