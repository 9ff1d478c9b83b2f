import Hummingbird
import Logging
import Runner
import ServiceLifecycle

/// Serves `GET /metrics` to Prometheus, and nothing else, within the bounds of the service.
public struct MetricsServer: Sendable {
    private let address: ListenAddress
    private let logger: Logger
    private let text: @Sendable () async -> String

    /// - Parameters:
    ///   - logger: for what the server itself has to say.
    ///   - text: the metrics as they are at this moment.
    public init(address: ListenAddress, logger: Logger, text: @escaping @Sendable () async -> String) {
        self.address = address
        self.logger = logger
        self.text = text
    }

    /// Serves until the task is cancelled.
    /// - Parameter onListening: told the port once it listens, which for port 0 is the one that the system chose.
    /// - Throws: where the address cannot be listened on.
    public func run(onListening: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
        let text = text
        let route = Route(.get, "/metrics") { _ in
            Response(
                status: .ok, headers: [.contentType: MetricsText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: await text())))
        }
<<<<<<< HEAD
        let responder = ServiceResponder(
            routes: [route], limits: ServiceLimits(), figures: ServiceFigures(), logger: logger)
        try await BoundedServer(address: address, responder: responder, logger: logger)
            .application(onListening: onListening).run()
=======
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) }, logger: logger)
        var configuration = ServiceGroupConfiguration(services: [application], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(3)
        let group = ServiceGroup(configuration: configuration)
        // Of its own, so that a stop that was asked for is none that the server has to report as an error.
        let serving = Task { try await group.run() }
        try await withTaskCancellationHandler {
            try await serving.value
        } onCancel: {
            Task { await group.triggerGracefulShutdown() }
        }
>>>>>>> a10e473b66c3ad66ceb1f481c25c94256c450dea
    }
}
