import Credits
import PostgreSQL
import Store
import Support
import Testing

@Suite("The effect that tells an agency of its invoice")
struct NoticeEffectTests {
    static let invoice = FinalizedInvoice(
        account: "medflyt", id: "in_1", number: "ABC-0001", amountDue: 140_000, currency: "usd",
        dueSeconds: 1_792_400_173, hostedURL: "https://invoice.stripe.com/i/acct_1/x?s=ap&t=1", customer: "cus_7")

    private func with(
        agencies: String = "(7, 'Sunrise & <Sons>', 'office@sunrise.example', 'cus_7')",
        _ body: (Shop, NoticeEffects) async throws -> Void
    ) async throws {
        try await Shop.with { shop in
            if !agencies.isEmpty {
                try await shop.run(
                    "INSERT INTO agency (id, name, email, \"stripeCustomerId\") VALUES \(agencies)")
            }
            let table = try await shop.pool.withConnection { connection in
                try await NoticeTable.resolve(
                    schema: "public", table: "agency_invoice_notice", columns: [:],
                    customerColumn: "stripeCustomerId", on: connection)
            }
            try await body(shop, NoticeEffects(table: table))
        }
    }

    private func queue(
        _ effects: NoticeEffects, _ shop: Shop, _ change: (inout FinalizedInvoice) -> Void = { _ in }
    ) async throws -> EffectOutcome {
        var invoice = Self.invoice
        change(&invoice)
        let made = invoice
        return try await shop.pool.transaction { try await effects.queue(made, on: $0) }
    }

    private func messages(_ shop: Shop) async throws -> [OutboxMessage] {
        try await Outbox(pool: shop.pool).list(OutboxState.allCases)
    }

    private func notices(_ shop: Shop) async throws -> String {
        try await shop.pool.withConnection { connection in
            try await connection.query(
                """
                SELECT coalesce(string_agg(concat_ws('|', stripe_invoice_id, account, agency_id, sent_at IS NULL), ' '),
                    '') AS text FROM agency_invoice_notice
                """)[0]["text"]
        }
    }

    @Test("records the notice and one mail, and a second time changes nothing")
    func once() async throws {
        try await with { shop, effects in
            guard case .done(let before, let after) = try await queue(effects, shop) else {
                Issue.record("it was not done")
                return
            }
            #expect(before.text == "{}")
            #expect(after.text.contains("\"stripe_invoice_id\": \"in_1\"") && after.text.hasPrefix("{\"notice\": {"))
            #expect(try await notices(shop) == "in_1|medflyt|7|t")
            #expect(try await queue(effects, shop) == .alreadyDone)
            #expect(try await messages(shop).count == 1)
        }
    }

    @Test("the mail says number, amount, due date and link, as text and as HTML")
    func mail() async throws {
        try await with { shop, effects in
            _ = try await queue(effects, shop)
            let message = try #require(try await messages(shop).first)
            #expect(message.recipient == "office@sunrise.example" && message.channel == "email")
            #expect(message.subject == "Invoice ABC-0001: $1,400.00, due on 2026-10-19")
            #expect(
                message.text == """
                    Dear Sunrise & <Sons>,

                    Invoice ABC-0001 over $1,400.00 has been issued and is due on 2026-10-19 (UTC).

                    You can look at it and pay it here:
                    https://invoice.stripe.com/i/acct_1/x?s=ap&t=1

                    This message was sent automatically.

                    """)
            let html = try #require(message.html)
            #expect(html.contains("<p>Dear Sunrise &amp; &lt;Sons&gt;,</p>") && !html.contains("<Sons>"))
            #expect(html.contains("<a href=\"https://invoice.stripe.com/i/acct_1/x?s=ap&amp;t=1\">"))
        }
    }

    @Test("hostile names and links do no harm")
    func hostile() async throws {
        let name = "E'A\\r\\nBcc: x@y.example\\n\u{202E}<script>\\t'"
        try await with(agencies: "(7, \(name), 'a@b.example', 'cus_7')") { shop, effects in
            let outcome = try await queue(effects, shop) { invoice in
                invoice.hostedURL = "javascript:alert(1)"
                invoice.dueSeconds = nil
                invoice.number = nil
            }
            #expect(outcome.isDone)
            let message = try #require(try await messages(shop).first)
            #expect(message.subject == "Invoice in_1: $1,400.00")
            #expect(message.text.hasPrefix("Dear A  Bcc: x@y.example  <script>,\n"))
            #expect(message.html?.contains("<script>") == false && message.html?.contains("javascript") == false)
        }
        try await with { shop, effects in
            let outcome = try await queue(effects, shop) { $0.number = "1\r\nBcc: x@y.example" }
            #expect(outcome.refusal?.contains("the subject of the mail about invoice in_1") == true)
            #expect(try await notices(shop).isEmpty)
            #expect(try await messages(shop).isEmpty)
        }
    }

    @Test(
        "nobody is told where the tables do not say whom",
        arguments: [
            ("", "no agency has the customer cus_7"),
            ("(7, 'A', NULL, 'cus_7')", "agency 7 has no e-mail address"),
            ("(7, 'A', 'nonsense', 'cus_7')", "agency 7 has no e-mail address"),
            ("(7, 'A', 'a@b.example', 'cus_7'), (8, 'B', 'b@b.example', 'cus_7')", "2 agencies have the customer"),
        ])
    func refuses(_ agencies: String, _ reason: String) async throws {
        try await with(agencies: agencies) { shop, effects in
            let outcome = try await queue(effects, shop)
            #expect(outcome.refusal?.contains(reason) == true, "\(outcome)")
            #expect(try await notices(shop).isEmpty)
            #expect(try await messages(shop).isEmpty)
        }
    }

    @Test("an invoice without a customer is refused")
    func noCustomer() async throws {
        try await with { shop, effects in
            let outcome = try await queue(effects, shop) { $0.customer = nil }
            #expect(outcome.refusal?.contains("the customer that invoice in_1 lacks") == true, "\(outcome)")
        }
    }

    @Test("a notice of another account is not taken for this one's")
    func otherAccount() async throws {
        try await with { shop, effects in
            try await shop.run("INSERT INTO agency_invoice_notice VALUES ('in_1', 'default', 7, now())")
            let outcome = try await queue(effects, shop)
            #expect(outcome.refusal?.contains("recorded for account default") == true)
            #expect(try await messages(shop).isEmpty)
        }
    }

    @Test("a webhook and a repair at the same time send one mail", arguments: 1...10)
    func race(_ round: Int) async throws {
        try await with { shop, effects in
            let outcomes = try await withThrowingTaskGroup(of: EffectOutcome.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await shop.pool.transaction { try await effects.queue(Self.invoice, on: $0) } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0.isDone } == 1)
            #expect(outcomes.count { $0 == .alreadyDone } == 5, "round \(round): \(outcomes)")
            #expect(try await messages(shop).count == 1)
        }
    }

    @Test("a mail that was sent is not sent again when its notice is taken away, and the notice says when it was")
    func takesOver() async throws {
        try await with { shop, effects in
            _ = try await queue(effects, shop)
            let outbox = Outbox(pool: shop.pool)
            let message = try #require(try await outbox.claim([.email], leaseSeconds: 60))
            #expect(try await outbox.markSent(message))
            #expect(try await notices(shop) == "in_1|medflyt|7|f")
            try await shop.run("DELETE FROM agency_invoice_notice")
            #expect(try await queue(effects, shop).isDone)
            #expect(try await notices(shop) == "in_1|medflyt|7|f")
            #expect(try await messages(shop).count == 1)
            #expect(try await outbox.claim([.email], leaseSeconds: 60) == nil)
        }
    }
}
