import Foundation
import Reconciliation
import Store

/// `--json`: one versioned document (DESIGN section 7).
public struct RunDocument: Encodable, Sendable {
    struct Count: Encodable, Sendable {
        let found: Int64
        let repaired: Int64
        let open: Int64
    }

    struct Objects: Encodable, Sendable {
        let stripe: Int64
        let local: Int64
    }

    struct Item: Encodable, Sendable {
        let id: Int64?
        let kind: String
        let account: String
        let stripeID: String?
        let localID: String?
        let action: String
        let state: String
        let closedHow: String?
        let stripeAmount: Int64?
        let localAmount: Int64?
        let currency: String?
        let credits: Int64?
        let explanation: String

        enum CodingKeys: String, CodingKey {
            case id, kind, account, action, state, currency, credits, explanation
            case stripeID = "stripe_id"
            case localID = "local_id"
            case closedHow = "closed_how"
            case stripeAmount = "stripe_amount"
            case localAmount = "local_amount"
        }

        /// Every key is always there: what is not known is null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(kind, forKey: .kind)
            try container.encode(account, forKey: .account)
            try container.encode(stripeID, forKey: .stripeID)
            try container.encode(localID, forKey: .localID)
            try container.encode(action, forKey: .action)
            try container.encode(state, forKey: .state)
            try container.encode(closedHow, forKey: .closedHow)
            try container.encode(stripeAmount, forKey: .stripeAmount)
            try container.encode(localAmount, forKey: .localAmount)
            try container.encode(currency, forKey: .currency)
            try container.encode(credits, forKey: .credits)
            try container.encode(explanation, forKey: .explanation)
        }
    }

    struct Period: Encodable, Sendable {
        let from: Int64
        let to: Int64
    }

    let format = "trueup.run/1"
    let run: Int64
    let job: String
    let plan: Bool
    let state: String
    let period: Period
    let counts: [String: Count]
    let requests: Int64
    let requestsLeast: Int64
    let objects: Objects
    let problems: [String]
    let findings: [Item]

    enum CodingKeys: String, CodingKey {
        case format, run, job, plan, state, period, counts, requests, objects, problems, findings
        case requestsLeast = "requests_least"
    }

    public init(_ result: RunResult) {
        run = result.run.id
        job = result.run.job
        plan = result.run.isPlan
        state = result.outcome.state.rawValue
        period = Period(from: result.run.period.fromSeconds, to: result.run.period.toSeconds)
        counts = Dictionary(
            uniqueKeysWithValues: result.outcome.counts.map { kind, count in
                (kind.rawValue, Count(found: count.found, repaired: count.repaired, open: count.open))
            })
        requests = result.outcome.requests
        requestsLeast = result.outcome.requestsLeast
        objects = Objects(stripe: result.outcome.stripeObjects, local: result.outcome.localRows)
        problems = result.outcome.problems
        findings = result.findings.map { finding in
            Item(
                id: finding.id, kind: finding.kind.rawValue, account: finding.account,
                stripeID: finding.stripeID.isEmpty ? nil : finding.stripeID,
                localID: finding.localID.isEmpty ? nil : finding.localID, action: finding.action.rawValue,
                state: finding.state, closedHow: finding.closedHow?.rawValue, stripeAmount: finding.stripeAmount,
                localAmount: finding.localAmount, currency: finding.currency, credits: finding.credits,
                explanation: finding.explanation)
        }
    }

    /// The document as text, with sorted keys and a line break at its end.
    /// - Parameter isOneLine: for several documents below each other.
    public func text(isOneLine: Bool = false) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !isOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}
