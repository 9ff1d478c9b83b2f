import Foundation
import Reconciliation
import Store

/// `--json`: one versioned document (DESIGN section 7), written in pieces: of any number of findings a few hundred are
/// held as text. A job that ended with an error has one as well, in which null stands for what a run would have said.
public struct RunDocument: Sendable {
    struct Count: Encodable, Sendable {
        let found: Int64
        let repaired: Int64
        let accepted: Int64
        let open: Int64
        let information: Int64
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
        let localCurrency: String?
        let credits: Int64?
        let explanation: String

        enum CodingKeys: String, CodingKey {
            case id, kind, account, action, state, currency, credits, explanation
            case stripeID = "stripe_id"
            case localID = "local_id"
            case closedHow = "closed_how"
            case stripeAmount = "stripe_amount"
            case localAmount = "local_amount"
            case localCurrency = "local_currency"
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
            try container.encode(localCurrency, forKey: .localCurrency)
            try container.encode(credits, forKey: .credits)
            try container.encode(explanation, forKey: .explanation)
        }
    }

    struct Period: Encodable, Sendable {
        let from: Int64
        let to: Int64
    }

    /// What stands before the findings, in the order of the keys.
    private struct Head: Encodable {
        var counts: [String: Count] = [:]
        /// Of a failed job; else it is not there.
        var exitCode: Int32?

        enum CodingKeys: String, CodingKey {
            case counts
            case exitCode = "exit_code"
        }
    }

    /// What stands behind them.
    private struct Rest: Encodable {
        let format = "trueup.run/1"
        let job: String
        var objects: Objects?
        var period: Period?
        let plan: Bool
        let problems: [String]
        var requests: Int64?
        var requestsLeast: Int64?
        var run: Int64?
        let state: RunState

        enum CodingKeys: String, CodingKey {
            case format, job, objects, period, plan, problems, requests, run, state
            case requestsLeast = "requests_least"
        }

        /// Every key is always there: what is not known is null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(format, forKey: .format)
            try container.encode(job, forKey: .job)
            try container.encode(objects, forKey: .objects)
            try container.encode(period, forKey: .period)
            try container.encode(plan, forKey: .plan)
            try container.encode(problems, forKey: .problems)
            try container.encode(requests, forKey: .requests)
            try container.encode(requestsLeast, forKey: .requestsLeast)
            try container.encode(run, forKey: .run)
            try container.encode(state.rawValue, forKey: .state)
        }
    }

    private let head: Head
    private let rest: Rest
    private let findings: [ReportedFinding]

    /// - Parameter told: a command that the run advises, as it can be given.
    public init(_ result: RunResult, told: (Advice.Command) -> String = { $0.words }) {
        let (run, outcome) = (result.run, result.outcome)
        head = Head(
            counts: Dictionary(
                uniqueKeysWithValues: outcome.counts.map { kind, count in
                    (
                        kind.rawValue,
                        Count(
                            found: count.found, repaired: count.repaired, accepted: count.accepted, open: count.open,
                            information: count.information)
                    )
                }))
        rest = Rest(
            job: run.job, objects: Objects(stripe: outcome.stripeObjects, local: outcome.localRows),
            period: Period(from: run.period.fromSeconds, to: run.period.toSeconds), plan: run.isPlan,
            problems: outcome.advice.map { $0.text(told) }, requests: outcome.requests,
            requestsLeast: outcome.requestsLeast, run: run.id, state: outcome.state)
        findings = result.findings
    }

    /// The document of a job that ended with an error, in the place of its run's.
    /// - Parameters:
    ///   - job: its name.
    ///   - problem: what was said of it.
    ///   - exitCode: what the command would end with, had it only this job.
    public init(failed job: String, isPlan: Bool, problem: String, exitCode: Int32) {
        head = Head(exitCode: exitCode)
        rest = Rest(job: job, plan: isPlan, problems: [problem], state: .failed)
        findings = []
    }

    /// Writes the document with sorted keys and a line break at its end.
    /// - Parameters:
    ///   - isOneLine: for several documents below each other.
    ///   - findingsAtOnce: how many findings are text at once.
    ///   - write: takes the next piece of it.
    public func write(isOneLine: Bool = false, findingsAtOnce: Int = 500, _ write: (String) -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !isOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        func text(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        let (line, inner) = isOneLine ? ("", "") : ("\n", "\n  ")
        // Everything is encoded before the first piece leaves, but for the findings: what cannot be encoded leaves no
        // half of a document.
        let (before, behind) = (try text(head), try text(rest))
        write(before.dropLast(line.count + 1) + "," + inner + (isOneLine ? "\"findings\":[" : "\"findings\" : ["))
        for start in stride(from: 0, to: findings.count, by: findingsAtOnce) {
            let items = findings[start..<min(start + findingsAtOnce, findings.count)].map(Item.init)
            let array = try text(items).dropFirst(1 + line.count).dropLast(1 + line.count)
            let indented = isOneLine ? String(array) : "  " + array.replacing("\n", with: inner)
            write((start == 0 ? line : "," + line) + indented)
        }
        write((findings.isEmpty ? "]" : inner + "]") + "," + line + behind.dropFirst(1 + line.count) + "\n")
    }
}

extension RunDocument.Item {
    init(_ finding: ReportedFinding) {
        self.init(
            id: finding.id, kind: finding.kind.rawValue, account: finding.account,
            stripeID: finding.stripeID.isEmpty ? nil : finding.stripeID,
            localID: finding.localID.isEmpty ? nil : finding.localID, action: finding.action.rawValue,
            state: finding.state, closedHow: finding.closedHow?.rawValue, stripeAmount: finding.stripeAmount,
            localAmount: finding.localAmount, currency: finding.currency, localCurrency: finding.localCurrency,
            credits: finding.credits, explanation: finding.explanation)
    }
}
