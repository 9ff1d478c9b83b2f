import Curl
import PostgreSQL
import Runner
import Store
import Support
import Testing

@Suite("Delivery of the outbox")
struct OutboxDeliveryTests {
    /// A database, a mail server, and messages for these recipients.
    private func with(
        _ recipients: [String], timeoutMilliseconds: Int = 20_000,
        _ body: (Pool, MailServerProcess, OutboxDelivery) async throws -> Void
    ) async throws {
        try await LentDatabase.withPool(size: 4) { pool in
            for (number, recipient) in recipients.enumerated() { try await Self.enqueue(number, recipient, pool) }
            try await MailServerProcess.with("plain") { server in
                let client = try server.client { $0.timeoutMilliseconds = timeoutMilliseconds }
                let from = try Mailbox(parsing: "Trueup <trueup@example.com>")
                try await body(pool, server, OutboxDelivery(pool: pool, mail: .init(client: client, from: from)))
            }
        }
    }

    private static func enqueue(_ number: Int, _ recipient: String, _ pool: Pool) async throws {
        let draft = OutboxDraft(
            channel: .email, dedupeKey: "test/\(number)", recipient: recipient, subject: "Nr. \(number) für dich",
            text: "Hello.\n", html: "<p>Hello.</p>\n", headers: ["X-Run": "12"],
            attachments: [OutboxAttachment(name: "r.csv", contentType: "text/csv", bytes: Array("a,b\n".utf8))],
            sentMark: SentMark(
                schema: "public", table: "agency_invoice_notice", keyColumn: "stripe_invoice_id",
                key: "in_\(number)", timeColumn: "sent_at"))
        try await pool.transaction { connection in
            _ = try await Outbox.enqueue(draft, on: connection)
            try await connection.execute(
                "INSERT INTO agency_invoice_notice VALUES ($1, 'a', 1, NULL)", "in_\(number)")
        }
    }

    private func states(_ pool: Pool) async throws -> [OutboxState] {
        try await Outbox(pool: pool).list(OutboxState.allCases).map(\.state)
    }

    private func noticesSent(_ pool: Pool) async throws -> Int64 {
        try await pool.withConnection {
            try await $0.query("SELECT count(sent_at)::bigint AS n FROM agency_invoice_notice")[0]["n"]
        }
    }

    /// Makes every waiting message due.
    private func hurry(_ pool: Pool) async throws {
        _ = try await pool.withConnection {
            try await $0.execute("UPDATE trueup.outbox SET next_attempt_at = now() - interval '1 second'")
        }
    }

    @Test("everything that is due is sent once, and the notices say when")
    func sends() async throws {
        try await with(["a@example.com", "b@example.com", "c@example.com"]) { pool, server, delivery in
            #expect(try await delivery.deliver(limit: 2).sent == 2)
            #expect(try await delivery.deliver(limit: 10).sent == 1)
            #expect(try await delivery.deliver(limit: 10) == OutboxDelivery.Outcome())
            let got = try server.received()
            #expect(got.map(\.recipients) == [["a@example.com"], ["b@example.com"], ["c@example.com"]])
            #expect(got.first?.header("Subject") == "Nr. 0 für dich" && got.first?.header("X-Run") == "12")
            #expect(got.first?.attachments.map(\.name) == ["r.csv"] && got.first?.html == "<p>Hello.</p>\n")
            let ids = got.compactMap { $0.header("Message-ID") }
            #expect(Set(ids).count == 3 && ids.allSatisfy { $0.hasSuffix("@example.com>") })
            #expect(try await noticesSent(pool) == 3)
        }
    }

    @Test("a lost answer is sent no second time, and a refusal for now is, under the same identity")
    func lostAnswer() async throws {
        try await with(["drop-data@example.com", "rcpt-451@example.com", "rcpt-550@example.com", "a@example.com"]) {
            pool, server, delivery in
            let first = try await delivery.deliver(limit: 10)
            #expect(first.sent == 1 && first.failed == 2 && first.unknown == 1)
            #expect(try await states(pool) == [.unknown, .queued, .failed, .sent])
            #expect(try await noticesSent(pool) == 1)
            try await hurry(pool)
            let second = try await delivery.deliver(limit: 10)
            #expect(second.sent == 0 && second.failed == 1 && second.unknown == 0)
            // The dropped one did arrive, once.
            #expect(try server.received().map(\.recipients) == [["drop-data@example.com"], ["a@example.com"]])
            let outbox = Outbox(pool: pool)
            let unknown = try #require(try await outbox.list([.unknown]).first)
            #expect(unknown.lastError?.contains("may have accepted") == true)
            #expect(try await outbox.decide(.wasSent, message: unknown.id))
            #expect(try await noticesSent(pool) == 2)
        }
    }

    @Test("a cancelled delivery leaves the message for the next one")
    func cancelled() async throws {
        try await with(["hang-rcpt@example.com"]) { pool, server, delivery in
            let task = Task { try await delivery.deliver(limit: 10) }
            while try await states(pool) != [.sending] { try await Task.sleep(for: .milliseconds(20)) }
            try await Task.sleep(for: .milliseconds(300))
            task.cancel()
            let outcome = try await task.value
            #expect(outcome.failed == 1 && outcome.lastError?.contains("cancelled") == true)
            #expect(try await states(pool) == [.queued])
            #expect(try server.received().isEmpty)
        }
    }

    @Test("a server that does not answer in time is asked once: the others are left, and none is tried twice")
    func slowServer() async throws {
        try await with(
            ["hang-rcpt@example.com", "a@example.com", "b@example.com"], timeoutMilliseconds: 1_500
        ) { pool, server, delivery in
            let outcome = try await delivery.deliver(limit: 10)
            #expect(outcome.failed == 1 && outcome.left == 2 && outcome.sent == 0, "\(outcome)")
            #expect(outcome.ending == .timedOut)
            #expect(try await Outbox(pool: pool).list().map(\.attempts) == [1, 0, 0])
            #expect(try await states(pool) == [.queued, .queued, .queued])
            #expect(try await delivery.deliver(limit: 10).sent == 2)
            #expect(try server.received().count == 2)
        }
    }

    @Test("one pass has its limits of messages and of time, tries none twice, and says what is left")
    func bounded() async throws {
        try await with(["rcpt-451@example.com", "a@example.com", "b@example.com"]) { pool, _, delivery in
            let none = try await delivery.deliver(limit: 10, seconds: 0)
            #expect(none.left == 3 && none.sent == 0 && none.ending == .slow)
            let some = try await delivery.deliver(limit: 2)
            #expect(some.failed == 1 && some.sent == 1 && some.left == 1 && some.ending == .full, "\(some)")
            try await hurry(pool)
            let rest = try await delivery.deliver(limit: 10)
            #expect(rest.failed == 1 && rest.sent == 1 && rest.left == 0 && rest.ending == .done, "\(rest)")
        }
    }

    @Test("a stopped pass leaves what is due, and says how much")
    func stopped() async throws {
        try await with(["a@example.com", "b@example.com"]) { pool, server, delivery in
            let task = Task {
                try? await Task.sleep(for: .seconds(60))
                return try await delivery.deliver(limit: 10)
            }
            task.cancel()
            let outcome = try await task.value
            #expect(outcome.left == 2 && outcome.ending == .stopped)
            #expect(try await Outbox(pool: pool).list().map(\.attempts) == [0, 0])
            #expect(try server.received().isEmpty)
        }
    }

    @Test("a server that hangs after the mail's end leaves the message unknown")
    func hangs() async throws {
        try await with(["hang-data@example.com"], timeoutMilliseconds: 1_500) { pool, _, delivery in
            let outcome = try await delivery.deliver(limit: 10)
            #expect(outcome.unknown == 1)
            #expect(try await states(pool) == [.unknown])
        }
    }

    @Test("an unreachable server costs one message one attempt, and without a server everything waits")
    func unreachable() async throws {
        try await with(["a@example.com", "b@example.com"]) { pool, _, _ in
            let from = try Mailbox(address: "trueup@example.com")
            let nowhere = try MailClient(url: Secret("smtp://127.0.0.1:1"))
            let delivery = OutboxDelivery(pool: pool, mail: .init(client: nowhere, from: from))
            #expect(try await delivery.deliver(limit: 10).failed == 1)
            let attempts = try await Outbox(pool: pool).list().map(\.attempts)
            #expect(attempts == [1, 0])
            #expect(try await OutboxDelivery(pool: pool, mail: nil).deliver(limit: 10) == OutboxDelivery.Outcome())
            #expect(try await states(pool) == [.queued, .queued])
        }
    }
}
