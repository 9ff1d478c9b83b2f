extension Account {
    /// The world that the account belongs to, without asking Stripe: what the settings say, else what the key's prefix
    /// says; `nil` for a key that is none, which the first request to Stripe refuses with the reason.
    public var declaredMode: AccountMode? {
        if let mode { return mode }
        return (try? KeyPrefix(of: secretKey))?.mode
    }
}
