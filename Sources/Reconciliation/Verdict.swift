/// What the rules say of one pair: it agrees, or it is one finding with an explanation for a person.
public struct Verdict: Sendable, Hashable {
    /// `nil`: both sides agree.
    public let kind: FindingKind?
    /// The action without a word in the job file.
    public let defaultAction: Action
    /// One sentence that says what is wrong, for finance as for an engineer.
    public let explanation: String

    /// A difference.
    public init(_ kind: FindingKind, _ action: Action, _ explanation: String) {
        self.kind = kind
        self.defaultAction = action
        self.explanation = explanation
    }

    private init() {
        kind = nil
        defaultAction = .ignore
        explanation = ""
    }

    public static let agree = Verdict()

    public var agrees: Bool { kind == nil }

    /// The action to take under a job's `on` map. A cell that is reviewed by design (a paid row that Stripe does not
    /// know, an unlinked order that nobody names) can be ignored, never applied.
    public func action(on overrides: [FindingKind: Action]) -> Action {
        guard let kind, let chosen = overrides[kind] else { return defaultAction }
        if chosen == .apply, defaultAction != .apply { return defaultAction }
        return chosen
    }
}
