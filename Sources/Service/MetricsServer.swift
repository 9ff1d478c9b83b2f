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
        let responder = ServiceResponder(
            routes: [route], limits: ServiceLimits(), figures: ServiceFigures(), logger: logger)
        let application = BoundedServer(address: address, responder: responder, logger: logger)
            .application(onListening: onListening)
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
    }
}
