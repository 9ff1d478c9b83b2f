import Foundation
import Sandbox
import Support
import Testing

/// The checks that are written in Python: Stripe's specification, recorded exchanges, and Stripe's own library.
@Suite("Against Stripe's specification, recordings and library", .serialized)
struct PythonChecks {
    private static let nowSeconds: Int64 = 1_790_000_000

    private func start() async throws -> SandboxServer {
        let from = Self.nowSeconds - 60 * 86_400
        let history = SandboxHistory.plain(
            seed: 7, invoices: 400, paymentIntents: 150, fromSeconds: from, toSeconds: Self.nowSeconds, skew: .bursts)
        let plants = Dictionary(
            uniqueKeysWithValues: (Plant.allCases + Plant.afterPayment + Plant.eventsOnly).map { ($0, 1) })
        let credits = try CreditHistory(
            seed: 3, orders: 900, agencies: 12, nowSeconds: Self.nowSeconds, plants: plants,
            payments: Dictionary(uniqueKeysWithValues: PaymentPlant.allCases.map { ($0, 1) }))
        let charges = try AgencyHistory(
            seed: 4, charges: 1_200, agencies: 12, nowSeconds: Self.nowSeconds,
            plants: Dictionary(
                uniqueKeysWithValues: (ChargePlant.allCases + ChargePlant.eventsOnly).map { ($0, 1) }))
        let payments = try PatientHistory(
            seed: 4, payments: 1_000, agencies: 12, nowSeconds: Self.nowSeconds, invoices: 150,
            accountID: Self.patients.accountID,
            plants: Dictionary(uniqueKeysWithValues: PatientPlant.allCases.map { ($0, 1) }))
        var patients = Self.patients
        patients.history = .patients(payments)
        var medflyt = SandboxAccount.medflyt(history: .agency(charges))
        medflyt.defaultAPIVersion = .dahlia
        return try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [
                    .taskHealth(history: .credits(credits)), medflyt, .default(history: history), patients,
                ],
                clockSeconds: Self.nowSeconds))
    }

    private static let patients = SandboxAccount(
        name: "patients", secretKey: "sk_test_sandbox_patients", accountID: "acct_1QpPatientPays00",
        defaultAPIVersion: .dahlia)

    private func environment(_ server: SandboxServer) throws -> [String: String] {
        let accounts = """
            [["sk_test_sandbox_task_health", "2023-10-16"], ["sk_test_sandbox_medflyt", "2026-07-29.dahlia"],
            ["sk_test_sandbox_default", "2023-10-16"], ["sk_test_sandbox_patients", "2026-07-29.dahlia"]]
            """
        return [
            "SANDBOX_URL": server.url, "SANDBOX_ACCOUNTS": accounts,
            "SANDBOX_AGENCY_KEY": "sk_test_sandbox_medflyt", "SANDBOX_PATIENT_KEY": "sk_test_sandbox_patients",
            "SANDBOX_READ_KEY": "rk_test_sandbox_task_health",
        ]
    }

    /// The same with Stripe's specification and recordings.
    private func environmentWithFiles(_ server: SandboxServer) throws -> [String: String] {
        try environment(server).merging(["STRIPE_SHARED": try StripeFiles.path()]) { $1 }
    }

    @Test(
        "every kind of answer, in both versions, is what the OpenAPI specification says",
        .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
    func specification() async throws {
        let server = try await start()
        let report = try await Python.run("check_openapi.py", environment: environmentWithFiles(server))
        await server.stop()
        #expect(report.status == 0, "\(report.output)")
    }

    @Test(
        "payments, refunds, disputes and credit notes fit the specification, each other and Stripe's library",
        .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
    func payments() async throws {
        let server = try await start()
        let report = try await Python.run("check_payments.py", environment: environmentWithFiles(server))
        await server.stop()
        #expect(report.status == 0, "\(report.output)")
    }

    @Test(
        "headers, error bodies and the layout of JSON are as recorded from api.stripe.com",
        .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
    func recordings() async throws {
        let server = try await start()
        let report = try await Python.run("check_recorded.py", environment: environmentWithFiles(server))
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
