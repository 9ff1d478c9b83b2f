/// What a request may take. Everything is bounded: a client that is slow, large or many costs little.
public struct ServiceLimits: Sendable, Hashable {
    /// Of a webhook's body. Stripe's largest events, invoices with hundreds of lines, are well below.
    public var webhookBytesMax = 512 * 1024
    /// Of any other body.
    public var bodyBytesMax = 16 * 1024
    /// Of all header fields together, and of the request's line.
    public var headerBytesMax = 16 * 1024
    public var headerFieldsMax = 100
    /// For the head of a request to arrive, and between two requests of a connection.
    public var idleSeconds = 15
    /// For a body to arrive whole.
    public var bodySeconds = 10
    /// Connections at the same time; others wait to be accepted.
    public var connectionsMax = 1_000
    /// For requests under way to end, once the service is told to stop.
    public var stopSeconds = 10
    /// Webhooks that are worked on at the same time: one database connection each.
    public var webhookConnections = 16
    /// Orders that are placed or cancelled at the same time. Each holds its connection while Stripe is asked, since
    /// that carries the order's turn; where Stripe answers slowly, further ones are answered 503 `busy`.
    public var orderConnections = 16
    /// How long a caller waits for an earlier one to end its turn at the same order before 503 `busy`.
    public var turnSeconds = 15
    /// Connections for everything else, which never waits for Stripe.
    public var otherConnections = 4
    /// A request that finds no free connection for so long is answered 503; Stripe tries again.
    public var waitSeconds = 5
    /// Between two looks for invoices of orders that Stripe has yet to mail.
    public var mailSeconds = 5
    /// Between two questions whose an account's key is, where Stripe could not be asked at the start.
    public var verifySeconds = 10

    public init() {}
}
