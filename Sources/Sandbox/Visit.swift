import NIOCore
import NIOHTTP1

/// One request of a known account on its way through limits, faults and idempotency keys.
struct Visit: Sendable {
    let world: World
    let requestID: String
    let parameters: Parameters
    let request: SandboxRequest
    let idempotencyKey: String?
    let delayNanoseconds: Int64
    var endpoint: Endpoint?
    var id = ""

    init(
        world: World, requestID: String, parameters: Parameters, request: SandboxRequest, idempotencyKey: String?,
        delayNanoseconds: Int64
    ) {
        self.world = world
        self.requestID = requestID
        self.parameters = parameters
        self.request = request
        self.idempotencyKey = idempotencyKey
        self.delayNanoseconds = delayNanoseconds
    }

    /// Without its query.
    private var path: String { String(request.uri.prefix { $0 != "?" }) }

    private var versionHeader: String? { request.headers.first(name: "Stripe-Version") }

    private var version: SandboxAPIVersion {
        versionHeader.flatMap { SandboxAPIVersion(header: $0) } ?? world.account.defaultAPIVersion
    }

    /// - Parameter readOnlyKey: the key, if it may only read.
    func outcome(_ admission: Gate.Admission, readOnlyKey: String?) -> Outcome {
        let fault: SandboxFault?
        switch admission {
        case .refused(let reason):
            return refused(.rateLimited(reason: reason, livemode: world.account.livemode))
        case .admitted(let drawn): fault = drawn
        }
        switch fault {
        case .rateLimited:
            return refused(.rateLimited(reason: "endpoint-rate", livemode: world.account.livemode))
        case .lockTimeout: return refused(.lockTimeout)
        case .unavailable: return refused(.server(503))
        case .html: return page
        case .unknownURL: return refused(.unrecognized(request.method, path))
        case .otherMissing:
            return refused(.noSuch("account", world.account.accountID, param: "account"))
        case .timeout, .reset:
            var silent = refused(.server(500))
            silent.fault = fault
            return silent
        case .serverError, .serverErrorAfter, .timeoutAfter, .resetAfter, .cut, .emptyPage, nil: break
        }
        do throws(SandboxError) {
            return try carriedOut(fault, readOnlyKey: readOnlyKey)
        } catch {
            return refused(error)
        }
    }

    /// Checks that need no idempotency key: what fails here is not kept.
    private func exchange(_ readOnlyKey: String?) throws(SandboxError) -> Exchange {
        if let versionHeader, SandboxAPIVersion(header: versionHeader) == nil {
            throw SandboxError(400, "Invalid Stripe API version: \(versionHeader)")
        }
        guard let endpoint else {
            throw .unrecognized(request.method, path)
        }
        let isHidden =
            switch endpoint {
            case .account: world.account.hidesAccount
            case .listEvents, .event: world.account.hidesEvents
            default: false
            }
        if let readOnlyKey, request.method != "GET" || isHidden {
            throw .restrictedKey(
                readOnlyKey, account: world.account.accountID, permission: endpoint.neededPermission)
        }
        return Exchange(
            world: world, endpoint: endpoint, id: id, version: version, parameters: parameters,
            requestID: requestID, idempotencyKey: idempotencyKey)
    }

    private func carriedOut(_ fault: SandboxFault?, readOnlyKey: String?) throws(SandboxError) -> Outcome {
        let exchange = try exchange(readOnlyKey)
        guard let key = idempotencyKey else {
            if fault == .serverError { return failing(fault, broken(.server(500)), []) }
            let answer = try exchange.answer()
            if fault == .emptyPage, exchange.endpoint.isPaged { return failing(fault, .emptyPage(of: path), []) }
            return failing(fault, fault == .serverErrorAfter ? broken(.server(500)) : answer, [])
        }
        let now = world.clock.nowSeconds
        let fingerprint = "\(path) \(parameters.entries.map { "\($0.path)=\($0.value)" }.sorted())"
        let table = world.idempotency
        if case .replay(let kept) = try table.begin(key, fingerprint: fingerprint, nowSeconds: now) {
            return replayed(kept, key, fault)
        }
        let (answer, isKept) = result(exchange, fault)
        let kept =
            isKept
            ? IdempotencyTable.Kept(status: answer.status, body: answer.body, requestID: requestID) : nil
        var outcome = failing(fault, answer, keyHeaders(key, original: requestID, status: answer.status))
        outcome.finish = { table.finish(key, keeping: kept, nowSeconds: now) }
        if outcome.fault == .timeoutAfter || outcome.fault == .resetAfter { outcome.finish?() }
        return outcome
    }

    /// The answer, and whether it is kept for its idempotency key.
    private func result(_ exchange: Exchange, _ fault: SandboxFault?) -> (Answer, Bool) {
        if fault == .serverError { return (broken(.server(500)), true) }
        do throws(SandboxError) {
            let answer = try exchange.answer()
            return (fault == .serverErrorAfter ? broken(.server(500)) : answer, true)
        } catch {
            return (broken(error), error.hasExecuted)
        }
    }

    private func replayed(_ kept: IdempotencyTable.Kept, _ key: String, _ fault: SandboxFault?) -> Outcome {
        let headers = keyHeaders(key, original: kept.requestID, status: kept.status)
        return failing(
            fault, Answer(status: kept.status, body: kept.body), headers + [("Idempotent-Replayed", "true")])
    }

    private func keyHeaders(_ key: String, original: String, status: Int) -> [(String, String)] {
        var headers = [("Idempotency-Key", key), ("Original-Request", original)]
        if status == 200 { headers.append(("Stripe-Should-Retry", "false")) }
        return headers
    }

    private func failing(_ fault: SandboxFault?, _ answer: Answer, _ extra: [(String, String)]) -> Outcome {
        var outcome = Outcome(answer: answer, headers: headers + extra, delayNanoseconds: delayNanoseconds)
        if let fault, fault.losesAnswer { outcome.fault = fault }
        return outcome
    }

    private func refused(_ error: SandboxError) -> Outcome {
        var all = headers
        if let reason = error.limitedReason { all.append(("Stripe-Rate-Limited-Reason", reason)) }
        if let key = idempotencyKey { all += keyHeaders(key, original: requestID, status: error.status) }
        return Outcome(answer: broken(error), headers: all, delayNanoseconds: delayNanoseconds)
    }

    private func broken(_ error: SandboxError) -> Answer {
        Answer(
            error, requestID: requestID, version: version, account: world.account.accountID,
            nowSeconds: world.clock.nowSeconds)
    }

    private var headers: [(String, String)] {
        [
            ("Cache-Control", "no-cache, no-store"), ("Request-Id", requestID),
            ("Stripe-Version", versionHeader ?? world.account.defaultAPIVersion.rawValue), ("Vary", "Origin"),
            (
                "X-Stripe-Routing-Context-Priority-Tier",
                world.account.livemode ? "api-livemode" : "api-testmode"
            ),
        ]
    }

    /// What a proxy says when nobody is behind it.
    private var page: Outcome {
        let text =
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
            + "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        return Outcome(
            answer: Answer(status: 502, body: ByteBuffer(string: text)), headers: [("Content-Type", "text/html")],
            delayNanoseconds: delayNanoseconds)
    }
}
