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

    @Test("how a name is given to another account is said alike, however its key was found to be of another")
    func forgetting() {
        let payment = KnownPayment(name: "task_health", accountID: "acct_1", id: "pi_1", isInvoice: false)
        let errors: [any AdvisesCommand] = [
            AccountChanged(name: "task_health", known: "acct_1", found: "acct_2"), PaymentNotFound(payment),
        ]
        let sql = "-- -c \"DELETE FROM trueup.account WHERE name = 'task_health'\""
        for error in errors {
            #expect(error.description.hasSuffix(", forget the old one with: trueup db psql \(sql)"), "\(error)")
            let told = error.advice.text { $0.words + " --jobs ./jobs" }
            #expect(told.hasSuffix(", forget the old one with: trueup db psql --jobs ./jobs \(sql)"), "\(told)")
        }
    }

    @Test("the newest payment of a name is one that was read of it, once a run has used the name")
    func newestPayment() async throws {
        let pool = try await TestServer.pool(size: 1)
        try await pool.withConnection { connection in
            try await connection.run(
                script: """
                    INSERT INTO trueup.stripe_payment (account, object, id, amount, currency, created_seconds,
                        paid_seconds, run_id)
                    VALUES ('task_health', 'invoice', 'in_1', 1, 'usd', 100, 900, 1),
                        ('task_health', 'payment_intent', 'pi_1', 1, 'usd', 200, 800, 1),
                        ('medflyt', 'invoice', 'in_2', 1, 'usd', 300, 900, 1)
                    """)
            #expect(try await KnownAccounts.newestPayment(of: "task_health", on: connection) == nil)
            for (name, id) in [("task_health", "acct_1"), ("medflyt", "acct_2"), ("default", "acct_3")] {
                try await KnownAccounts.check(name: name, accountID: id, on: connection)
            }
            #expect(
                try await KnownAccounts.newestPayment(of: "task_health", on: connection)
                    == KnownPayment(name: "task_health", accountID: "acct_1", id: "pi_1", isInvoice: false))
            let other = try await KnownAccounts.newestPayment(of: "medflyt", on: connection)
            #expect(other?.id == "in_2" && other?.isInvoice == true)
            #expect(try await KnownAccounts.newestPayment(of: "default", on: connection) == nil)
        }
        await pool.close()
    }
}
