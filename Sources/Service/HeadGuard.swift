import Jobs
import NIOCore
import NIOHTTP1

/// Answers a head that is too large with 431 instead of Hummingbird's 400, and any other head that is no HTTP with 400,
/// as JSON.
final class HeadGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    /// Stands nearest to the socket: what is written from there is bytes.
    private final class Mouth: ChannelOutboundHandler, RemovableChannelHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
    }

    private var hasAnswered = false

    func handlerAdded(context: ChannelHandlerContext) {
        do {
            try context.pipeline.syncOperations.addHandler(Mouth(), position: .first)
        } catch {
            context.fireErrorCaught(error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !hasAnswered { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !hasAnswered else { return }
        hasAnswered = true
        let isTooLarge = error == .headerOverflow
        let status = isTooLarge ? "431 Request Header Fields Too Large" : "400 Bad Request"
        let answer = APIError(
            isTooLarge ? .requestHeaderFieldsTooLarge : .badRequest, isTooLarge ? "headers_too_large" : "not_http",
            isTooLarge ? "The request's line and header fields are too large." : "This is no HTTP/1.1 request.")
        let body =
            "{\"error\":{\"code\":\(JSONText.quoted(answer.code)),\"message\":\(JSONText.quoted(answer.message))}}"
        let text =
            "HTTP/1.1 \(status)\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n"
            + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
        do {
            let mouth = try context.pipeline.syncOperations.context(handlerType: Mouth.self)
            let channel = context.channel
            mouth.writeAndFlush(NIOAny(ByteBuffer(string: text))).whenComplete { _ in
                // The rest of what was sent is not read; closing at once would reset the connection under the answer.
                channel.eventLoop.scheduleTask(in: .milliseconds(500)) { channel.close(promise: nil) }
            }
        } catch {
            context.close(promise: nil)
        }
    }
}
