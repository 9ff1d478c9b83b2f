import NIOCore
import NIOHTTP1

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One connection: gathers requests, writes answers, and breaks off where a fault says so.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// More than any request that Stripe takes.
    private static let bodyLimit = 4 << 20

    private let service: SandboxService
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()

    init(service: SandboxService) { self.service = service }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= Self.bodyLimit else {
                context.close(promise: nil)
                return
            }
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            self.head = nil
            let request = SandboxRequest(
                method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body)
            let now = Int64(NIODeadline.now().uptimeNanoseconds)
            let outcome = service.answer(request, nowNanoseconds: now)
            schedule(outcome, keepsAlive: head.isKeepAlive, version: head.version, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func schedule(
        _ outcome: Outcome, keepsAlive: Bool, version: HTTPVersion, context: ChannelHandlerContext
    ) {
        guard outcome.delayNanoseconds > 0 else {
            return finish(outcome, keepsAlive: keepsAlive, version: version, context: context)
        }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .nanoseconds(outcome.delayNanoseconds)) {
            let (connection, context) = bound.value
            connection.finish(outcome, keepsAlive: keepsAlive, version: version, context: context)
        }
    }

    private func finish(
        _ outcome: Outcome, keepsAlive: Bool, version: HTTPVersion, context: ChannelHandlerContext
    ) {
        outcome.finish?()
        switch outcome.fault {
        // The connection stays open and silent until the client gives up.
        case .timeout, .timeoutAfter: return
        case .reset, .resetAfter: return reset(context)
        default: break
        }
        let isCut = outcome.fault == .cut
        var answerHead = HTTPResponseHead(
            version: version, status: HTTPResponseStatus(statusCode: outcome.answer.status))
        answerHead.headers = headers(outcome, keepsAlive: keepsAlive)
        context.write(wrapOutboundOut(.head(answerHead)), promise: nil)
        var body = outcome.answer.body
        if isCut { body.moveWriterIndex(to: body.readerIndex + body.readableBytes / 2) }
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        if isCut {
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))).whenComplete { _ in
                bound.value.close(promise: nil)
            }
            return
        }
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keepsAlive { done.whenComplete { _ in bound.value.close(promise: nil) } }
    }

    private func headers(_ outcome: Outcome, keepsAlive: Bool) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers.add(name: "Server", value: "nginx")
        headers.add(name: "Date", value: HTTPDate.text(seconds: service.clock.nowSeconds))
        if !outcome.headers.contains(where: { $0.0 == "Content-Type" }) {
            headers.add(name: "Content-Type", value: "application/json")
        }
        headers.add(name: "Content-Length", value: String(outcome.answer.body.readableBytes))
        headers.add(name: "Connection", value: keepsAlive ? "keep-alive" : "close")
        for (name, value) in outcome.headers { headers.add(name: name, value: value) }
        return headers
    }

    /// Closes with RST instead of FIN: a linger time of zero throws away what was not sent.
    private func reset(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        guard let options = context.channel as? any SocketOptionProvider else {
            context.close(promise: nil)
            return
        }
        options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }
}
