import NIOCore
import Synchronization

/// Sends the webhooks of one account: one line for each endpoint, in which events wait for each other, unless policy
/// says otherwise. Keeps the books of what was answered.
final class WebhookSender: Sendable {
    /// What is sent to one endpoint.
    struct Letter: Sendable {
        var key: Key
        var serial: UInt64
        var eventID: String
        var type: String
        var body: ByteBuffer
    }

    /// Which event it is.
    struct Key: Sendable, Hashable {
        var kind: ObjectKind
        var index: Int64
    }

    private struct Endpoint: Sendable {
        var webhook: SandboxWebhook
        var target: LoopbackTarget
        var secret: String
        var line: AsyncStream<Item>.Continuation
    }

    private enum Item: Sendable {
        case letter(Letter)
        /// A letter that let the next one go first has waited long enough.
        case flush(serial: UInt64)
    }

    /// An endpoint that has answered 2xx to an event; a duplicate that is answered as well does not count again.
    private struct Receipt: Hashable {
        var key: Key
        var url: String
    }

    private struct State {
        var endpoints: [Endpoint] = []
        var pending: [Key: Int64] = [:]
        var receipts: Set<Receipt> = []
        var log: [SandboxDelivered] = []
        var underWay = 0
        var isClosed = false
        /// Nobody can be reached: attempts fail at once.
        var isDown = false
        /// The events of the history up to here need no webhook any more.
        var reachedSeconds: Int64
    }

    private let group: any EventLoopGroup
    private let state: Mutex<State>

    init(group: any EventLoopGroup, nowSeconds: Int64) {
        self.group = group
        state = Mutex(State(reachedSeconds: nowSeconds))
    }

    /// The endpoints, in the order in which they were subscribed.
    var endpoints: [SandboxWebhook] { state.withLock { $0.endpoints.map(\.webhook) } }
    var hasSubscribers: Bool { state.withLock { !$0.endpoints.isEmpty } }
    var log: [SandboxDelivered] { state.withLock { $0.log } }
    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// How many endpoints want this type.
    func count(wanting type: String) -> Int64 {
        state.withLock { state in Int64(state.endpoints.count { $0.webhook.wants(type) }) }
    }

    /// What is known of an event's deliveries; `nil` where it was never posted.
    func pending(_ key: Key) -> Int64? { state.withLock { $0.pending[key] } }

    /// Moves the mark of what was sent of the history; gives back where it was.
    func reach(_ seconds: Int64) -> Int64 {
        state.withLock { state in
            defer { state.reachedSeconds = max(state.reachedSeconds, seconds) }
            return state.reachedSeconds
        }
    }

    func subscribe(_ webhook: SandboxWebhook, secret: String) throws(SandboxStartError) {
        let target = try LoopbackTarget(webhook.url)
        let (stream, line) = AsyncStream.makeStream(of: Item.self)
        let endpoint = Endpoint(webhook: webhook, target: target, secret: webhook.secret ?? secret, line: line)
        state.withLock { $0.endpoints.append(endpoint) }
        Task { [weak self] in
            let carrier = Carrier(policy: webhook.policy)
            for await item in stream {
                switch item {
                case .letter(let letter): await self?.carry(letter, endpoint, carrier)
                case .flush(let serial): await self?.flush(serial, endpoint, carrier)
                }
            }
        }
    }

    func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }

    /// Nobody hears of anything any more.
    func close() {
        let lines = state.withLock { state in
            state.isClosed = true
            return state.endpoints.map(\.line)
        }
        for line in lines { line.finish() }
    }

    /// Sends an event to everybody who wants it; `body` writes it for a version.
    func post(
        _ key: Key, id: String, type: String, serial: UInt64, body: (SandboxAPIVersion?) -> ByteBuffer
    ) {
        let wanting = state.withLock { state -> [Endpoint] in
            guard !state.isClosed else { return [] }
            let wanting = state.endpoints.filter { $0.webhook.wants(type) }
            state.pending[key] = Int64(wanting.count { !state.receipts.contains(.init(key: key, url: $0.webhook.url)) })
            state.underWay += wanting.count
            return wanting
        }
        for endpoint in wanting {
            endpoint.line.yield(
                .letter(
                    Letter(
                        key: key, serial: serial, eventID: id, type: type, body: body(endpoint.webhook.apiVersion))))
        }
    }

    /// Waits until nothing is under way any more.
    /// - Returns: whether that came within the time.
    func settle(timeoutSeconds: Double) async -> Bool {
        let end = ContinuousClock.now.advanced(by: .seconds(timeoutSeconds))
        while state.withLock({ $0.underWay }) > 0 {
            guard ContinuousClock.now < end else { return false }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return true
    }
}

/// What the line of one endpoint remembers. Only the line's own task touches it.
private final class Carrier {
    let policy: SandboxDeliveryPolicy
    var taken = 0
    var held: WebhookSender.Letter?

    init(policy: SandboxDeliveryPolicy) { self.policy = policy }
}

extension WebhookSender {
    private func carry(_ letter: Letter, _ endpoint: Endpoint, _ carrier: Carrier) async {
        carrier.taken += 1
        let held = carrier.held
        carrier.held = nil
        await carryOne(letter, endpoint, carrier)
        guard let held else { return }
        await attempt(held, endpoint, 0)
        finish()
    }

    private func flush(_ serial: UInt64, _ endpoint: Endpoint, _ carrier: Carrier) async {
        guard let held = carrier.held, held.serial == serial else { return }
        carrier.held = nil
        await attempt(held, endpoint, 0)
        finish()
    }

    private func carryOne(_ letter: Letter, _ endpoint: Endpoint, _ carrier: Carrier) async {
        if let last = carrier.policy.stopAfter, carrier.taken > last { return skip(letter, endpoint) }
        switch carrier.policy.fate(letter.serial) {
        case .drop: skip(letter, endpoint)
        case .prompt:
            await attempt(letter, endpoint, 0)
            finish()
        case .duplicate:
            await attempt(letter, endpoint, 0)
            await attempt(letter, endpoint, 0)
            finish()
        case .delay(let milliseconds):
            Task {
                try? await Task.sleep(for: .milliseconds(milliseconds))
                await self.attempt(letter, endpoint, 0)
                self.finish()
            }
        case .reorder:
            carrier.held = letter
            Task { [line = endpoint.line, serial = letter.serial] in
                try? await Task.sleep(for: .milliseconds(150))
                _ = line.yield(.flush(serial: serial))
            }
        }
    }

    private func finish() { state.withLock { $0.underWay -= 1 } }

    private func skip(_ letter: Letter, _ endpoint: Endpoint) {
        record(letter, endpoint, attempt: 0, status: 0, wasSent: false)
        finish()
    }

    private func record(_ letter: Letter, _ endpoint: Endpoint, attempt: Int, status: Int, wasSent: Bool) {
        let entry = SandboxDelivered(
            eventID: letter.eventID, type: letter.type, url: endpoint.webhook.url, attempt: attempt, status: status,
            wasSent: wasSent)
        state.withLock { $0.log.append(entry) }
    }

    /// Sends once; a failure is followed by a later attempt that does not hold up the line.
    private func attempt(_ letter: Letter, _ endpoint: Endpoint, _ number: Int) async {
        guard !isClosed else { return }
        let policy = endpoint.webhook.policy
        let isDown = state.withLock { $0.isDown }
        let status =
            isDown
            ? 0
            : await endpoint.target.post(
                letter.body, signature: WebhookSignature.header(letter.body, secret: endpoint.secret), on: group,
                timeoutMilliseconds: policy.timeoutMilliseconds)
        record(letter, endpoint, attempt: number, status: status, wasSent: !isDown)
        if (200..<300).contains(status), !policy.losesAnswer(letter.serial, attempt: number) {
            state.withLock { state in
                guard state.receipts.insert(.init(key: letter.key, url: endpoint.webhook.url)).inserted else { return }
                state.pending[letter.key, default: 1] -= 1
            }
            return
        }
        guard number < policy.retryMilliseconds.count else { return }
        state.withLock { $0.underWay += 1 }
        Task {
            try? await Task.sleep(for: .milliseconds(policy.retryMilliseconds[number]))
            await self.attempt(letter, endpoint, number + 1)
            self.finish()
        }
    }
}
