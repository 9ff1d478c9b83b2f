import Foundation
import Service
import Store
import Support
import Testing

@Suite("Credit orders over HTTP")
struct CreditOrderTests {
    private struct Options: Decodable {
        struct Option: Decodable {
            var id: Int64
            var priceCents: Int64
        }
        var options: [Option]
    }

    private struct Orders: Decodable {
        var orders: [Counter.Order]
        var nextCursor: String?
    }

    private struct Balance: Decodable {
        var agencyId: Int64
        var balance: Int64
    }

    @Test("from the package to the balance: order, hosted page, payment, credits")
    func wholeWay() async throws {
        try await Counter.with { counter in
            let options = try await counter.ask(
                .get, Counter.orders + "/credit_order_options", token: counter.token)
            #expect(try options.decoded(Options.self).options.map(\.id) == [1, 2])
            let order = try await counter.place(option: 2)
            #expect(order.state == "open" && order.credits == 100)
            #expect(order.hostedInvoiceUrl?.hasPrefix("https://") == true, "\(order)")
            let invoice = try #require(order.stripeInvoiceId)
            try counter.server.world(of: "task_health").pay(invoice)
            let event = try await counter.event("invoice.paid", of: invoice, account: "task_health")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            let balance = try await counter.ask(.get, Counter.orders + "/credit_balance", token: counter.token)
            #expect(try balance.decoded(Balance.self).balance == 100)
            let cancel = try await counter.ask(
                .delete, Counter.orders + "/credit_orders/\(order.id)", token: counter.token)
            #expect(cancel.status == 409 && cancel.code == "order_paid", "\(cancel.text)")
        }
    }

    @Test("the same Idempotency-Key is the same order, with another body a conflict")
    func idempotency() async throws {
        try await Counter.with { counter in
            let orders = try await withThrowingTaskGroup(of: Counter.Order.self) { group in
                for _ in 0..<4 { group.addTask { try await counter.place(key: "one") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(orders.map(\.id)).count == 1)
            #expect(Set(orders.compactMap(\.stripeInvoiceId)).count == 1)
            let other = try await counter.ask(
                .post, Counter.orders + "/credit_order", body: Array(#"{"option_id":2}"#.utf8),
                token: counter.token, headers: [("Idempotency-Key", "one")])
            #expect(other.status == 409 && other.code == "idempotency_key_reused", "\(other.text)")
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 1)
        }
    }

    @Test("an order that Stripe refuses for good is none, also when the same key asks again")
    func refused() async throws {
        try await Counter.with { counter in
            func ask() async throws -> Counter.Reply {
                try await counter.ask(
                    .post, Counter.orders + "/credit_order", body: Array(#"{"option_id":1}"#.utf8),
                    token: counter.token, headers: [("Idempotency-Key", "one")])
            }
            try await counter.pool.withConnection {
                _ = try await $0.execute("UPDATE agency SET \"taskHealthStripeCustomerId\" = 'cus_gone' WHERE id = 7")
            }
            let first = try await ask()
            #expect(first.status == 409 && first.code == "stripe_refused", "\(first.text)")
            let again = try await ask()
            #expect(again.status == 409 && again.code == "order_cancelled", "\(again.text)")
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 1)
        }
    }

    @Test("cancelling voids at Stripe and cancels the row; again is the same")
    func cancelling() async throws {
        try await Counter.with { counter in
            let order = try await counter.place()
            for _ in 0..<2 {
                let reply = try await counter.ask(
                    .delete, Counter.orders + "/credit_orders/\(order.id)", token: counter.token)
                #expect(reply.status == 200)
                #expect(try reply.decoded(Counter.OneOrder.self).order.state == "cancelled")
            }
            let invoice = try #require(order.stripeInvoiceId)
            #expect(try counter.server.world(of: "task_health").invoice(invoice)?.status == .void)
        }
    }

    @Test("orders come in pages, newest first, each once")
    func pages() async throws {
        try await Counter.with { counter in
            try await counter.run(
                """
                INSERT INTO task_credit_stripe_invoice (agency_id, credits, amount_cents, currency)
                SELECT 7 + g % 2, 10, 200000, 'usd' FROM generate_series(1, 20) g
                """)
            var seen: [Int64] = []
            var cursor = ""
            for _ in 0..<10 {
                let reply = try await counter.ask(
                    .get, Counter.orders + "/credit_orders?limit=3\(cursor)", token: counter.token)
                let page = try reply.decoded(Orders.self)
                seen += page.orders.map(\.id)
                guard let next = page.nextCursor else { break }
                cursor = "&cursor=\(next)"
            }
            #expect(seen.count == 10 && seen == seen.sorted(by: >) && Set(seen).count == 10)
            let wrong = [
                "limit=0", "limit=101", "limit=x", "cursor=-1", "cursor=1%20", "limit=3.5", "limit=3&limit=4",
            ]
            for query in wrong {
                let reply = try await counter.ask(
                    .get, Counter.orders + "/credit_orders?\(query)", token: counter.token)
                #expect(reply.status == 400 && reply.code == "invalid_request", "\(query)")
            }
        }
    }

    @Test("a token opens its own agencies only; others are as if they were not there")
    func tokens() async throws {
        try await Counter.with { counter in
            let path = "/credit_balance"
            let eight = "/rn/agencies/8/agency_members/13"
            let seven = try await Counter.token(counter.pool, agencies: [7])
            #expect(try await counter.ask(.get, Counter.orders + path, token: seven).status == 200)
            let foreign = try await counter.ask(.get, eight + path, token: seven)
            let absent = try await counter.ask(.get, "/rn/agencies/99/agency_members/13" + path, token: counter.token)
            #expect(foreign.status == 404 && absent.status == 404)
            #expect(foreign.text.replacing("8", with: "99") == absent.text)
            let order = try await counter.place()
            let elsewhere = try await counter.ask(
                .delete, eight + "/credit_orders/\(order.id)", token: counter.token)
            #expect(elsewhere.status == 404, "an order of agency 7 is not one of agency 8")
            let member = try await counter.ask(
                .get, "/rn/agencies/7/agency_members/13" + path, token: counter.token)
            #expect(member.status == 404)
            let status = try await Counter.token(counter.pool, agencies: [], maySeeStatus: true)
            #expect(try await counter.ask(.get, Counter.orders + path, token: status).status == 404)
            let last = try #require(seven.last)
            for wrong in [
                nil, "", "trueup_1_", "trueup_1_" + String(repeating: "0", count: 64),
                String(seven.dropLast()) + (last == "0" ? "1" : "0"), "trueup_9999999_\(seven.suffix(64))",
            ] {
                let reply = try await counter.ask(.get, Counter.orders + path, token: wrong)
                #expect(reply.status == 401 && reply.code == "unauthorized")
                #expect(reply.headers["WWW-Authenticate"] != nil)
            }
            let id = try #require(BearerToken(seven)).id
            #expect(try await APITokens(pool: counter.pool).revoke(id))
            #expect(try await counter.ask(.get, Counter.orders + path, token: seven).status == 401)
            #expect(!counter.logs.text.contains(seven.suffix(64)), "no token in the log")
            let stored = try await counter.word("SELECT string_agg(t::text, '') FROM trueup.api_token t") ?? ""
            #expect(!stored.contains(seven.suffix(64)) && stored.contains("tests"))
        }
    }

    @Test(
        "bodies that are no order are told so",
        arguments: ["", "{", "[]", "{}", #"{"option_id":"1"}"#, #"{"option_id":1.5}"#, #"{"option_id":null}"#])
    func badBodies(_ body: String) async throws {
        try await Counter.with { counter in
            let reply = try await counter.ask(
                .post, Counter.orders + "/credit_order", body: Array(body.utf8), token: counter.token)
            #expect(reply.status == 400 && reply.code == "invalid_request", "\(reply.text)")
            for option in [3, 99] {
                let reply = try await counter.ask(
                    .post, Counter.orders + "/credit_order", body: Array("{\"option_id\":\(option)}".utf8),
                    token: counter.token)
                #expect(reply.status == 422 && reply.code == "option_unavailable", "\(reply.text)")
            }
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 0)
        }
    }
}
