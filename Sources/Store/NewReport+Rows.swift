import PostgreSQL
import Reconciliation

// The rows of a report before they are written.
extension NewReport {
    var lines: [StoredReport.Line] {
        var sums: [Int64?: CumulativeLine] = [:]
        for line in cumulative { sums[line.agencyID] = line }
        return statement.agencies.map { line in
            let sum = sums[line.activity.agencyID]
            return StoredReport.Line(
                agencyID: line.activity.agencyID, opening: line.activity.opening, computed: line.computed,
                recorded: line.activity.recorded, explained: line.explained, boughtAtStripe: sum?.boughtAtStripe ?? 0,
                boughtLocally: sum?.boughtLocally ?? 0, consumed: sum?.consumed ?? 0,
                adjustments: sum?.adjustments ?? 0)
        }
    }

    var charges: [StoredReport.ChargeSum] {
        statement.charges.map { line in
            StoredReport.ChargeSum(
                key: StoredReport.ChargeSum.Key(agencyID: line.activity.agencyID, currency: line.activity.currency),
                charged: line.activity.charged.amount, recorded: line.activity.recorded?.amount,
                explained: line.explained)
        }
    }

    var items: [StoredReport.Item] {
        statement.items.compactMap { item in
            findingIDs[item.id].map {
                StoredReport.Item(
                    findingID: $0, creditsEffect: item.creditsEffect, amountEffects: item.amountEffects)
            }
        }
    }

    var told: [StoredReport.Told] {
        resolved.map { StoredReport.Told(findingID: $0.finding.findingID, closedAt: $0.closedAt) }
    }

    /// What its rows will say: the manifest has it before they are written.
    public var rowTexts: ReportRowTexts {
        let report = StoredReport(
            id: id, job: job, name: name, state: statement.state, verdict: verdict,
            cutOffSeconds: statement.cutOff.seconds, zone: statement.cutOff.zone,
            periodFromSeconds: periodFromSeconds, asOfSeconds: asOfSeconds, runIDs: runIDs, formats: formats,
            openItems: Int64(statement.items.count), definitionHash: definitionHash, dataHash: dataHash,
            manifestHash: manifestHash, previousHash: previousHash, programVersion: programVersion,
            requestedBy: requestedBy, createdAt: madeAt, folder: folder)
        return ReportRowTexts(
            report, isRegular: isRegular, lines: lines, charges: charges, items: items, told: told,
            repairIDs: repairIDs)
    }
}
