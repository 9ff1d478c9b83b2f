import Curl

extension StripeClient {
    /// A page of invoices. See https://docs.stripe.com/api/invoices/list
    public func invoices(_ query: ListQuery) async throws(StripeError) -> Page<Invoice> {
        try await page(query, "/v1/invoices")
    }

    /// A page of payment intents. See https://docs.stripe.com/api/payment_intents/list
    public func paymentIntents(_ query: ListQuery) async throws(StripeError) -> Page<PaymentIntent> {
        try await page(query, "/v1/payment_intents")
    }

    /// A page of events, of the last 30 days. See https://docs.stripe.com/api/events/list
    public func events(_ query: ListQuery) async throws(StripeError) -> Page<Event> {
        try await page(query, "/v1/events")
    }

    /// A page of invoices whose texts are not copied. See `RawInvoicePage`.
    public func invoicePage(_ query: ListQuery) async throws(StripeError) -> RawInvoicePage {
        RawInvoicePage(try await rawPage(query, "/v1/invoices"))
    }

    /// A page of payment intents whose texts are not copied. See `RawIntentPage`.
    public func intentPage(_ query: ListQuery) async throws(StripeError) -> RawIntentPage {
        RawIntentPage(try await rawPage(query, "/v1/payment_intents"))
    }

    /// One invoice. A deleted draft is `notFound`. See https://docs.stripe.com/api/invoices/retrieve
    public func invoice(_ id: String) async throws(StripeError) -> Retrieved<Invoice> {
        try await read(call(.get, "/v1/invoices/:id", id), id)
    }

    /// One payment intent; with `expandingCharge` it says when its latest charge was made (`chargedSeconds`).
    /// See https://docs.stripe.com/api/payment_intents/retrieve
    public func paymentIntent(
        _ id: String, expandingCharge: Bool = false
    ) async throws(StripeError) -> Retrieved<PaymentIntent> {
        let parameters = FormParameters(expandingCharge ? [("expand", .array([.text("latest_charge")]))] : [])
        return try await read(call(.get, "/v1/payment_intents/:id", id, parameters), id)
    }

    /// One event, of the last 30 days. See https://docs.stripe.com/api/events/retrieve
    public func event(_ id: String) async throws(StripeError) -> Retrieved<Event> {
        try await read(call(.get, "/v1/events/:id", id), id)
    }

    /// A call about one object; an id that would lead elsewhere is refused.
    func call(
        _ method: HTTPRequest.Method, _ template: String, _ id: String, _ parameters: FormParameters = .init()
    ) throws(StripeError) -> Call {
        let path = template.replacing(":id", with: FormParameters.escaped(id))
        let call = Call(method: method, template: template, path: path, parameters: parameters)
        guard !id.isEmpty, id != ".", id != ".." else {
            throw error(.invalidRequest, "the id \"\(id)\" names no object", call)
        }
        return call
    }

    private func rawPage<Object: ListedObject>(
        _ query: ListQuery, _ path: String
    ) async throws(StripeError) -> DecodedPage<Object> {
        let (rows, response, requestID) = try await list(Object.self, query, path)
        return DecodedPage(
            rows: rows, requestID: requestID, byteCount: response.body.count,
            transferMicroseconds: response.timings.totalMicroseconds)
    }

    /// A page of a list, checked against the query and the account.
    func page<Object: ListedObject>(
        _ query: ListQuery, _ path: String
    ) async throws(StripeError) -> Page<Object> {
        let (rows, response, requestID) = try await list(Object.self, query, path)
        return Page(
            objects: rows.objects, hasMore: rows.hasMore, requestID: requestID, byteCount: response.body.count,
            transferMicroseconds: response.timings.totalMicroseconds)
    }

    private func list<Object: ListedObject>(
        _: Object.Type, _ query: ListQuery, _ path: String
    ) async throws(StripeError) -> (Rows<Object>, HTTPResponse, String) {
        let call = Call(method: .get, template: path, path: path, parameters: query.parameters)
        if let fault = query.fault {
            throw error(.invalidRequest, fault, call)
        }
        let mode = try await verifiedMode()
        let answer = try await send(call)
        let rows: Rows<Object>
        do {
            rows = try self.rows(Object.self, answer.response, isList: true)
        } catch {
            throw undecodable(error, answer, call)
        }
        if let (kind, fault) = Self.fault(in: rows, query, mode) {
            throw with(answer, error(kind, fault, call))
        }
        return (rows, answer.response, answer.requestID)
    }

    /// Sends a call about one object and checks that the answer is about it.
    func read<Object: ListedObject>(
        _ call: Call, _ id: String?
    ) async throws(StripeError) -> Retrieved<Object> {
        let mode = try await verifiedMode()
        let answer = try await send(call)
        return Retrieved(value: try checked(answer, call, id, mode), requestID: answer.requestID)
    }

    private func checked<Object: ListedObject>(
        _ answer: Answer, _ call: Call, _ id: String?, _ mode: AccountMode
    ) throws(StripeError) -> Object {
        let rows: Rows<Object>
        do {
            rows = try self.rows(Object.self, answer.response, isList: false)
        } catch {
            throw undecodable(error, answer, call)
        }
        let (found, livemode) = rows.withRows { (Object.id($0[0]).text, Object.livemode($0[0])) }
        if let id, found != id {
            throw with(answer, error(.decoding, "asked for \(id), the answer is about \(found)", call))
        }
        if let livemode, livemode != (mode == .live) {
            throw with(answer, error(.wrongMode, Self.modeFault(found, livemode), call))
        }
        return rows.withRows { Object($0[0]) }
    }

    /// What contradicts the query or the account in a page. One bad object spoils the page: nothing of it is used.
    private static func fault<Object: ListedObject>(
        in rows: Rows<Object>, _ query: ListQuery, _ mode: AccountMode
    ) -> (StripeError.Kind, String)? {
        // Every list comes through here: what says that it goes on and does not say where is no end for anybody.
        if rows.count == 0, rows.hasMore {
            return (.decoding, "the page is empty and says that there is more: the list cannot be read to its end")
        }
        return rows.withRows { rows in
            if rows.count > query.limit {
                return (.decoding, "the page holds \(rows.count) objects, asked for at most \(query.limit)")
            }
            let cursor = (query.startingAfter ?? query.endingBefore).map { Array($0.utf8) }
            var newer = Int64.max
            for (index, row) in rows.enumerated() {
                let created = Object.createdSeconds(row)
                let name = { "object \(index) (\(Object.id(row).text))" }
                if let livemode = Object.livemode(row), livemode != (mode == .live) {
                    return (.wrongMode, modeFault(name(), livemode))
                }
                if created > newer, Object.isListedNewestFirst {
                    return (.decoding, "\(name()) is newer than the one before it: the list is out of order")
                }
                if created < query.createdFrom ?? .min || created >= query.createdTo ?? .max {
                    return (.decoding, "\(name()) was created at \(created), outside the window asked for")
                }
                if let cursor, let id = Object.id(row).raw, id.elementsEqual(cursor) {
                    return (.decoding, "\(name()) is the cursor itself: the page repeats")
                }
                newer = created
            }
            return nil
        }
    }

    private static func modeFault(_ name: String, _ livemode: Bool) -> String {
        "\(name) is \(livemode ? "live" : "test") data, the account is \(livemode ? "test" : "live")"
    }

    /// The error of an answer that was 2xx, and is not to be used all the same.
    func with(_ answer: Answer, _ error: StripeError) -> StripeError {
        var error = error
        error.status = answer.response.status
        error.requestID = answer.response.headers["Request-Id"].map(clean)
        error.attempts = answer.attempts
        // A change that was answered with 2xx has been made, even when the answer cannot be read.
        error.outcomeIsUnknown = error.method != "GET"
        return error
    }

    func undecodable(_ failure: DecodingFailure, _ answer: Answer, _ call: Call) -> StripeError {
        switch failure.kind {
        case .empty, .notJSON:
            with(answer, error(.unexpectedAnswer(excerpt: excerpt(answer.response)), failure.words, call))
        case .broken, .wrongObject, .missing, .wrongType, .noMemory:
            with(answer, error(.decoding, failure.words, call))
        }
    }
}
