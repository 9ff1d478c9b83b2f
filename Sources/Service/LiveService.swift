import Hummingbird
import HummingbirdCore
import Jobs
import Logging
import NIOCore
import PostgreSQL
import Runner
import ServiceLifecycle
import Store
import Stripe
import Synchronization
import UnixSignals

/// `trueup serve`: webhooks, credit orders, figures and the status page on one address.
///
/// ```swift
/// let service = try await LiveService.open(setup, target: target)
/// try await service.run(stoppingOn: [.sigterm, .sigint])
/// ```
public final class LiveService: Sendable {
    /// What it is made of.
    public struct Setup: Sendable {
        public var listen: ListenAddress
        public var accounts: [LiveAccount]
        public var jobs: JobSet
        /// There is a way for mail: notices can be sent.
        public var canSend: Bool
        public var limits: ServiceLimits
        public var logger: Logger
        /// Runs beside the server until it stops, such as what empties the outbox.
        public var beside: @Sendable (Pool) async -> Void = { _ in }
        /// Unix seconds, for the age of signatures.
        public var now: @Sendable () -> Int64

        public init(
            listen: ListenAddress, accounts: [LiveAccount], jobs: JobSet, canSend: Bool,
            limits: ServiceLimits = ServiceLimits(), logger: Logger, now: @escaping @Sendable () -> Int64
        ) {
            self.listen = listen
            self.accounts = accounts
            self.jobs = jobs
            self.canSend = canSend
            self.limits = limits
            self.logger = logger
            self.now = now
        }
    }

    private let setup: Setup
    private let pools: Pools
    private let responder: ServiceResponder
    private let bound = Mutex(Bound())

    /// Where it listens, and who wants to know.
    private struct Bound {
        var port: Int?
        var hasEnded = false
        var waiters: [CheckedContinuation<Int?, Never>] = []
    }

    /// Webhooks, orders under way and everything else: none of them can take the others' connections.
    private struct Pools: Sendable {
        let webhooks: Pool
        let orders: Pool
        let other: Pool

        init(_ target: ConnectionTarget, _ limits: ServiceLimits) {
            func pool(_ size: Int, _ name: String) -> Pool {
                Pool(
                    target, size: size, applicationName: "trueup serve \(name)",
                    waitSecondsMaximum: limits.waitSeconds)
            }
            webhooks = pool(limits.webhookConnections, "webhooks")
            orders = pool(limits.otherConnections, "orders")
            other = pool(limits.otherConnections, "other")
        }

        func close() async {
            await webhooks.close()
            await orders.close()
            await other.close()
        }
    }

    /// - Throws: ``RunError`` or `ContractError` where the tables are not what the jobs say.
    public static func open(_ setup: Setup, target: ConnectionTarget) async throws -> LiveService {
        let pools = Pools(target, setup.limits)
        do {
            return LiveService(setup, pools, try await routes(setup, pools))
        } catch {
            await pools.close()
            throw error
        }
    }

    private init(_ setup: Setup, _ pools: Pools, _ made: (routes: [Route], figures: ServiceFigures)) {
        self.setup = setup
        self.pools = pools
        responder = ServiceResponder(
            routes: made.routes, limits: setup.limits, figures: made.figures, logger: setup.logger)
    }

    private static func routes(
        _ setup: Setup, _ pools: Pools
    ) async throws -> (routes: [Route], figures: ServiceFigures) {
        let figures = ServiceFigures()
        func desk(_ accounts: [LiveAccount]) -> WebhookDesk {
            WebhookDesk(
                accounts: accounts, pool: pools.webhooks, canSend: setup.canSend, figures: figures, now: setup.now)
        }
        let door = Doorkeeper(tokens: APITokens(pool: pools.other))
        let limit = setup.limits.webhookBytesMax
        var routes: [Route] = []
        for (path, isCredits) in [("/stripe/webhook", false), ("/stripe/credits-webhook", true)] {
            let desk = desk(setup.accounts.filter { ($0.tables.orders != nil) == isCredits })
            routes.append(
                Route(.post, path, bodyBytesMax: limit) { call in try JSONAnswer.make(try await desk.receive(call)) })
        }
        if let seller = setup.accounts.first(where: { $0.tables.orders != nil }), let table = seller.tables.orders {
            let ordering = CreditOrdering(table: table, client: seller.client, pool: pools.orders)
            let orders = CreditOrderDesk(door: door, pool: pools.other, table: table, ordering: ordering)
            routes += orders.routes(bodyBytesMax: setup.limits.bodyBytesMax)
        }
        routes += HealthDesk(pool: pools.other, figures: figures).routes()
        routes += StatusDesk(
            door: door, pool: pools.other, jobs: setup.jobs.jobs, sessions: StatusSessions(), now: setup.now
        ).routes(bodyBytesMax: setup.limits.bodyBytesMax)
        routes.append(
            Route(.get, "/openapi.json") { _ in
                Response(
                    status: .ok, headers: [.contentType: "application/json; charset=utf-8"],
                    body: .init(byteBuffer: ByteBuffer(string: OpenAPIDocument.json)))
            })
        return (routes, figures)
    }

    /// What it answers, for tests of the document.
    package var routeNames: [(method: String, path: String)] {
        responder.routes.map { ($0.method.rawValue, $0.path) }
    }

    /// The port that it listens on, once it does; nil where it has ended without.
    public func port() async -> Int? {
        await withCheckedContinuation { continuation in
            let (port, isKnown) = bound.withLock { state -> (Int?, Bool) in
                if state.port != nil || state.hasEnded { return (state.port, true) }
                state.waiters.append(continuation)
                return (nil, false)
            }
            if isKnown { continuation.resume(returning: port) }
        }
    }

    private func tell(_ change: (inout Bound) -> Void) {
        let (port, waiters) = bound.withLock { state in
            change(&state)
            defer { state.waiters = [] }
            return (state.port, state.waiters)
        }
        for waiter in waiters { waiter.resume(returning: port) }
    }

    /// Serves until one of the signals comes, or the task is cancelled. After a signal no connection is accepted any
    /// more, and requests under way have `limits.stopSeconds` to end.
    public func run(stoppingOn signals: [UnixSignal]) async throws {
        let limits = setup.limits
        let builder = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [HeadGuard()], idleTimeout: .seconds(Int64(limits.idleSeconds)),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytesMax, maxHeaderListSize: limits.headerBytesMax,
                    maxHeaderFieldCount: limits.headerFieldsMax)))
        var quiet = setup.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let application = Application(
            responder: responder, server: builder,
            configuration: ApplicationConfiguration(
                address: .hostname(setup.listen.host, port: setup.listen.port),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionsMax)),
            onServerRunning: { [self] channel in
                tell { $0.port = channel.localAddress?.port ?? setup.listen.port }
            },
            logger: quiet)
        let beside = Beside(body: { [setup, pools] in await setup.beside(pools.other) })
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: application), .init(service: beside)], gracefulShutdownSignals: signals,
            logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(limits.stopSeconds)
        let result: Result<Void, any Error>
        do {
            result = .success(try await ServiceGroup(configuration: configuration).run())
        } catch {
            let isListening = bound.withLock { $0.port != nil }
            result = .failure(isListening ? error : ListenFailure(address: setup.listen, reason: "\(error)"))
        }
        tell { $0.hasEnded = true }
        await pools.close()
        try result.get()
    }
}

/// The address cannot be listened on.
public struct ListenFailure: Error, CustomStringConvertible {
    public let address: ListenAddress
    public let reason: String

    public var description: String { "cannot listen at \(address): \(reason). Is another program there?" }
}

/// What runs beside the server, stopped with it.
private struct Beside: Service {
    let body: @Sendable () async -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown { await body() }
        // A service that ends takes the group with it.
        try? await gracefulShutdown()
    }
}
