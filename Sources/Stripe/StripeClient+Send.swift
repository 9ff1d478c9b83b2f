import Curl

extension StripeClient {
    /// Sends a call until it succeeds or the policy gives up. Nothing is checked before: `verified` callers come here.
    func send(_ call: Call) async throws(StripeError) -> Answer {
        var request = httpRequest(call)
        let startedAt = clock.now()
        var attempts = 0
        var mayHaveActed = false
        while true {
            let permittedUntil = try await permission(call, attempts: attempts, mayHaveActed: mayHaveActed)
            request.notAfter = [permittedUntil, call.notAfter].compactMap(\.self).min()
            // One whose permission ended on the way was not sent, and is no attempt.
            guard let outcome = await attempt(request, call, isRetry: attempts > 0) else {
                guard let end = call.notAfter, ContinuousClock.now > end else { continue }
                throw late(call, attempts: attempts, mayHaveActed: mayHaveActed)
            }
            attempts += 1
            var failure: RetryPolicy.Failure
            var problem: StripeError
            switch outcome {
            case .success(let response):
                return Answer(response: response, attempts: attempts, mayHaveActedBefore: mayHaveActed)
            case .failure(let failed):
                (failure, problem) = (failed.failure, failed.error)
            }
            // What is given again may be of an attempt of this very call.
            problem.isReplayed = problem.isReplayed && !mayHaveActed
            // An answer of 4xx says that this attempt changed nothing; it says nothing about those before.
            mayHaveActed = mayHaveActed || problem.outcomeIsUnknown
            problem.attempts = attempts
            problem.outcomeIsUnknown = mayHaveActed && call.method != .get
            if failure.isRateLimited, case .rateLimited(let reason) = problem.kind {
                budget.slowDown(call.endpoint, reason)
            }
            guard let delay = retry.delaySeconds(after: failure, attempts: attempts) else { throw problem }
            let wakeAt = clock.now() + Int64(delay * 1e9)
            guard Double(wakeAt - startedAt) / 1e9 <= retry.maxTotalSeconds else { throw problem }
            do {
                try await clock.sleepUntil(wakeAt)
            } catch {
                throw cancelled(call, attempts: attempts, mayHaveActed: problem.outcomeIsUnknown)
            }
        }
    }

    /// - Returns: until when the request may be sent.
    private func permission(
        _ call: Call, attempts: Int, mayHaveActed: Bool
    ) async throws(StripeError) -> ContinuousClock.Instant? {
        let askedAt = clock.now()
        do {
            let until = try await budget.take(call.endpoint)
            let waited = clock.now() - askedAt
            guard waited >= 1_000_000 else { return until }
            counters.withLock { usage in
                usage.waits += 1
                usage.waitedNanoseconds += waited
            }
            return until
        } catch {
            throw cancelled(call, attempts: attempts, mayHaveActed: mayHaveActed && call.method != .get)
        }
    }

    private func cancelled(_ call: Call, attempts: Int, mayHaveActed: Bool) -> StripeError {
        var error = error(.cancelled, "", call)
        error.attempts = attempts
        error.outcomeIsUnknown = mayHaveActed
        return error
    }

    /// The call's own time is over; what was sent before may have been carried out.
    private func late(_ call: Call, attempts: Int, mayHaveActed: Bool) -> StripeError {
        var error = error(.connection(.late), "its time to be sent had passed", call)
        error.attempts = attempts
        error.outcomeIsUnknown = mayHaveActed && call.method != .get
        return error
    }

    private struct FailedAttempt: Error {
        let failure: RetryPolicy.Failure
        let error: StripeError
    }

    /// - Returns: `nil` when it was too late to be sent.
    private func attempt(
        _ request: HTTPRequest, _ call: Call, isRetry: Bool
    ) async -> Result<HTTPResponse, FailedAttempt>? {
        let result: Result<HTTPResponse, CurlError>
        do {
            result = .success(try await http.send(request))
        } catch {
            if error.kind == .late { return nil }
            result = .failure(error)
        }
        let outcome: Result<HTTPResponse, FailedAttempt>
        switch result {
        case .success(let response) where (200..<300).contains(response.status):
            outcome = .success(response)
        case .success(let response):
            outcome = .failure(refused(response, call))
        case .failure(let error):
            outcome = .failure(broken(error, call))
        }
        count(call, outcome, response: try? result.get(), isRetry: isRetry)
        return outcome
    }

    private func count(
        _ call: Call, _ outcome: Result<HTTPResponse, FailedAttempt>, response: HTTPResponse?, isRetry: Bool
    ) {
        counters.withLock { usage in
            usage.requests += 1
            usage.byEndpoint[call.endpoint, default: 0] += 1
            usage.retries += isRetry ? 1 : 0
            usage.byStatus[response?.status ?? 0, default: 0] += 1
            usage.bytesReceived += response?.body.count ?? 0
            guard case .failure(let failed) = outcome else { return }
            if failed.failure.isRateLimited {
                usage.rateLimited += 1
            } else {
                usage.errors += 1
            }
        }
    }

    private func broken(_ curl: CurlError, _ call: Call) -> FailedAttempt {
        let kind: StripeError.Kind = curl.kind == .cancelled ? .cancelled : .connection(curl.kind)
        var error = error(kind, curl.kind == .cancelled ? "" : curl.description, call)
        error.outcomeIsUnknown = curl.mayHaveBeenSent && call.method != .get
        return FailedAttempt(failure: RetryPolicy.Failure(isTransientConnection: curl.isTransient), error: error)
    }

    /// An answer that is not 2xx, as an error.
    private func refused(_ response: HTTPResponse, _ call: Call) -> FailedAttempt {
        let body = try? object(ErrorObject.self, response)
        let status = response.status
        let kind = kind(status, body, response, call)
        var message = body?.message ?? ""
        if body == nil || (body?.type == nil && message.isEmpty) {
            message += message.isEmpty ? "no error object in the answer" : ""
        }
        var error = error(kind, message, call)
        error.status = status
        error.code = body?.code.map(clean)
        error.param = body?.param.map(clean)
        error.declineCode = body?.declineCode.map(clean)
        error.paymentIntent = body?.paymentIntent.map(clean)
        error.requestID = response.headers["Request-Id"].map(clean)
        // A 5xx may come after the deed, and a key that is in use belongs to a request that is being carried out.
        let mayHaveActed = status >= 500 || body?.code == "idempotency_key_in_use"
        error.outcomeIsUnknown = mayHaveActed && call.method != .get
        error.isReplayed = response.headers["Idempotent-Replayed"] == "true"
        var isRateLimited = false
        if case .rateLimited = kind {
            isRateLimited = true
        }
        return FailedAttempt(
            failure: RetryPolicy.Failure(
                status: status, isRateLimited: isRateLimited, isReplayed: error.isReplayed,
                shouldRetry: response.headers["Stripe-Should-Retry"].flatMap(Bool.init),
                retryAfterSeconds: response.headers["Retry-After"].flatMap(Double.init).flatMap { $0 >= 0 ? $0 : nil }),
            error: error)
    }

    private func kind(
        _ status: Int, _ body: ErrorObject?, _ response: HTTPResponse, _ call: Call
    ) -> StripeError.Kind {
        if status == 429 || (status == 400 && body?.code == "rate_limit") {
            return .rateLimited(
                RateLimitReason(
                    header: response.headers["Stripe-Rate-Limited-Reason"].map(clean), code: body?.code))
        }
        if status >= 500 {
            return body?.type == nil ? .unexpectedOrAPI(excerpt(response)) : .api
        }
        guard let body, body.type != nil || body.message != nil else {
            return .unexpectedAnswer(excerpt: excerpt(response))
        }
        switch status {
        case 401: return .authentication
        case 402: return .card
        case 403: return .permission
        case 409: return .idempotency
        default: break
        }
        if body.type == "idempotency_error" {
            return .idempotency
        }
        guard status == 404 else { return .invalidRequest }
        // Orders are cancelled for it: whatever says less than that the object itself is missing, is an error.
        let isAboutObject = body.param.map { call.objectNames.contains($0) } ?? false
        return body.code == "resource_missing" && isAboutObject ? .notFound : .otherNotFound
    }

    /// The first 80 printable bytes of a body, with keys masked before the cut.
    func excerpt(_ response: HTTPResponse) -> String {
        let start = response.body.withUnsafeBytes { bytes in
            String(decoding: bytes.prefix(4096).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x20 }, as: UTF8.self)
        }
        let words = clean(start).split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        return String(words.utf8.prefix(80)) ?? ""
    }

    /// Decodes a body that holds one object.
    func object<Object: StripeObject>(_: Object.Type, _ response: HTTPResponse) throws(DecodingFailure) -> Object {
        let rows = try rows(Object.self, response, isList: false)
        return rows.withRows { Object($0[0]) }
    }

    func rows<Object: StripeObject>(
        _: Object.Type, _ response: HTTPResponse, isList: Bool
    ) throws(DecodingFailure) -> Rows<Object> {
        try response.body.withUnsafeBytes { bytes throws(DecodingFailure) in
            try Rows<Object>(bytes, isList: isList, pool: decoders)
        }
    }
}

extension StripeClient.Call {
    /// What `param` may call the object of the path: `id`, or its name in Stripe's paths, such as `invoice` for
    /// /v1/invoices/{invoice} and `intent` for /v1/payment_intents/{intent}. None where the path has no object.
    /// See https://docs.stripe.com/api/errors
    fileprivate var objectNames: Set<String> {
        let parts = template.split(separator: "/")
        guard let place = parts.firstIndex(of: ":id"), place > 0 else { return [] }
        let name = String(parts[place - 1].dropLast())
        return name.hasSuffix("_intent") ? ["id", name, "intent"] : ["id", name]
    }
}

extension StripeError.Kind {
    // A gateway's page with 5xx is still an outage, whoever wrote the page.
    fileprivate static func unexpectedOrAPI(_ excerpt: String) -> StripeError.Kind {
        excerpt.isEmpty ? .api : .unexpectedAnswer(excerpt: excerpt)
    }
}
