import NIOCore
import NIOHTTP1
import NIOPosix

/// Where webhooks go: a port of this machine and a path.
struct LoopbackTarget: Sendable {
    let host: String
    let port: Int
    let path: String

    /// Reads `http://127.0.0.1:PORT/PATH`, `localhost` or `[::1]`; nothing leaves this machine.
    init(_ url: String) throws(SandboxStartError) {
        let refusal = SandboxStartError(
            "“\(url)” cannot take webhooks: it has to be http://127.0.0.1:PORT/PATH, because the sandbox sends to this "
                + "machine only")
        guard url.hasPrefix("http://") else { throw refusal }
        let rest = url.dropFirst(7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let colon = authority.lastIndex(of: ":")
        let isNumbered = colon.map { !authority[$0...].contains("]") } ?? false
        let name = isNumbered ? authority[..<(colon ?? authority.endIndex)] : authority
        let number = isNumbered ? Int(authority[authority.index(after: colon ?? authority.startIndex)...]) : 80
        guard ["127.0.0.1", "localhost", "[::1]"].contains(name), let number, (1...65_535).contains(number) else {
            throw refusal
        }
        host = name == "[::1]" ? "::1" : "127.0.0.1"
        port = number
        let tail = rest[authority.endIndex...].prefix { $0 != "#" }
        guard tail.allSatisfy({ $0.isASCII && !$0.isWhitespace && $0 > " " }) else { throw refusal }
        path = tail.hasPrefix("/") ? String(tail) : "/" + tail
    }

    /// The status of the answer; 0 where none came within the time.
    func post(
        _ body: ByteBuffer, signature: String, on group: any EventLoopGroup, timeoutMilliseconds: Int
    ) async -> Int {
        let loop = group.next()
        let answered = loop.makePromise(of: Int.self)
        let end = loop.scheduleTask(in: .milliseconds(Int64(timeoutMilliseconds))) { answered.succeed(0) }
        ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(timeoutMilliseconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(AnswerStatus(answered))
                }
            }
            .connect(host: host, port: port)
            .whenComplete { result in
                switch result {
                case .failure: answered.succeed(0)
                case .success(let channel):
                    let isOver = answered.futureResult.map { _ in () }
                    isOver.whenComplete { _ in channel.close(promise: nil) }
                    send(body, signature: signature, to: channel)
                }
            }
        let status = (try? await answered.futureResult.get()) ?? 0
        end.cancel()
        return status
    }

    private func send(_ body: ByteBuffer, signature: String, to channel: any Channel) {
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path)
        head.headers = [
            "Host": "\(host == "::1" ? "[::1]" : host):\(port)", "Content-Length": String(body.readableBytes),
            "Content-Type": "application/json; charset=utf-8", "Accept": "*/*; q=0.5, application/xml",
            "Cache-Control": "no-cache", "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature, "Connection": "close",
        ]
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }
}

/// Takes the status of one answer; a connection that ends before has none.
private final class AnswerStatus: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answered: EventLoopPromise<Int>
    private var status = 0

    init(_ answered: EventLoopPromise<Int>) { self.answered = answered }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body: break
        case .end: answered.succeed(status)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { answered.succeed(0) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered.succeed(0)
        context.close(promise: nil)
    }
}
