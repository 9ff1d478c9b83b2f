import Foundation
import Sandbox
import Testing

/// The checks that are written in Python: Stripe's specification, recorded exchanges, and Stripe's own library.
@Suite("Against Stripe's specification, recordings and library", .serialized)
struct PythonChecks {
    private static let nowSeconds: Int64 = 1_790_000_000

    private func start() async throws -> SandboxServer {
        let from = Self.nowSeconds - 60 * 86_400
        let history = SandboxHistory.plain(
            seed: 7, invoices: 400, paymentIntents: 150, fromSeconds: from, toSeconds: Self.nowSeconds, skew: .bursts)
        let plants = Dictionary(uniqueKeysWithValues: (Plant.allCases + Plant.afterPayment).map { ($0, 1) })
        let credits = try CreditHistory(
            seed: 3, orders: 900, agencies: 12, nowSeconds: Self.nowSeconds, plants: plants)
        let charges = try AgencyHistory(
            seed: 4, charges: 1_200, agencies: 12, nowSeconds: Self.nowSeconds,
            plants: Dictionary(uniqueKeysWithValues: ChargePlant.allCases.map { ($0, 1) }))
        var medflyt = SandboxAccount.medflyt(history: .agency(charges))
        medflyt.defaultAPIVersion = .dahlia
        return try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [.taskHealth(history: .credits(credits)), medflyt, .default(history: history)],
                clockSeconds: Self.nowSeconds))
    }

    private func environment(_ server: SandboxServer) throws -> [String: String] {
        let accounts = """
            [["sk_test_sandbox_task_health", "2023-10-16"], ["sk_test_sandbox_medflyt", "2026-07-29.dahlia"],
            ["sk_test_sandbox_default", "2023-10-16"]]
            """
        return [
            "SANDBOX_URL": server.url, "SANDBOX_ACCOUNTS": accounts,
            "SANDBOX_AGENCY_KEY": "sk_test_sandbox_medflyt", "SANDBOX_READ_KEY": "rk_test_sandbox_task_health",
            "STRIPE_SHARED": try Checkout.shared().path,
        ]
    }

    @Test("every kind of answer, in both versions, is what the OpenAPI specification says")
    func specification() async throws {
        let server = try await start()
        let report = try await Python.run("check_openapi.py", environment: environment(server))
        await server.stop()
        #expect(report.status == 0, "\(report.output)")
    }

    @Test("payments, refunds, disputes and credit notes fit the specification, each other and Stripe's library")
    func payments() async throws {
        let server = try await start()
        let report = try await Python.run("check_payments.py", environment: environment(server))
        await server.stop()
        #expect(report.status == 0, "\(report.output)")
    }

    @Test("headers, error bodies and the layout of JSON are as recorded from api.stripe.com")
    func recordings() async throws {
        let server = try await start()
        let report = try await Python.run("check_recorded.py", environment: environment(server))
        await server.stop()
        #expect(report.status == 0, "\(report.output)")
    }

    @Test("Stripe's Python library lists, retrieves, creates, moves and deletes, and raises its own errors")
    func library() async throws {
        let server = try await start()
        let faulty = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [.taskHealth()], clockSeconds: Self.nowSeconds,
                faults: SandboxFaults(scripts: [
                    .init(.rateLimited, method: "GET", pathContains: "/v1/customers/"),
                    .init(.resetAfter, method: "POST", pathContains: "/v1/invoices"),
                    .init(.unavailable, method: "GET", pathContains: "/v1/events"),
                ])))
        var environment = try environment(server)
        environment["SANDBOX_FAULTY_URL"] = faulty.url
        let report = try await Python.run("check_sdk.py", environment: environment)
        await server.stop()
        await faulty.stop()
        #expect(report.status == 0, "\(report.output)")
    }
}
