import PostgreSQL
import Store
import Support
import Testing

@Suite("Attempts at a charge")
struct ChargeAttemptsTests {
    @Test("the next key is the last one, unless Stripe keeps a failure for it; those of another row count for nothing")
    func keys() async throws {
        let connection = try await Connection.open(try await TestServer.database(), applicationName: "tests")
        func read(_ identity: String = "charge-7-1") async throws -> ChargeAttempts {
            try await ChargeAttempts.read(ofCharge: 7, identity: identity, on: connection)
        }
        var attempts = try await read()
        #expect(attempts.isEmpty && attempts.customers.isEmpty && attempts.nextKey == "charge-7-1-0")
        let first = try await attempts.begin("charge-7-1-0", customer: "cus_1", on: connection)
        _ = try await attempts.begin("charge-7-1-0", customer: "cus_2", on: connection)
        #expect(attempts.customers == ["cus_1", "cus_2"] && attempts.nextKey == "charge-7-1-0")
        #expect(attempts.hasBegun("charge-7-1-0"))
        let begun = try await read()
        #expect(begun == attempts)
        try await attempts.useUp("charge-7-1-0", on: connection)
        try await attempts.withdraw(first, on: connection)
        #expect(attempts.customers == ["cus_2"] && attempts.nextKey == "charge-7-1-1")
        #expect(!attempts.hasBegun("charge-7-1-1"))
        let usedUp = try await read()
        #expect(usedUp == attempts)
        let other = try await read("charge-7-2")
        #expect(other.isEmpty)
        try await connection.execute("INSERT INTO trueup.charge_attempt (charge_id, outcome) VALUES (7, 'unknown')")
        let noted = try await read()
        #expect(noted == attempts)
        await connection.close()
    }
}
