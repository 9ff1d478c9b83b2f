import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// A stand-in for api.stripe.com on the loopback interface.
///
/// ```swift
/// let server = try await SandboxServer.start(
///     SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
/// // … requests to server.url with the account's key …
/// await server.stop()
/// ```
public final class SandboxServer: Sendable {
    /// The port on 127.0.0.1.
    public let port: Int
    private let service: SandboxService
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let connections: ConnectionSet
    /// Lets happen what is due while the clock runs.
    private let ticks: Task<Void, Never>?
    private let delays = DelayWatch()

    /// What `api_base` has to be, without a slash at the end.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// The time in the sandbox.
    public var clock: SandboxClock { service.clock }

    /// Starts a server; `port` 0 takes a free one.
    /// - Throws: ``SandboxStartError`` for a configuration that cannot be, and when the port is taken.
    public static func start(_ configuration: SandboxConfiguration, port: Int = 0) async throws -> SandboxServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threads))
        let connections = ConnectionSet()
        do {
            let service = try SandboxService(configuration, group: group)
            let listener = try await ServerBootstrap(group: group)
                .serverChannelOption(ChannelOptions.backlog, value: 1_024)
                .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    connections.add(channel)
                    return channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                            withPipeliningAssistance: true, withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(HTTPConnection(service: service))
                    }
                }
                .bind(host: "127.0.0.1", port: port).get()
            return SandboxServer(service, group, listener, connections)
        } catch {
            try? await group.shutdownGracefully()
            guard let taken = error as? IOError, taken.errnoCode == EADDRINUSE else { throw error }
            throw SandboxStartError("port \(port) of 127.0.0.1 is taken: choose another one; 0 takes a free one")
        }
    }

    private init(
        _ service: SandboxService, _ group: MultiThreadedEventLoopGroup, _ listener: any Channel,
        _ connections: ConnectionSet
    ) {
        self.service = service
        self.group = group
        self.listener = listener
        self.connections = connections
        port = listener.localAddress?.port ?? 0
        delays.watch(group)
        let clock = service.clock
        guard clock.runs else {
            ticks = nil
            return
        }
        ticks = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(200))
                clock.tick()
            }
        }
    }

    /// Closes the port and every connection.
    public func stop() async {
        ticks?.cancel()
        for world in service.worlds.values { world.webhooks.close() }
        try? await listener.close()
        connections.closeAll()
        try? await group.shutdownGracefully()
    }

    /// The account of this name.
    /// - Throws: ``SandboxStartError`` if the configuration has none.
    public func world(of name: String) throws -> World {
        guard let world = service.worlds[name] else {
            throw SandboxStartError("the sandbox has no account “\(name)”")
        }
        return world
    }

    /// What was asked so far.
    public var statistics: SandboxStatistics { service.statistics }

    /// By how much the server has been late at most to look at what came: on a busy machine it counts requests of more
    /// than a second as those of one.
    public var longestDelaySeconds: Double { delays.longestSeconds }

    /// What the scripts did so far, account by account in the order of their names.
    public var scripted: [SandboxScript.Done] {
        service.worlds.sorted { $0.key < $1.key }.flatMap { $0.value.scripts.done }
    }

    /// Waits until no webhook of any account is under way or waits for another attempt.
    /// - Returns: whether that came within the time.
    @discardableResult
    public func settleWebhooks(timeoutSeconds: Double = 30) async -> Bool {
        for world in service.worlds.values {
            guard await world.settleWebhooks(timeoutSeconds: timeoutSeconds) else { return false }
        }
        return true
    }
}

/// A configuration that cannot be.
public struct SandboxStartError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it.
    public let description: String

    init(_ description: String) { self.description = description }
}
