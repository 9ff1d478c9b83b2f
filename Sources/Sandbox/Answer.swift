import NIOCore

/// What a request is answered, before headers.
struct Answer: Sendable {
    var status: Int
    var body: ByteBuffer
    /// The ids of a page, where a script of changes wants to know them.
    var listed: [String] = []

    init(status: Int = 200, body: ByteBuffer) {
        self.status = status
        self.body = body
    }

    /// A JSON object; error bodies end with a line break, others do not, as recorded.
    init(status: Int = 200, _ json: JSON, endsWithLineBreak: Bool = false) {
        self.init(status: status, bound: json.sizeBound(depth: 0) + 1) { pen in
            json.write(depth: 0, to: &pen)
            if endsWithLineBreak { pen.text("\n") }
        }
    }

    /// What `write` writes in at most `bound` bytes.
    init(status: Int = 200, bound: Int, _ write: (inout Pen) -> Void) {
        var body = ByteBufferAllocator().buffer(capacity: bound)
        body.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
            var pen = Pen(memory)
            write(&pen)
            return pen.count
        }
        self.init(status: status, body: body)
    }

    /// A page of a list.
    /// - Parameters:
    ///   - bound: an upper bound of what one row needs.
    ///   - write: writes a row; its first line stands at depth 2.
    init<Row>(
        list page: ListPage<Row>, url: String, ids: [String] = [], bound: (Row) -> Int, write: (Row, inout Pen) -> Void
    ) {
        let size = page.rows.reduce(256 + url.utf8.count * 6) { $0 + bound($1) + 16 }
        self.init(bound: size) { pen in
            pen.text("{\n  \"object\": \"list\",\n  \"data\": [")
            for (position, row) in page.rows.enumerated() {
                pen.text(position > 0 ? ",\n    " : "\n    ")
                write(row, &pen)
            }
            pen.text(page.rows.isEmpty ? "],\n  \"has_more\": " : "\n  ],\n  \"has_more\": ")
            pen.boolean(page.hasMore)
            if let total = page.total {
                pen.text(",\n  \"total_count\": ")
                pen.integer(Int64(total))
            }
            pen.text(",\n  \"url\": ")
            pen.quoted(url)
            pen.text("\n}")
        }
        listed = ids
    }

    /// A page without a row that says there is more.
    static func emptyPage(of url: String) -> Answer {
        Answer(list: ListPage<String>(rows: [], hasMore: true), url: url, bound: { _ in 0 }, write: { _, _ in })
    }

    /// An error. Unauthenticated answers and those before a request id have no link to the log.
    init(_ error: SandboxError, requestID: String?, version: SandboxAPIVersion?, account: String?, nowSeconds: Int64) {
        var members: [(String, JSON)] = []
        if let charge = error.charge { members.append(("charge", .string(charge))) }
        if let code = error.code {
            members.append(("code", .string(code)))
            if let decline = error.declineCode { members.append(("decline_code", .string(decline))) }
            let page = String(code.map { $0 == "_" ? "-" : $0 })
            members.append(("doc_url", .string("https://stripe.com/docs/error-codes/\(page)")))
        }
        members.append(("message", .string(error.message)))
        if let param = error.param { members.append(("param", .string(param))) }
        if let intent = error.paymentIntent { members.append(("payment_intent", .raw(intent))) }
        if let requestID {
            let log =
                version == .dahlia
                ? "https://dashboard.stripe.com/\(account ?? "")/test/workbench/logs?object=\(requestID)"
                : "https://dashboard.stripe.com/test/logs/\(requestID)?t=\(nowSeconds)"
            members.append(("request_log_url", .string(log)))
        }
        members.append(("type", .string(error.type)))
        self.init(
            status: error.status, .object([("error", .object(members))]), endsWithLineBreak: true)
    }
}
