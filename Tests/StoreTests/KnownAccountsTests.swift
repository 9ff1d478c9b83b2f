import PostgreSQL
import Store
import Support
import Testing

@Suite("Known accounts")
struct KnownAccountsTests {
    @Test("a name that stood for one account is refused for another")
    func swapped() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            try await KnownAccounts.check(name: "task_health", accountID: "acct_1", on: connection)
            try await KnownAccounts.check(name: "task_health", accountID: "acct_1", on: connection)
            try await KnownAccounts.check(name: "medflyt", accountID: "acct_2", on: connection)
            let expected = AccountChanged(name: "task_health", known: "acct_1", found: "acct_2")
            await #expect(throws: expected) {
                try await KnownAccounts.check(name: "task_health", accountID: "acct_2", on: connection)
            }
            #expect(expected.description.contains("swapped"))
        }
        await pool.close()
    }
}
