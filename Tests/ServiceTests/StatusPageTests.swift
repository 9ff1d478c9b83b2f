import Foundation
import Sandbox
import Support
import Testing

@Suite("Status page")
struct StatusPageTests {
    private static let findings = """
        INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
            program_version, requested_by, host, process_id, state, ended_at)
        VALUES ('credit-invoices', 'manual', false, 0, 1, 'x', 'x', 'x', 'x', 1, 'drift', now());
        INSERT INTO trueup.finding (job, kind, account, stripe_id, action, explanation, facts, first_run_id,
            last_run_id, first_seen_at)
        SELECT 'credit-invoices', 'amount_mismatch', 'task_health', 'in_' || g, 'review', 'x', '{}', r.id, r.id,
            now() - make_interval(days => g * 3)
        FROM generate_series(0, 4) g, (SELECT max(id) AS id FROM trueup.run) r
        """

    @Test("nobody sees it without a token, and a wrong one is told so in the form")
    func closed() async throws {
        try await Counter.with { counter in
            let bare = try await counter.ask(.get, "/")
            #expect(bare.status == 401 && bare.text.contains("<form method=\"post\" action=\"/login\">"))
            #expect(!bare.text.contains("credit-invoices"))
            let orders = try await Counter.token(counter.pool, agencies: nil)
            for token in ["", "x", orders, "trueup_1_" + String(repeating: "0", count: 64)] {
                let reply = try await counter.ask(.post, "/login", body: Array("token=\(token)".utf8))
                #expect(reply.status == 401 && reply.text.contains("role=\"alert\""))
                #expect(reply.headers["Set-Cookie"] == nil)
            }
            #expect(try await counter.ask(.get, "/", token: orders).status == 401)
            for cookie in ["1.99999999999.00", "x", "1..", "1.99999999999." + String(repeating: "0", count: 64)] {
                let reply = try await counter.ask(.get, "/", headers: [("Cookie", "trueup_status=\(cookie)")])
                #expect(reply.status == 401)
            }
        }
    }

    @Test("with a token it shows jobs, last runs, and open findings by kind and age, under a strict policy")
    func open() async throws {
        try await Counter.with { counter in
            try await counter.run(Self.findings)
            let page = try await counter.ask(.get, "/", token: counter.token)
            #expect(page.status == 200, "\(page.text)")
            for words in [
                "<h1>5 differences are open</h1>", "agency-charges", "&lt;credit-invoices&gt;",
                "<span class=\"badge warning\">5 differences are open</span>",
                "amount_mismatch", "<td class=\"number\">1</td><td class=\"number\">2</td><td class=\"number\">2</td>",
                "12 days",
            ] {
                #expect(page.text.contains(words), "\(words)\n\(page.text)")
            }
            let policy = page.headers["Content-Security-Policy"] ?? ""
            #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
            #expect(!page.text.contains("<script") && !page.text.contains("style="))
        }
    }

    @Test("what only informs is counted apart, and neither a backfill nor its clean end stands for the last run")
    func apart() async throws {
        try await Counter.with { counter in
            try await counter.run(Self.findings)
            try await counter.run(
                """
                UPDATE trueup.finding SET kind = 'overdue', action = 'inform' WHERE stripe_id IN ('in_0', 'in_1');
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
                    program_version, requested_by, host, process_id, state, ended_at)
                VALUES ('credit-invoices', 'backfill', false, 0, 1, 'x', 'x', 'x', 'x', 1, 'clean', now())
                """)
            let page = try await counter.ask(.get, "/", token: counter.token).text
            for words in [
                "<h1>3 differences are open</h1>", "<p class=\"soft\">and 2 for information</p>", ", run 1</small>",
                "<span class=\"badge warning\">3 differences are open</span>",
            ] {
                #expect(page.contains(words), "\(words)\n\(page)")
            }
            #expect(!page.contains("run 2") && !page.contains("overdue"), "\(page)")
            try await counter.run("UPDATE trueup.finding SET state = 'accepted' WHERE action = 'review'")
            let after = try await counter.ask(.get, "/", token: counter.token).text
            #expect(after.contains("<header class=\"good\"><h1>Nothing is open</h1>"), "\(after)")
            #expect(after.contains("<span class=\"badge good\">ok</span>"), "\(after)")
            #expect(after.contains("and 2 for information"), "\(after)")
        }
    }

    @Test("where no job ever ran it says so, and praises nothing")
    func nothingRan() async throws {
        try await Counter.with { counter in
            let page = try await counter.ask(.get, "/", token: counter.token)
            #expect(page.text.contains("<header class=\"warning\"><h1>No job has run yet</h1>"), "\(page.text)")
            #expect(!page.text.contains("Nothing is open"))
            try await counter.run(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
                    program_version, requested_by, host, process_id, state, ended_at)
                VALUES ('credit-invoices', 'manual', false, 0, 1, 'x', 'x', 'x', 'x', 1, 'clean', now())
                """)
            let after = try await counter.ask(.get, "/", token: counter.token)
            #expect(after.text.contains("<header class=\"good\"><h1>Nothing is open</h1>"), "\(after.text)")
            #expect(after.text.contains("; never ran: agency-charges, agency-invoices."), "\(after.text)")
        }
    }

    @Test("an invoice that may have been mailed is on the page with what a person does, in the figures, and in the log")
    func unmailed() async throws {
        var setup = CounterSetup()
        setup.limits.mailSeconds = 1
        setup.faults = SandboxFaults(scripts: [.init(.serverError, method: "POST", pathContains: "/send")])
        try await Counter.with(setup) { counter in
            let invoice = try #require(try await counter.place().stripeInvoiceId)
            let before = try await counter.ask(.get, "/", token: counter.token)
            #expect(!before.text.contains("need a person to be mailed"), "\(before.text)")
            try await counter.run(
                """
                UPDATE trueup.invoice_mail SET next_attempt_at = now(), first_attempt_at = now() - interval '40 days',
                    last_attempt_at = now() - interval '40 days'
                """)
            let end = ContinuousClock.now + .seconds(60)
            while !counter.logs.text.contains("an invoice is not mailed"), ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(50))
            }
            let advice = "trueup stripe invoice send \(invoice) --account task_health"
            let log = counter.logs.text
            #expect(log.contains("trueup.invoice=\(invoice)") && log.contains(advice), "\(log)")
            let page = try await counter.ask(.get, "/", token: counter.token)
            for words in [
                "<h2>Invoices that need a person to be mailed</h2>", "<th scope=\"row\">\(invoice)<small>task_health",
                "<span class=\"badge warning\">unknown</span>", advice,
                "<dt>Invoices that Stripe may have mailed</dt><dd>1</dd>",
                "<dt>Invoices that Stripe has yet to mail</dt><dd>0</dd>",
            ] {
                #expect(page.text.contains(words), "\(words)\n\(page.text)")
            }
            let metrics = try await counter.ask(.get, "/metrics").text
            for line in ["waiting\"} 0", "refused\"} 0", "unknown\"} 1"] {
                #expect(metrics.contains("\ntrueup_order_invoices{state=\"\(line)\n"), "\(metrics)")
            }
        }
    }

    @Test("a run whose process was killed does not look well")
    func killed() async throws {
        try await Counter.with { counter in
            try await counter.run(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds, definition_hash,
                    program_version, requested_by, host, process_id)
                VALUES ('credit-invoices', 'manual', false, 0, 1, 'x', 'x', 'x', 'x', 1)
                """)
            let page = try await counter.ask(.get, "/", token: counter.token)
            #expect(
                page.text.contains("<header class=\"bad\"><h1>credit-invoices: stopped before its end</h1>"),
                "\(page.text)")
            #expect(page.text.contains("interrupted") && page.text.contains(", run 1"), "\(page.text)")
        }
    }

    @Test("a form takes the token and a cookie holds the session, until the token is revoked")
    func cookie() async throws {
        try await Counter.with { counter in
            let login = try await counter.ask(
                .post, "/login", body: Array("token=\(counter.token)".utf8),
                headers: [("X-Forwarded-Proto", "https")])
            #expect(login.status == 303 && login.headers["Location"] == "/", "\(login.text)")
            let cookie = try #require(login.headers["Set-Cookie"])
            for words in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] { #expect(cookie.contains(words)) }
            #expect(!cookie.contains(counter.token.suffix(64)), "the token itself is not kept by the browser")
            let value = String(cookie.prefix { $0 != ";" })
            #expect(try await counter.ask(.get, "/", headers: [("Cookie", "a=b; \(value)")]).status == 200)
            let other = try await counter.ask(.post, "/login", body: Array("token=\(counter.token)".utf8))
            let otherValue = String(try #require(other.headers["Set-Cookie"]).prefix { $0 != ";" })
            #expect(otherValue != value)
            let logout = try await counter.ask(.post, "/logout", headers: [("Cookie", otherValue)])
            #expect(logout.status == 303 && logout.headers["Set-Cookie"]?.contains("Max-Age=0") == true)
            #expect(try await counter.ask(.get, "/", headers: [("Cookie", otherValue)]).status == 401, "it is over")
            #expect(try await counter.ask(.get, "/", headers: [("Cookie", value)]).status == 200, "the other is not")
            try await counter.run("UPDATE trueup.api_token SET revoked_at = now()")
            #expect(try await counter.ask(.get, "/", headers: [("Cookie", value)]).status == 401)
        }
    }

    @Test("behind a proxy that speaks TLS the cookie is sent by TLS alone", arguments: [false, true])
    func secure(_ isBehindTLS: Bool) async throws {
        try await Counter.with(CounterSetup(isBehindTLS: isBehindTLS)) { counter in
            let login = try await counter.ask(.post, "/login", body: Array("token=\(counter.token)".utf8))
            let cookie = try #require(login.headers["Set-Cookie"])
            #expect(cookie.contains("; Secure") == isBehindTLS, "\(login.status)")
        }
    }

    @Test("the form of another host's page signs nobody in or out; this host's, and a client that is no browser, may")
    func foreign() async throws {
        try await Counter.with { counter in
            let own = "127.0.0.1:\(counter.port)"
            let body = Array("token=\(counter.token)".utf8)
            let foreign: [[(String, String)]] = [
                [("Origin", "https://evil.example")], [("Origin", "null")], [("Origin", "http://127.0.0.1:1")],
                [("Origin", "http://evil.example:\(counter.port)")],
                [("Origin", "http://\(own)"), ("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
            ]
            for headers in foreign {
                let reply = try await counter.ask(.post, "/login", body: body, headers: headers)
                #expect(reply.status == 403 && reply.code == "foreign_origin", "\(headers): \(reply.text)")
                #expect(reply.headers["Set-Cookie"] == nil)
                #expect(try await counter.ask(.post, "/logout", headers: headers).status == 403, "\(headers)")
            }
            let known: [[(String, String)]] = [
                [], [("Origin", "http://\(own)")], [("Origin", "HTTP://\(own)"), ("Sec-Fetch-Site", "same-origin")],
                [("Origin", "https://status.example"), ("X-Forwarded-Host", "Status.example:443")],
                [("Origin", "https://status.example"), ("Sec-Fetch-Site", "same-origin")],
            ]
            for headers in known {
                let reply = try await counter.ask(.post, "/login", body: body, headers: headers)
                #expect(reply.status == 303 && reply.headers["Set-Cookie"] != nil, "\(headers): \(reply.text)")
            }
            // Under no-referrer a browser would send `Origin: null` from this very page.
            let page = try await counter.ask(.get, "/")
            #expect(page.headers["Referrer-Policy"] == "same-origin")
        }
    }
}
