import Hummingbird
import HummingbirdCore
import Logging

/// An HTTP/1.1 server on one address, with the bounds of ``ServiceLimits``: the service's own, and that of the metrics
/// of a scheduler.
struct BoundedServer: Sendable {
    let address: ListenAddress
    let responder: ServiceResponder
    let logger: Logger

    /// The application, which serves once it runs.
    /// - Parameter onListening: told the port once it listens, which for port 0 is the one that the system chose.
    func application(
        onListening: @escaping @Sendable (Int) -> Void
    ) -> Application<ServiceResponder> {
        let limits = responder.limits
        let builder = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [HeadGuard()], idleTimeout: .seconds(Int64(limits.idleSeconds)),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytesMax, maxHeaderListSize: limits.headerBytesMax,
                    maxHeaderFieldCount: limits.headerFieldsMax)))
        let asked = address.port
        return Application(
            responder: responder, server: builder,
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: asked),
                availableConnectionsDelegate: MaximumAvailableConnections(limits.connectionsMax)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? asked) }, logger: logger)
    }
}
