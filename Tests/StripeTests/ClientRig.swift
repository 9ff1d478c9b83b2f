import Curl
import Stripe
import Support
import Synchronization
import Testing

/// A client and a scripted server that plays Stripe, with time that passes at once.
struct ClientRig {
    static let canary = "sk_test_CANARYcanary51Hx"

    let server: ScriptedServer
    let client: StripeClient
    let time = HastyClock()
    let slowed = Slowed()

    final class Slowed: Sendable {
        let reasons = Mutex<[RateLimitReason]>([])
    }

    /// Runs a test against the script and stops everything afterwards.
    static func run(
        key: String = canary, version: String = "2023-10-16", mode: AccountMode? = nil, accountID: String? = nil,
        retry: RetryPolicy = .standard, timeoutMilliseconds: Int = 10_000,
        _ script: @escaping @Sendable (ScriptedServer.Request) -> [ScriptedServer.Step],
        _ body: (ClientRig) async throws -> Void
    ) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.timeoutMilliseconds = timeoutMilliseconds
        let http = HTTPClient(configuration)
        let server = try ScriptedServer(script)
        defer { server.stop() }
        let account = Account(
            name: "rig", secretKey: Secret(key), apiVersion: version, apiBase: server.url, mode: mode,
            accountID: accountID)
        try await body(ClientRig(server: server, account: account, http: http, retry: retry))
        await http.close()
    }

    private init(server: ScriptedServer, account: Account, http: HTTPClient, retry: RetryPolicy) {
        self.server = server
        client = StripeClient(
            account: account, http: http,
            budget: RequestBudget(
                take: { _ async throws(CancellationError) in
                    if Task.isCancelled { throw CancellationError() }
                    return nil
                }, slowDown: { [slowed] _, reason in slowed.reasons.withLock { $0.append(reason) } }),
            retry: retry, clock: time.clock)
    }

    /// The error of a read of one invoice.
    func failure() async -> StripeError? {
        do {
            _ = try await client.invoice("in_1")
            return nil
        } catch {
            return error
        }
    }

    /// The error of a list of invoices.
    func listFailure(_ query: ListQuery = ListQuery()) async -> StripeError? {
        do {
            _ = try await client.invoices(query)
            return nil
        } catch {
            return error
        }
    }

    static let invoice = ScriptedServer.answer(InvoiceText().json, headers: ["Request-Id": "req_ok"])

    static func error(
        _ status: Int, _ body: String = #"{"error":{"type":"api_error","message":"boom"}}"#,
        _ headers: [String: String] = [:]
    ) -> [ScriptedServer.Step] {
        ScriptedServer.answer(
            body, status: "\(status) X", headers: headers.merging(["Request-Id": "req_bad"]) { own, _ in own })
    }

    static func list(_ invoices: [InvoiceText], hasMore: Bool = false) -> [ScriptedServer.Step] {
        let data = invoices.map(\.json).joined(separator: ",")
        return ScriptedServer.answer(
            #"{"object":"list","url":"/v1/invoices","has_more":\#(hasMore),"data":[\#(data)]}"#,
            headers: ["Request-Id": "req_list"])
    }
}
