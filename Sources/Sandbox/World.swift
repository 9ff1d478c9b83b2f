import Synchronization

/// One account: what its history holds and what was changed since. Safe from any thread; a reader sees the account at
/// one moment, whatever happens meanwhile.
public final class World: Sendable {
    let account: SandboxAccount
    let history: any GeneratedHistory
    let renderer: InvoiceRenderer
    let clock: SandboxClock
    private let state = Mutex(WorldState())
    let intentRenderer: IntentRenderer
    let eventRenderer: EventRenderer
    let eventIndex = EventIndex()
    let idempotency = IdempotencyTable()

    init(account: SandboxAccount, clock: SandboxClock) {
        self.account = account
        self.clock = clock
        switch account.history {
        case .empty: history = EmptyHistory()
        case .plain(let seed, let invoices, let intents, let from, let to, let skew):
            history = PlainHistory(
                seed: seed, invoices: invoices, paymentIntents: intents, fromSeconds: from, toSeconds: to, skew: skew)
        case .credits(let credits): history = credits
        }
        renderer = InvoiceRenderer(
            space: IDSpace(seed: history.seed, accountID: account.accountID), accountID: account.accountID,
            accountName: account.displayName, livemode: account.livemode)
        intentRenderer = IntentRenderer(space: renderer.space, livemode: account.livemode)
        eventRenderer = EventRenderer(
            version: account.defaultAPIVersion, invoices: renderer, intents: intentRenderer)
    }

    /// The account as it is now.
    var view: WorldView {
        WorldView(
            history: history, renderer: renderer, nowSeconds: clock.nowSeconds, state: state.withLock { $0 })
    }

    /// Makes a change. Operations check everything before they change anything, so a refused one leaves nothing.
    func change<Result: Sendable>(
        requestID: String? = nil, idempotencyKey: String? = nil, delivery: SandboxDelivery = .delivered,
        _ body: (inout Change) throws(SandboxError) -> Result
    ) throws(SandboxError) -> Result {
        let now = clock.nowSeconds
        return try state.withLock { state throws(SandboxError) in
            var change = Change(
                history: history, renderer: renderer, nowSeconds: now, requestID: requestID,
                idempotencyKey: idempotencyKey, isSilent: delivery == .lost,
                isDelivered: delivery != .undelivered, state: WorldState())
            // Moved, not copied: a copy would make every change cost as much as all changes before it.
            swap(&change.state, &state)
            defer { swap(&change.state, &state) }
            return try body(&change)
        }
    }
}

/// What becomes of the webhooks of a change.
public enum SandboxDelivery: String, Sendable, CaseIterable {
    /// Every endpoint answered 2xx.
    case delivered
    /// The event can be listed with `delivery_success=false`.
    case undelivered
    /// No event was written at all: only the object itself tells.
    case lost
}
