import NIOCore
import NIOHTTP1
import Synchronization

/// A request as it came.
struct SandboxRequest: Sendable {
    var method: String
    /// The path with its query.
    var uri: String
    var headers: HTTPHeaders
    var body: ByteBuffer
}

/// What becomes of a request.
struct Outcome: Sendable {
    var answer: Answer
    var headers: [(String, String)]
    var delayNanoseconds: Int64 = 0
    /// A fault of the connection: a time-out, a reset or a cut.
    var fault: SandboxFault?
    /// Called when the answer goes out, or when it is clear that it never does.
    var finish: (@Sendable () -> Void)?
}

/// Answers requests: who asks, whether he may, whether it fails, and what he gets.
final class SandboxService: Sendable {
    let clock: SandboxClock
    let worlds: [String: World]
    private let keys: [String: (world: World, readOnly: Bool)]
    private let latency: SandboxLatency
    private let gate: Mutex<Gate>
    private let requestNumber = Atomic<UInt64>(0)
    private let seed: UInt64

    init(_ configuration: SandboxConfiguration, group: any EventLoopGroup) throws(SandboxStartError) {
        let clock = SandboxClock(seconds: configuration.clockSeconds, runs: configuration.clockRuns)
        var worlds: [String: World] = [:]
        var keys: [String: (world: World, readOnly: Bool)] = [:]
        for account in configuration.accounts {
            try account.check()
            let scripts = configuration.scripts.filter { $0.account == account.name }
            let world = try World(account: account, clock: clock, scripts: scripts, group: group)
            clock.onTick { [weak world] in world?.catchUp() }
            guard worlds.updateValue(world, forKey: account.name) == nil,
                keys.updateValue((world, false), forKey: account.secretKey) == nil
            else { throw SandboxStartError("two accounts share the name “\(account.name)” or its key") }
            if let key = account.readOnlyKey { keys[key] = (world, true) }
        }
        if let stray = configuration.scripts.first(where: { worlds[$0.account] == nil }) {
            throw SandboxStartError("a script is about the account “\(stray.account)”, which there is none of")
        }
        self.clock = clock
        self.worlds = worlds
        self.keys = keys
        latency = configuration.latency
        gate = Mutex(Gate(configuration))
        seed = configuration.faults.seed
    }

    var statistics: SandboxStatistics { gate.withLock { $0.statistics } }

    /// - Parameter nowNanoseconds: real time of a clock that never steps back, for the rate limits.
    func answer(_ request: SandboxRequest, nowNanoseconds: Int64) -> Outcome {
        let number = requestNumber.add(1, ordering: .relaxed).newValue
        let requestID =
            "req_" + Base62.text(scrambled(seed ^ scrambled(number)), digits: 10)
            + Base62.text(number, digits: 4)
        let path = request.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var parameters = Parameters(form: path.count > 1 ? path[1] : "")
        parameters.append(Parameters(form: String(buffer: request.body)))
        let world: World
        let readOnly: Bool
        let key: String
        do throws(SandboxError) {
            (world, readOnly, key) = try authenticate(request.headers)
        } catch {
            gate.withLock { $0.refuseUnauthenticated() }
            return refusal(error)
        }
        var visit = Visit(
            world: world, requestID: requestID, parameters: parameters, request: request,
            idempotencyKey: request.method == "POST" ? request.headers.first(name: "Idempotency-Key") : nil,
            delayNanoseconds: latency.nanoseconds(of: number))
        let found = Endpoint.find(request.method, path[0])
        visit.endpoint = found?.endpoint
        visit.id = found?.id ?? ""
        let admission = gate.withLock {
            $0.admit(
                account: world.account.name, endpoint: found?.endpoint.rawValue ?? "unknown", method: request.method,
                path: request.uri, nowNanoseconds: nowNanoseconds)
        }
        let outcome = visit.outcome(admission, readOnlyKey: readOnly ? key : nil)
        log(visit, outcome, admission)
        if world.hasScripts, outcome.answer.status == 200, request.method == "GET", found?.endpoint.isList == true {
            world.scripts.served(request.uri, outcome.answer.listed, world)
        }
        return outcome
    }

    private func log(_ visit: Visit, _ outcome: Outcome, _ admission: Gate.Admission) {
        var fault: SandboxFault?
        if case .admitted(let drawn) = admission { fault = drawn }
        let isSilent = outcome.fault != nil && outcome.fault != .cut
        let served = SandboxStatistics.Served(
            account: visit.world.account.name, method: visit.request.method, path: visit.request.uri,
            status: isSilent ? 0 : outcome.answer.status, fault: fault, idempotencyKey: visit.idempotencyKey,
            version: visit.request.headers.first(name: "Stripe-Version"))
        gate.withLock { $0.log(served) }
    }

    private func refusal(_ error: SandboxError) -> Outcome {
        let answer = Answer(error, requestID: nil, version: nil, account: nil, nowSeconds: clock.nowSeconds)
        return Outcome(
            answer: answer,
            headers: [
                ("Cache-Control", "no-cache, no-store"), ("Vary", "Origin"),
                ("WWW-Authenticate", "Bearer realm=\"Stripe\""),
            ])
    }

    /// The account for `Authorization: Bearer KEY`, or `Basic` with the key as the user name.
    private func authenticate(
        _ headers: HTTPHeaders
    ) throws(SandboxError) -> (world: World, readOnly: Bool, key: String) {
        guard let header = headers.first(name: "Authorization"), let space = header.firstIndex(of: " ") else {
            throw .noKey
        }
        var key = String(header[header.index(after: space)...])
        if header[..<space].lowercased() == "basic" {
            let plain = Base64.decoded(key)
            key = String(plain.split(separator: ":", omittingEmptySubsequences: false).first ?? "")
        }
        guard !key.isEmpty else { throw .noKey }
        guard let found = keys[key] else {
            if key.hasPrefix("pk_") { throw .publishableKey() }
            throw .badKey(key)
        }
        return (found.world, found.readOnly, key)
    }
}

/// Base 64 for `Authorization: Basic`.
enum Base64 {
    static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for unit in text.utf8 {
            let value: UInt32
            switch unit {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(unit) - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(unit) - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(unit) + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: continue
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension SandboxAccount {
    /// Refuses what could not be told from a real account's mistakes.
    func check() throws(SandboxStartError) {
        let mode = livemode ? "live" : "test"
        guard secretKey.hasPrefix("sk_\(mode)_") else {
            throw SandboxStartError("the secret key of “\(name)” must begin with sk_\(mode)_, as its livemode says")
        }
        guard accountID.hasPrefix("acct_") else {
            throw SandboxStartError("the account id of “\(name)” must begin with acct_")
        }
        if case .credits(let credits) = history {
            guard credits.accountID == accountID, !livemode else {
                throw SandboxStartError(
                    "the credit history was made for the test account \(credits.accountID), “\(name)” is \(accountID)")
            }
        }
        if case .agency(let agency) = history {
            guard agency.accountID == accountID, !livemode else {
                throw SandboxStartError(
                    "the agency history was made for the test account \(agency.accountID), “\(name)” is \(accountID)")
            }
        }
        if case .patients(let patients) = history {
            guard patients.accountID == accountID, !livemode else {
                throw SandboxStartError(
                    "the history of patients was made for the test account \(patients.accountID), “\(name)” is "
                        + accountID)
            }
        }
    }
}
