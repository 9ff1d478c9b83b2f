import Hummingbird
import Logging
import Runner

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
        try await BoundedServer(address: address, responder: responder, logger: logger)
            .application(onListening: onListening).run()
    }
}
