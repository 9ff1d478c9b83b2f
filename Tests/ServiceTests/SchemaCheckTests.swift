import Foundation
import Service
import Support
import Testing

/// Python libraries that know more of HTTP than we do.
enum SchemaCheck {
    static let python = VirtualEnvironment(["schemathesis==4.32.5", "prometheus-client==0.26.0"])
}

@Suite("The OpenAPI document")
struct SchemaCheckTests {
    @Test("it names every route but those of the status page, and is JSON")
    func routes() async throws {
        let root = try #require(
            try JSONSerialization.jsonObject(with: Data(OpenAPIDocument.json.utf8)) as? [String: Any])
        let paths = try #require(root["paths"] as? [String: [String: Any]])
        let named = Set(paths.flatMap { path, item in item.keys.map { "\($0) \(path)" } })
        try await Counter.with { counter in
            let served = try await counter.ask(.get, "/openapi.json")
            #expect(served.text == OpenAPIDocument.json)
            let pages: Set<String> = ["get /", "get /status.css", "post /login", "post /logout"]
            #expect(named.union(pages) == Set(counter.routes.map { "\($0.method.lowercased()) \($0.path)" }))
        }
    }

    @Test("schemathesis finds no answer that the document does not tell of, and no server error")
    func schemathesis() async throws {
        try await Counter.with { try await Self.check($0, phases: "examples,coverage,fuzzing") }
    }

    @Test("with an agency that is there it places orders and cancels them, by the document's links")
    func orders() async throws {
        try await Counter.with { counter in
            try await Self.check(
                counter, phases: "fuzzing,stateful",
                configuration: "[parameters]\n\"path.agency\" = 7\n\"path.member\" = 12\n")
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") > 0)
            let cancelled = "SELECT count(*) FROM task_credit_stripe_invoice WHERE cancelled_at IS NOT NULL"
            #expect(try await counter.number(cancelled) > 0)
            let metrics = try await counter.ask(.get, "/metrics").text
            for (route, method, status) in [
                ("credit_order", "POST", 201), ("credit_order", "POST", 422), ("credit_orders", "GET", 200),
                ("credit_balance", "GET", 200), ("credit_orders/{order}", "DELETE", 200),
            ] {
                let path = "/rn/agencies/{agency}/agency_members/{member}/\(route)"
                let sample = "{route=\"\(path)\",method=\"\(method)\",status=\"\(status)\"}"
                #expect(metrics.contains(sample), "\(sample)\n\(metrics)")
            }
        }
    }

    private static func check(_ counter: Counter, phases: String, configuration: String = "") async throws {
        let python = try await SchemaCheck.python.interpreter()
        let program = URL(fileURLWithPath: python).deletingLastPathComponent().appendingPathComponent("schemathesis")
        // It leaves files where it is called, and reads its configuration there.
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: directory + "/schemathesis.toml"))
        let report = try await VirtualEnvironment.run(
            "/usr/bin/env",
            [
                "-C", directory, "/usr/bin/timeout", "240", program.path, "run",
                "http://127.0.0.1:\(counter.port)/openapi.json", "--max-examples", "10", "--seed", "1", "--phases",
                phases, "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
                "-H", "Authorization: Bearer \(counter.token)", "--no-color", "--workers", "1",
            ], environment: [:])
        #expect(report.status == 0, "\(report.output.suffix(6_000))")
    }
}
