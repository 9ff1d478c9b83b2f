/// What an expiry of an account has to remove, and nothing else.
public struct ExpectedExpiry: Sendable, Hashable {
    /// Drafts to delete: older than `stale_after`, without `auto_advance`, no subscription's.
    public var draftIDs: [String]
    /// Payment intents to cancel: never confirmed, older than `stale_after`, no Checkout session's and no invoice's.
    public var intentIDs: [String]
}
