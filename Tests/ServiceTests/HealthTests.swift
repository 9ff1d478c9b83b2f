import PostgreSQL
import Store
import Support
import Testing

@Suite("Health and figures")
struct HealthTests {
    /// A database server of the test's own, which it may stop.
    private static func withCluster(_ body: (EmbeddedCluster, ConnectionTarget) async throws -> Void) async throws {
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
        try await cluster.start()
        let target = try await cluster.createDatabaseIfMissing("trueup")
        let connection = try await Connection.open(target, applicationName: "tests")
        _ = try await Migrator.migrate(connection)
        _ = try await ApplicationTables.create(on: connection)
        await connection.close()
        do {
            try await body(cluster, target)
        } catch {
            _ = try? await cluster.stop()
            throw error
        }
        _ = try await cluster.stop()
    }

    @Test("while the database is away webhooks are answered 503, and once it is back the retry has its effect")
    func databaseAway() async throws {
        try await Self.withCluster { cluster, target in
            var setup = CounterSetup()
            setup.target = target
            setup.limits.waitSeconds = 2
            try await Counter.with(setup) { counter in
                let (_, _, event) = try await counter.paid()
                #expect(try await counter.ask(.get, "/readyz").status == 200)
                #expect(try await counter.ask(.get, "/metrics").text.contains("\ntrueup_figures_readable 1\n"))
                _ = try await cluster.stop()
                let refused = try await counter.deliver(event, account: "task_health")
                #expect(refused.status == 503 && refused.code == "database_unavailable", "\(refused.text)")
                #expect(refused.headers["Retry-After"] != nil)
                #expect(try await counter.ask(.get, "/readyz").status == 503)
                #expect(try await counter.ask(.get, "/healthz").status == 200)
                let page = try await counter.ask(.get, "/", token: counter.token)
                #expect(page.status == 503 && page.text.contains("<h1>The database cannot be read now</h1>"))
                let metrics = try await counter.ask(.get, "/metrics")
                #expect(metrics.status == 200)
                #expect(metrics.text.contains("\ntrueup_figures_readable 0\n"))
                #expect(metrics.text.contains("outcome=\"failed\"} 1\n"))
                try await cluster.start()
                #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
                #expect(try await counter.balance() == 10)
                #expect(try await counter.ask(.get, "/readyz").status == 200)
            }
        }
    }

    @Test("a schema that lacks a step is not ready")
    func schema() async throws {
        try await Self.withCluster { _, target in
            var setup = CounterSetup()
            setup.target = target
            try await Counter.with(setup) { counter in
                try await counter.run("DELETE FROM trueup.migration WHERE number = 2")
                let reply = try await counter.ask(.get, "/readyz")
                #expect(reply.status == 503 && reply.code == "schema_differs", "\(reply.text)")
            }
        }
    }

    @Test("the figures are as Prometheus' own library reads them")
    func figures() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            for _ in 0..<3 { _ = try await counter.deliver(event, account: "task_health") }
            try await counter.run(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
                    program_version, requested_by, host, process_id, state, ended_at)
                VALUES ('credit-invoices', 'manual', false, 0, 1, 'x', 'x', 'x', 'x', 1, 'drift', now());
                """)
            let text = try await counter.ask(.get, "/metrics").text
            let python = try await SchemaCheck.python.interpreter()
            let script = """
                import sys
                from prometheus_client.parser import text_string_to_metric_families as read
                for family in read(sys.argv[1]):
                    for sample in family.samples:
                        print(sample.name, sorted(sample.labels.items()), float(sample.value))
                """
            let report = try await VirtualEnvironment.run(python, ["-c", script, text], environment: [:])
            #expect(report.status == 0, "\(report.output)")
            for line in [
                "trueup_webhooks_total [('outcome', 'done'), ('type', 'invoice.paid')] 1.0",
                "trueup_webhooks_total [('outcome', 'already_done'), ('type', 'invoice.paid')] 2.0",
                "trueup_webhook_seconds_count [] 3.0", "trueup_figures_readable [] 1.0",
                "trueup_http_requests_total [('method', 'POST'), ('route', '/stripe/credits-webhook'), "
                    + "('status', '200')] 3.0",
            ] {
                #expect(report.output.contains(line + "\n"), "\(line)\n\(report.output)")
            }
        }
    }
}
