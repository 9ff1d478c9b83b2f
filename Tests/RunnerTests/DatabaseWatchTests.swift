import PostgreSQL
import Runner
import Store
import Testing

@Suite("Work that waits while the database is away")
struct DatabaseWatchTests {
    static let nowhere = Pool(
        ConnectionTarget(socketDirectory: "/nonexistent", database: "d", user: "u"), size: 1, applicationName: "test")

    @Test("ends with the database's error instead of waiting for ever")
    func ends() async throws {
        let watch = DatabaseWatch(pool: Self.nowhere, every: .milliseconds(10))
        let error = await #expect(throws: PostgresError.self) {
            try await watch.during { try await Task.sleep(for: .seconds(3_600)) }
        }
        #expect(error?.isServerAway == true)
    }

    @Test("a request that waits for a slot of the rate limit does not wait for ever for a database that is gone")
    func slots() async throws {
        let budget = SharedBudget(pool: Self.nowhere, account: "default", perSecond: 100, perEndpoint: 25)
        let watch = DatabaseWatch(pool: Self.nowhere, every: .milliseconds(10))
        await #expect(throws: PostgresError.self) {
            try await watch.during { try await budget.take("GET /v1/refunds") }
        }
    }

    @Test("that ends before gives its value or its own error")
    func value() async throws {
        let watch = DatabaseWatch(pool: Self.nowhere)
        #expect(try await watch.during { 7 } == 7)
        await #expect(throws: CancellationError.self) { try await watch.during { throw CancellationError() } }
    }
}
