import Foundation
import Jobs
import Reconciliation
import Store

/// What a run would do, to be read by a person, approved, and then done exactly: `trueup.plan/1`.
///
/// Each item carries what it rests on and the hash of the row that it would touch; a row that is not that any more is
/// left alone. The plan carries the hash of the job file and a hash of its own: an edited plan is refused.
public struct Plan: Codable, Sendable, Equatable {
    /// What the plan does to the tables.
    public enum Purpose: String, Codable, Sendable {
        case repair
        /// Undoes repairs of an earlier run.
        case revert
    }

    /// One effect.
    public struct Item: Codable, Sendable, Equatable {
        public var kind: String
        /// Which comparison it comes from: `orders`, `charges`, `notices`, `customers`, `payments`.
        public var comparison: String
        /// `grant`, `cancel`, `link`, `delete_draft` and so on; `ungrant`, `uncancel`, `unlink` in a revert.
        public var effect: String
        public var account: String
        public var stripeID: String
        public var stripeStatus: String
        /// The local row; empty where there is none.
        public var localID: String
        public var agencyID: Int64?
        public var credits: Int64
        public var amount: Int64
        public var currency: String
        public var explanation: String
        /// The request that the Stripe side rests on.
        public var requestID: String
        /// SHA-256 of the row as JSON, when the plan was made; empty where there is no row.
        public var rowHash: String
        /// Both sides as they were compared.
        public var facts: FindingFacts
        /// The repair that a revert undoes.
        public var repairID: Int64?
    }

    /// A difference that a person decides.
    public struct Review: Codable, Sendable, Equatable {
        public var kind: String
        /// `order 12`; empty where there is no row.
        public var row: String
        public var account: String
        public var stripeID: String
        public var localID: String
        public var explanation: String
    }

    public static let formatWord = "trueup.plan/1"
    public static let itemsMax = 100_000

    public var format = Plan.formatWord
    public var purpose: Purpose
    public var job: String
    /// SHA-256 of the job file.
    public var definitionHash: String
    public var run: Int64
    public var createdSeconds: Int64
    public var createdBy: String
    public var programVersion: String
    public var periodFromSeconds: Int64
    public var periodToSeconds: Int64
    /// The Stripe account that each name stood for, `acct_…` by the name in the settings. Absent from reverts, which
    /// ask Stripe nothing, and from plans of older versions; without the accounts whose keys may not say it.
    public var accounts: [String: String]?
    public var items: [Item]
    public var reviews: [Review]
    /// What a revert cannot undo, a sentence each.
    public var impossible: [String] = []
    /// SHA-256 of everything above.
    public var hash = ""

    /// The first twelve digits of the hash: how the audit names the plan.
    public var id: String { String(hash.prefix(12)) }

    /// The plan with its hash.
    func sealed() throws -> Plan {
        var plan = self
        plan.hash = ""
        plan.hash = SHA256.hex(Array(try plan.encoded()))
        return plan
    }

    private func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    /// The file's text.
    public func text() throws -> String { String(decoding: try encoded(), as: UTF8.self) + "\n" }

    /// Reads a plan file.
    /// - Throws: ``PlanError`` for a file that is no plan, of another version, or edited.
    public init(text: String, path: String) throws(PlanError) {
        let plan: Plan
        do {
            plan = try JSONDecoder().decode(Plan.self, from: Data(text.utf8))
        } catch {
            throw .unreadable(path, reason: "it is not a \(Plan.formatWord) document")
        }
        guard plan.format == Plan.formatWord else { throw .unreadable(path, reason: "its format is \(plan.format)") }
        guard let sealed = try? plan.sealed(), sealed.hash == plan.hash else { throw .edited(path) }
        self = plan
    }

    init(
        purpose: Purpose, job: String, definitionHash: String, run: Int64, createdSeconds: Int64, createdBy: String,
        programVersion: String, period: Window, accounts: [String: String]? = nil, items: [Item], reviews: [Review],
        impossible: [String] = []
    ) throws {
        self.purpose = purpose
        self.job = job
        self.definitionHash = definitionHash
        self.run = run
        self.createdSeconds = createdSeconds
        self.createdBy = createdBy
        self.programVersion = programVersion
        periodFromSeconds = period.fromSeconds
        periodToSeconds = period.toSeconds
        self.accounts = accounts
        self.items = items
        self.reviews = reviews
        self.impossible = impossible
        self = try sealed()
    }
}

/// Why a plan is refused.
public enum PlanError: AdvisesCommand, Equatable {
    case unreadable(String, reason: String)
    case edited(String)
    case otherDefinition(String, job: String)
    case otherDatabase(String, run: Int64)
    case otherAccount(String, name: String, planned: String, found: String)
    case noJob(String)
    case noRun(Int64)
    case nothingToRevert(Int64)

    public var advice: Advice {
        switch self {
        case .unreadable(let path, let reason):
            "\(path) is no plan: \(reason). Plans are written by \(command: "trueup run JOB --plan")"
        case .edited(let path):
            "\(path) was changed after it was made: its hash does not fit. Nothing was applied; make a new plan."
        case .otherDefinition(let path, let job):
            """
            \(path) was made for another version of job \(job): the job file has changed since. Nothing was applied; \
            make a new plan.
            """
        case .otherDatabase(let path, let run):
            """
            \(path) was made of run \(run) of another database: this one has no such run. Nothing was applied; name \
            the plan's database in DATABASE_URL, or make a new plan here.
            """
        case .otherAccount(let path, let name, let planned, let found):
            """
            \(path) was made of Stripe account \(planned) as \(name), whose key belongs to \(found) now. Nothing was \
            applied; check that the keys are not swapped, or make a new plan.
            """
        case .noJob(let job): "The plan is for job \(job), which has no file."
        case .noRun(let run): "There is no run \(run). See: \(command: "trueup runs")"
        case .nothingToRevert(let run): "Run \(run) made no repairs: there is nothing to revert."
        }
    }
}

extension Plan {
    /// The last line: `Plan: 41 to grant (+82,000 credits), 3 to cancel, 2 drafts to delete · 4 need review`.
    public var summary: String {
        let groups: [(effects: [String], words: String)] = [
            (["grant"], "to grant"), (["cancel"], "to cancel"), (["link"], "to link"),
            (["succeed"], "charges to mark succeeded"), (["fail"], "charges to mark failed"),
            (["cancel_charge"], "charges to cancel"), (["notice"], "notices to send"),
            (["delete_draft"], "drafts to delete"), (["cancel_intent"], "payment intents to cancel"),
            (["ungrant"], "grants to take back"),
            (["uncancel"], "cancellations to undo"), (["unlink"], "links to undo"),
            (["unsucceed", "unfail", "uncancel_charge"], "charges to set back"),
        ]
        var parts: [String] = []
        for group in groups {
            let of = items.filter { group.effects.contains($0.effect) }
            guard !of.isEmpty else { continue }
            var part = "\(of.count) \(of.count == 1 ? Self.singular(group.words) : group.words)"
            let credits = of.map(\.credits).reduce(0, +)
            if group.effects == ["grant"] { part += " (+\(Money.counted(credits, "credit")))" }
            if group.effects == ["ungrant"] { part += " (-\(Money.counted(credits, "credit")))" }
            parts.append(part)
        }
        var text = "Plan: " + (parts.isEmpty ? "nothing to do" : parts.joined(separator: ", "))
        if !reviews.isEmpty { text += " · \(reviews.count) \(reviews.count == 1 ? "needs" : "need") review" }
        if !impossible.isEmpty { text += " · \(impossible.count) cannot be undone" }
        return text
    }

    /// `draft to delete` for `drafts to delete`.
    private static func singular(_ words: String) -> String {
        ["draft", "charge", "notice", "intent"].reduce(words) { $0.replacing("\($1)s ", with: "\($1) ") }
    }
}
