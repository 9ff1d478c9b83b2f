import Hummingbird
import Logging
import Runner

/// Serves `GET /metrics` to Prometheus, and nothing else.
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
        let router = Router()
        let text = text
        router.get("metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: MetricsText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: await text())))
        }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) }, logger: logger)
        try await application.run()
    }
}
