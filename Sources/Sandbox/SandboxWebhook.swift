import NIOCore

/// Somebody who wants to hear of events: an endpoint with its own secret and API version
/// (https://docs.stripe.com/api/webhook_endpoints).
public struct SandboxWebhook: Sendable {
    /// Where the events go: `http` on the loopback interface only.
    public var url: String
    /// The types that are sent, such as `invoice.paid` or `invoice.*`; `*` for all.
    public var events: [String]
    /// The version of `data.object`; `nil` for that of the account.
    public var apiVersion: SandboxAPIVersion?
    /// `whsec_…`; `nil` for that of the account.
    public var secret: String?
    /// What goes wrong on the way.
    public var policy: SandboxDeliveryPolicy

    /// All members, with defaults where there is a usual value.
    public init(
        url: String, events: [String] = ["*"], apiVersion: SandboxAPIVersion? = nil, secret: String? = nil,
        policy: SandboxDeliveryPolicy = SandboxDeliveryPolicy()
    ) {
        self.url = url
        self.events = events
        self.apiVersion = apiVersion
        self.secret = secret
        self.policy = policy
    }

    /// `Stripe-Signature` for a body (https://docs.stripe.com/webhooks/signature).
    /// - Parameter seconds: when it leaves, in Unix seconds; `nil`: now, by this machine's clock.
    public static func signature(of body: [UInt8], secret: String, seconds: Int64? = nil) -> String {
        let bytes = ByteBuffer(bytes: body)
        guard let seconds else { return WebhookSignature.header(bytes, secret: secret) }
        return WebhookSignature.header(bytes, secret: secret, seconds: seconds)
    }

    func wants(_ type: String) -> Bool {
        events.contains { $0 == "*" || $0 == type || ($0.hasSuffix(".*") && type.hasPrefix($0.dropLast())) }
    }
}

/// What becomes of webhooks on their way. Chance is drawn from the seed, the event and the attempt, so that the same
/// changes meet the same fate. Times are real: Stripe's hours are milliseconds here.
public struct SandboxDeliveryPolicy: Sendable, Equatable {
    /// What chance is drawn from.
    public var seed: UInt64
    /// The share of events that are never sent: they stay undelivered for ever.
    public var dropRate: Double
    /// The share of events that are sent twice.
    public var duplicateRate: Double
    /// The share of events that wait.
    public var delayRate: Double
    /// How long they wait, in milliseconds; others overtake them.
    public var delayMilliseconds: ClosedRange<Int>
    /// The share of events that let the next one go first.
    public var reorderRate: Double
    /// The share of attempts whose answer is lost: sent, counted as failed, and sent again.
    public var lostAnswerRate: Double
    /// Nothing is sent after so many events; `nil` for no end.
    public var stopAfter: Int?
    /// How long after a failed attempt the next one comes, in milliseconds; no more attempts than there are waits.
    public var retryMilliseconds: [Int]
    /// How long an answer may take, in milliseconds.
    public var timeoutMilliseconds: Int

    /// All members; by default nothing goes wrong, and a failed attempt is repeated three times.
    public init(
        seed: UInt64 = 1, dropRate: Double = 0, duplicateRate: Double = 0, delayRate: Double = 0,
        delayMilliseconds: ClosedRange<Int> = 20...200, reorderRate: Double = 0, lostAnswerRate: Double = 0,
        stopAfter: Int? = nil, retryMilliseconds: [Int] = [100, 400, 1_600], timeoutMilliseconds: Int = 10_000
    ) {
        self.seed = seed
        self.dropRate = dropRate
        self.duplicateRate = duplicateRate
        self.delayRate = delayRate
        self.delayMilliseconds = delayMilliseconds
        self.reorderRate = reorderRate
        self.lostAnswerRate = lostAnswerRate
        self.stopAfter = stopAfter
        self.retryMilliseconds = retryMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    enum Fate { case prompt, drop, duplicate, delay(milliseconds: Int), reorder }

    func fate(_ serial: UInt64) -> Fate {
        var draw = SeededDraw(seed: seed, 0x3E4D, serial)
        var share = draw.fraction()
        for (rate, fate) in [(dropRate, Fate.drop), (duplicateRate, .duplicate), (reorderRate, .reorder)] {
            if share < rate { return fate }
            share -= rate
        }
        guard share < delayRate else { return .prompt }
        let spread = Int64(delayMilliseconds.upperBound - delayMilliseconds.lowerBound + 1)
        return .delay(milliseconds: delayMilliseconds.lowerBound + Int(draw.below(spread)))
    }

    func losesAnswer(_ serial: UInt64, attempt: Int) -> Bool {
        guard lostAnswerRate > 0 else { return false }
        var draw = SeededDraw(seed: seed, 0x105E ^ serial, UInt64(attempt))
        return draw.fraction() < lostAnswerRate
    }
}

/// One attempt to deliver an event, or one that policy prevented.
public struct SandboxDelivered: Sendable, Equatable {
    /// The id of the event.
    public var eventID: String
    /// Its type.
    public var type: String
    /// Where it went.
    public var url: String
    /// From 0.
    public var attempt: Int
    /// What the endpoint answered; 0 where there was no answer.
    public var status: Int
    /// Whether it left at all.
    public var wasSent: Bool
}
