import NIOCore
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
    let partRenderer: PartRenderer
    let eventIndex = EventIndex()
    let partIndex = PartIndex()
    let idempotency = IdempotencyTable()
    let scripts: ScriptBook
    let webhooks: WebhookSender

    /// Whether somebody wants to know the ids of a page.
    var hasScripts: Bool { !scripts.isEmpty }

    init(
        account: SandboxAccount, clock: SandboxClock, scripts: [SandboxScript], group: any EventLoopGroup
    ) throws(SandboxStartError) {
        self.account = account
        self.clock = clock
        self.scripts = ScriptBook(scripts)
        webhooks = WebhookSender(group: group, nowSeconds: clock.nowSeconds)
        switch account.history {
        case .empty: history = EmptyHistory()
        case .plain(let seed, let invoices, let intents, let from, let to, let skew):
            history = PlainHistory(
                seed: seed, invoices: invoices, paymentIntents: intents, fromSeconds: from, toSeconds: to, skew: skew)
        case .credits(let credits): history = credits
        case .agency(let agency): history = agency
        case .patients(let patients): history = patients
        }
        renderer = InvoiceRenderer(
            space: history.space(accountID: account.accountID), accountID: account.accountID,
            accountName: account.displayName, livemode: account.livemode)
        intentRenderer = IntentRenderer(space: renderer.space, livemode: account.livemode)
        partRenderer = PartRenderer(space: renderer.space, account: account)
        eventRenderer = EventRenderer(
            version: account.defaultAPIVersion, invoices: renderer, intents: intentRenderer, parts: partRenderer)
        for webhook in account.webhooks {
            try webhooks.subscribe(webhook, secret: account.webhookSecret)
        }
    }

    /// The account as it is now.
    var view: WorldView {
        WorldView(
            history: history, renderer: renderer, nowSeconds: clock.nowSeconds, state: state.withLock { $0 })
    }

    /// Makes a change. Operations check everything before they change anything, so a refused one leaves nothing.
    /// - Parameter seconds: when it happens; `nil` for now.
    func change<Result: Sendable>(
        at seconds: Int64? = nil, requestID: String? = nil, idempotencyKey: String? = nil,
        delivery: SandboxDelivery = .delivered, _ body: (inout Change) throws(SandboxError) -> Result
    ) throws(SandboxError) -> Result {
        let now = seconds ?? clock.nowSeconds
        let sends = delivery == .delivered && webhooks.hasSubscribers
        let (result, written) = try state.withLock { state throws(SandboxError) in
            var change = Change(
                history: history, renderer: renderer, nowSeconds: now, requestID: requestID,
                idempotencyKey: idempotencyKey, isSilent: delivery == .lost,
                isDelivered: delivery != .undelivered, awaits: sends ? webhooks : nil, state: WorldState())
            // Moved, not copied: a copy would make every change cost as much as all changes before it.
            swap(&change.state, &state)
            defer { swap(&change.state, &state) }
            let result = try body(&change)
            return (result, change.written)
        }
        if sends {
            for event in written { post(EventRecord(kind: .recordedEvent, index: event.serial, event: event)) }
        }
        return result
    }

    /// The first draft that has to be finalized by then, taken off the list.
    func nextDraft(until seconds: Int64) -> AdvancingDraft? {
        state.withLock { state in
            guard let first = state.advancing.first, first.dueSeconds <= seconds else { return nil }
            return state.advancing.removeFirst()
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
