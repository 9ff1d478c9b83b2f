/// Something that goes wrong on purpose. The raw values are what flags and configuration files say.
public enum SandboxFault: String, Sendable, CaseIterable {
    /// 429 with `Stripe-Rate-Limited-Reason: endpoint-rate`; nothing was done.
    case rateLimited = "429"
    /// 429 with code `lock_timeout` and no reason; nothing was done.
    case lockTimeout = "lock_timeout"
    /// 500; nothing was done, but the answer is kept for the idempotency key, as Stripe does.
    case serverError = "500"
    /// 503; nothing was done and nothing is kept.
    case unavailable = "503"
    /// The request is taken and never answered; nothing was done.
    case timeout
    /// The request is carried out and never answered.
    case timeoutAfter = "timeout_after"
    /// The connection is reset (RST); nothing was done.
    case reset
    /// The request is carried out, then the connection is reset (RST) instead of an answer.
    case resetAfter = "reset_after"
    /// The request is carried out; the answer's body ends in the middle and the connection closes.
    case cut
    /// 502 with a page of HTML, as a proxy answers; nothing was done.
    case html
    /// The request is carried out; the answer is 500 all the same, and is kept for the idempotency key, as Stripe does.
    case serverErrorAfter = "500_after"
    /// 404 without a code, as of a URL that nobody knows; nothing was done.
    case unknownURL = "404"
    /// 404 with code `resource_missing` about another object than that of the path; nothing was done.
    case otherMissing = "404_other"
    /// A list is answered by an empty page that says there is more; every other request as ever.
    case emptyPage = "empty_page"

    /// Whether the request is carried out and its answer gets lost.
    var losesAnswer: Bool { self == .timeoutAfter || self == .resetAfter || self == .cut }
}

/// Which requests fail, by chance and by script.
public struct SandboxFaults: Sendable, Equatable {
    /// One request that fails in one way.
    public struct Script: Sendable, Equatable {
        /// What goes wrong.
        public var fault: SandboxFault
        /// The how-manieth matching request it is, from 1.
        public var occurrence: Int
        /// Whether all that match after it fail as well.
        public var lasts: Bool
        /// `GET`, `POST`, `DELETE`; `nil` for any.
        public var method: String?
        /// What the path with its query has to contain; empty for any.
        public var pathContains: String

        /// All members, with defaults where there is a usual value.
        public init(
            _ fault: SandboxFault, occurrence: Int = 1, lasts: Bool = false, method: String? = nil,
            pathContains: String = ""
        ) {
            self.fault = fault
            self.occurrence = occurrence
            self.lasts = lasts
            self.method = method
            self.pathContains = pathContains
        }
    }

    /// The share of requests, 0 to 1, that each fault hits. Their sum may not exceed 1.
    public var rates: [SandboxFault: Double]
    /// What chance is drawn from.
    public var seed: UInt64
    /// Single requests that fail.
    public var scripts: [Script]

    /// All members, with defaults where there is a usual value.
    public init(rates: [SandboxFault: Double] = [:], seed: UInt64 = 1, scripts: [Script] = []) {
        self.rates = rates
        self.seed = seed
        self.scripts = scripts
    }

    /// Nothing of the kind.
    public static let none = SandboxFaults()

    /// Adds what a flag such as `--fault 429=0.02` says.
    /// - Throws: ``SandboxFlagError`` that names the kinds there are.
    public mutating func add(flag text: String) throws(SandboxFlagError) {
        let parts = text.split(separator: "=", maxSplits: 1)
        let kinds = SandboxFault.allCases.map(\.rawValue).joined(separator: ", ")
        guard parts.count == 2, let fault = SandboxFault(rawValue: String(parts[0])) else {
            throw SandboxFlagError("“\(text)” is not KIND=RATE with one of these kinds: \(kinds)")
        }
        guard let rate = Double(parts[1]), (0...1).contains(rate) else {
            throw SandboxFlagError("the rate in “\(text)” is not a number from 0 to 1, such as 0.02")
        }
        rates[fault] = rate
        guard rates.values.reduce(0, +) <= 1 else {
            throw SandboxFlagError("the rates of all faults together are more than 1")
        }
    }
}

/// A flag that cannot be understood.
public struct SandboxFlagError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Which fault hits which request, in the order of arrival.
struct FaultPlan: Sendable {
    private let faults: SandboxFaults
    private var seen: [Int]
    private var draw: SeededDraw

    init(_ faults: SandboxFaults) {
        self.faults = faults
        seen = Array(repeating: 0, count: faults.scripts.count)
        draw = SeededDraw(seed: faults.seed, 0xFA17)
    }

    mutating func next(method: String, path: String) -> SandboxFault? {
        var scripted: SandboxFault?
        for (number, script) in faults.scripts.enumerated() {
            guard script.method == nil || script.method == method,
                script.pathContains.isEmpty || Substring(path).firstRange(of: script.pathContains) != nil
            else { continue }
            seen[number] += 1
            let isDue = seen[number] == script.occurrence || (script.lasts && seen[number] > script.occurrence)
            if isDue, scripted == nil { scripted = script.fault }
        }
        if let scripted { return scripted }
        guard !faults.rates.isEmpty else { return nil }
        var share = draw.fraction()
        for fault in SandboxFault.allCases {
            let rate = faults.rates[fault] ?? 0
            if share < rate { return fault }
            share -= rate
        }
        return nil
    }
}
