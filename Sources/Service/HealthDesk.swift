import Hummingbird
import PostgreSQL
import Runner
import Store

/// Whether the process lives, whether it can work, and its figures.
struct HealthDesk: Sendable {
    let pool: Pool
    let figures: ServiceFigures

    func routes() -> [Route] {
        [
            Route(.get, "/healthz") { _ in try JSONAnswer.make(["status": "ok"]) },
            Route(.get, "/readyz") { _ in try await ready() },
            Route(.get, "/metrics") { call in
                let text = ServiceMetrics(
                    counted: figures.snapshot, read: await ServiceMetrics.read(pool, logger: call.logger)
                ).text
                return Response(
                    status: .ok, headers: [.contentType: MetricsText.contentType],
                    body: .init(byteBuffer: ByteBuffer(string: text)))
            },
        ]
    }

    private func ready() async throws -> Response {
        do {
            try await pool.withConnection { try await Migrator.check($0) }
        } catch let error as MigrationError {
            throw APIError.unavailable("schema_differs", "\(error)")
        }
        return try JSONAnswer.make(["status": "ready"])
    }
}
