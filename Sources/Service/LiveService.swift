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
        /// People come by a proxy that speaks TLS: what their browsers keep is sent by TLS alone.
        public var isBehindTLS = false
        public var logger: Logger
        /// Runs beside the server until it stops, such as what empties the outbox.
        public var beside: @Sendable (Pool) async -> Void = { _ in }
        /// Unix seconds, for the age of signatures.
        public var now: @Sendable () -> Int64
        /// Called in the transaction of each webhook's effect, after it, for tests that cut it off there.
        package var webhookCheckpoint: @Sendable () async throws -> Void = {}

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
    private let checks: AccountChecks
    private let responder: ServiceResponder
    /// `nil` where nobody can order.
    private let mailing: Mailing?
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
        /// For the invoices that Stripe has yet to mail, one after the other.
        let mailing: Pool
        let other: Pool

        init(_ target: ConnectionTarget, _ limits: ServiceLimits) {
            func pool(_ size: Int, _ name: String) -> Pool {
                Pool(
                    target, size: size, applicationName: "trueup serve \(name)",
                    waitSecondsMaximum: limits.waitSeconds)
            }
            webhooks = pool(limits.webhookConnections, "webhooks")
            orders = pool(limits.orderConnections, "orders")
            mailing = pool(1, "mailing")
            other = pool(limits.otherConnections, "other")
        }

        func close() async {
            await webhooks.close()
            await orders.close()
            await mailing.close()
            await other.close()
        }
    }

    /// - Throws: ``RunError`` or `ContractError` where the tables are not what the jobs say.
    public static func open(_ setup: Setup, target: ConnectionTarget) async throws -> LiveService {
        let pools = Pools(target, setup.limits)
        do {
            let checks = AccountChecks(setup.accounts)
            return LiveService(setup, pools, checks, try await routes(setup, pools, checks))
        } catch {
            await pools.close()
            throw error
        }
    }

    /// Has Stripe mail what was left over.
    private struct Mailing: Sendable {
        let account: String
        let ordering: CreditOrdering
    }

    private struct Made {
        var routes: [Route] = []
        var figures = ServiceFigures()
        var mailing: Mailing?
    }

    private init(_ setup: Setup, _ pools: Pools, _ checks: AccountChecks, _ made: Made) {
        self.setup = setup
        self.pools = pools
        self.checks = checks
        mailing = made.mailing
        responder = ServiceResponder(
            routes: made.routes, limits: setup.limits, figures: made.figures, logger: setup.logger)
    }

    private static func routes(_ setup: Setup, _ pools: Pools, _ checks: AccountChecks) async throws -> Made {
        var made = Made()
        let figures = made.figures
        func desk(_ accounts: [LiveAccount]) -> WebhookDesk {
            WebhookDesk(
                accounts: accounts, checks: checks, pool: pools.webhooks, canSend: setup.canSend,
                delivery: setup.jobs.settings.delivery, figures: figures, now: setup.now,
                checkpoint: setup.webhookCheckpoint)
        }
        let door = Doorkeeper(tokens: APITokens(pool: pools.other))
        let limit = setup.limits.webhookBytesMax
        for path in [LiveTables.otherPath, LiveTables.creditsPath] {
            // One without a secret has no signature that could fit, and nothing to say about others'.
            let desk = desk(setup.accounts.filter { $0.tables.webhookPath == path && !$0.secrets.isEmpty })
            made.routes.append(
                Route(.post, path, bodyBytesMax: limit) { call in try JSONAnswer.make(try await desk.receive(call)) })
        }
        if let seller = setup.accounts.first(where: { $0.tables.orders != nil }), let table = seller.tables.orders {
            var ordering = CreditOrdering(table: table, client: seller.client, pool: pools.orders)
            ordering.turnSeconds = setup.limits.turnSeconds
            let orders = CreditOrderDesk(
                door: door, pool: pools.other, table: table, ordering: ordering, account: seller.name, checks: checks)
            made.mailing = Mailing(
                account: seller.name,
                ordering: CreditOrdering(table: table, client: seller.client, pool: pools.mailing))
            made.routes += orders.routes(bodyBytesMax: setup.limits.bodyBytesMax)
        }
        made.routes += HealthDesk(pool: pools.other, figures: figures).routes()
        made.routes += StatusDesk(
            door: door, pool: pools.other, jobs: setup.jobs.jobs, sessions: StatusSessions(),
            isBehindTLS: setup.isBehindTLS, now: setup.now
        ).routes(bodyBytesMax: setup.limits.bodyBytesMax)
        made.routes.append(
            Route(.get, "/openapi.json") { _ in
                Response(
                    status: .ok, headers: [.contentType: "application/json; charset=utf-8"],
                    body: .init(byteBuffer: ByteBuffer(string: OpenAPIDocument.json)))
            })
        return made
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
    /// - Throws: `AccountChanged` or `StripeError` where a key is not that of its account, before it listens or once
    ///   Stripe says so; ``ListenFailure``.
    public func run(stoppingOn signals: [UnixSignal]) async throws {
        let result: Result<Void, any Error>
        do {
            try await checks.begin(pool: pools.other, logger: setup.logger)
            result = .success(try await serve(stoppingOn: signals))
        } catch {
            result = .failure(error)
        }
        tell { $0.hasEnded = true }
        await pools.close()
        try result.get()
    }

    private func serve(stoppingOn signals: [UnixSignal]) async throws {
        let limits = setup.limits
        var quiet = setup.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let application = BoundedServer(address: setup.listen, responder: responder, logger: quiet).application {
            [self] port in tell { $0.port = port }
        }
        let beside = Beside(body: { [setup, pools] in await setup.beside(pools.other) })
        let mails = Beside(body: { [self] in await mailWaiting() })
        let asking = Beside(body: { [checks, setup, pools] in
            try await checks.goOn(everySeconds: limits.verifySeconds, pool: pools.other, logger: setup.logger)
        })
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(service: application), .init(service: beside), .init(service: mails), .init(service: asking),
            ],
            gracefulShutdownSignals: signals,
            logger: quiet)
        configuration.maximumGracefulShutdownDuration = .seconds(limits.stopSeconds)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            let isListening = bound.withLock { $0.port != nil }
            guard isListening || AccountChecks.isFinal(error) else {
                throw ListenFailure(address: setup.listen, reason: "\(error)")
            }
            throw error
        }
    }
}

extension LiveService {
    /// Has Stripe mail the invoices that were left over by a crash, or by a Stripe that was away.
    private func mailWaiting() async {
        guard let mailing else { return }
        var before = ""
        while !Task.isCancelled {
            do {
                // Another account would not know the invoices, and none of them would ever be mailed.
                if checks.isVerified(mailing.account) {
                    try await mailing.ordering.mailWaiting { [logger = setup.logger] invoice, reason in
                        logger.warning(
                            "an invoice is not mailed",
                            metadata: [
                                "trueup.account": .string(mailing.account), "trueup.invoice": .string(invoice),
                                "trueup.reason": .string(reason),
                            ])
                    }
                }
                before = ""
            } catch {
                let reason = (error as? PostgresError)?.brief ?? "\(error)"
                // The same trouble is said once, not every few seconds.
                if !Task.isCancelled, reason != before {
                    before = reason
                    setup.logger.warning("invoices wait to be mailed", metadata: ["trueup.reason": .string(reason)])
                }
            }
            do { try await Task.sleep(for: .seconds(setup.limits.mailSeconds)) } catch { return }
        }
    }

    /// Takes a webhook in as if it had been posted, without a socket, for tests that deliver by the thousand.
    /// - Returns: the status of the answer.
    /// - Throws: what the checkpoint throws.
    package func take(webhook path: String, body: [UInt8], signature: String) async throws -> Int {
        guard let route = responder.routes.first(where: { $0.method == .post && $0.path == path }) else { return 404 }
        var head = HTTPRequest(method: .post, scheme: nil, authority: nil, path: path)
        head.headerFields[HTTPFieldName.stripeSignature] = signature
        let call = Call(
            head: head, query: [:], parameters: [:], body: body, requestID: "", logger: setup.logger)
        do {
            return try await route.handle(call).status.code
        } catch let error where error is APIError || error is PostgresError || error is StripeError {
            return ServiceResponder.fault(of: error, logger: setup.logger).status.code
        }
    }

    /// Ends what ``take(webhook:body:signature:)`` has opened; a service that runs does so by itself.
    package func close() async { await pools.close() }
}

/// The address cannot be listened on.
public struct ListenFailure: Error, CustomStringConvertible {
    public let address: ListenAddress
    public let reason: String

    public var description: String { "cannot listen at \(address): \(reason). Is another program there?" }
}

/// What runs beside the server, stopped with it.
private struct Beside: Service {
    let body: @Sendable () async throws -> Void

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await body() }
        // A service that ends takes the group with it.
        try? await gracefulShutdown()
    }
}
