import PostgreSQL
import Store
import Support
import Testing

@Suite("The outbox")
struct OutboxTests {
    /// A database of its own.
    private func with(_ body: (Pool) async throws -> Void) async throws {
        try await LentDatabase.withPool(size: 8, body)
    }

    private func draft(_ key: String = "notice/a/in_1") -> OutboxDraft {
        OutboxDraft(
            channel: .email, dedupeKey: key, recipient: "a@b.example", subject: "Ä 1", text: "text\n", html: "<p>",
            headers: ["X-B": "2", "X-A": "1"],
            attachments: [
                OutboxAttachment(name: "r.pdf", contentType: "application/pdf", bytes: [0, 255, 10]),
                OutboxAttachment(name: "empty", contentType: "text/plain", bytes: []),
            ],
            sentMark: SentMark(
                schema: "public", table: "agency_invoice_notice", keyColumn: "stripe_invoice_id", key: "in_1",
                timeColumn: "sent_at"), about: ["notice": "in_1"])
    }

    private func enqueue(_ draft: OutboxDraft, _ pool: Pool) async throws -> Int64? {
        try await pool.transaction { try await Outbox.enqueue(draft, on: $0) }
    }

    private func claim(_ pool: Pool) async throws -> OutboxMessage? {
        try await Outbox(pool: pool).claim([.email], leaseSeconds: 60)
    }

    private func state(_ id: Int64, _ pool: Pool) async throws -> OutboxState? {
        try await Outbox(pool: pool).message(id: id)?.state
    }

    /// Makes every waiting message due.
    private func hurry(_ pool: Pool) async throws {
        _ = try await pool.withConnection {
            try await $0.execute("UPDATE trueup.outbox SET next_attempt_at = now() - interval '1 second'")
        }
    }

    @Test("a message comes out as it went in, once")
    func roundTrip() async throws {
        try await with { pool in
            let id = try #require(try await enqueue(draft(), pool))
            #expect(try await enqueue(draft(), pool) == nil)
            let message = try #require(try await claim(pool))
            #expect(message.id == id && message.state == .sending && message.attempts == 1)
            #expect(message.channel == "email" && message.recipient == "a@b.example" && message.subject == "Ä 1")
            #expect(message.text == "text\n" && message.html == "<p>" && message.headers == ["X-A": "1", "X-B": "2"])
            #expect(message.messageID.hasPrefix("trueup.") && message.messageID.utf8.count == 47)
            #expect(message.about.text == "{\"notice\": \"in_1\"}")
            #expect(try await Outbox(pool: pool).attachments(of: message) == draft().attachments)
            #expect(try await claim(pool) == nil)
            #expect(try await Outbox(pool: pool).markSent(message))
            #expect(try await state(id, pool) == .sent)
            // Sent for ever: neither another message under its key nor another attempt.
            #expect(try await enqueue(draft(), pool) == nil)
            #expect(try await claim(pool) == nil)
        }
    }

    @Test("a message of a transaction that is rolled back does not exist")
    func rollsBack() async throws {
        try await with { pool in
            struct Stop: Error {}
            await #expect(throws: Stop.self) {
                try await pool.transaction { connection in
                    _ = try await Outbox.enqueue(draft(), on: connection)
                    throw Stop()
                }
            }
            let none = try await claim(pool)
            #expect(none == nil)
            #expect(try await enqueue(draft(), pool) != nil)
        }
    }

    @Test("only the channels that are asked for are claimed")
    func channels() async throws {
        try await with { pool in
            var slack = draft()
            slack.channel = .slack
            _ = try await enqueue(slack, pool)
            #expect(try await claim(pool) == nil)
            #expect(try await Outbox(pool: pool).claim([.s3, .slack], leaseSeconds: 60)?.channel == "slack")
        }
    }

    @Test("of many senders at once each message has one")
    func oneSender() async throws {
        try await with { pool in
            for number in 0..<40 { _ = try await enqueue(draft("k\(number)"), pool) }
            let claimed = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var ids: [Int64] = []
                        while let message = try await Outbox(pool: pool).claim([.email], leaseSeconds: 60) {
                            ids.append(message.id)
                            _ = try await Outbox(pool: pool).markSent(message)
                        }
                        return ids
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 40 && Set(claimed).count == 40)
            #expect(try await Outbox(pool: pool).list([.sent]).count == 40)
        }
    }

    @Test("a failure before the end waits longer each time, and is given up after the last attempt")
    func backoff() async throws {
        try await with { pool in
            let id = try #require(try await enqueue(draft(), pool))
            let outbox = Outbox(pool: pool, attemptsMax: 4)
            var pauses: [Double] = []
            for attempt in 1...4 {
                let message = try #require(try await claim(pool))
                #expect(message.attempts == attempt)
                #expect(try await outbox.markFailed(message, error: "no\u{0}", isPermanent: false))
                #expect(try await claim(pool) == nil)
                pauses.append(
                    try await pool.withConnection {
                        try await $0.query(
                            """
                            SELECT extract(epoch FROM next_attempt_at - now())::double precision AS s FROM trueup.outbox
                            """)[0]["s"]
                    })
                if attempt < 4 { try await hurry(pool) }
            }
            for (pause, expected) in zip(pauses, [60, 120, 240, 480]) { #expect(abs(pause - Double(expected)) < 20) }
            let message = try #require(try await outbox.message(id: id))
            #expect(message.state == .failed && message.lastError == "no?")
        }
    }

    @Test("a refusal for good is not tried again, until a person says so")
    func permanent() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            let id = try #require(try await enqueue(draft(), pool))
            let message = try #require(try await claim(pool))
            #expect(try await outbox.markFailed(message, error: "550", isPermanent: true))
            try await hurry(pool)
            #expect(try await claim(pool) == nil)
            #expect(try await outbox.list().map(\.id) == [id])
            #expect(try await outbox.decide(.sendAgain, message: id))
            #expect(try await !outbox.decide(.sendAgain, message: id))
            #expect(try await claim(pool)?.attempts == 2)
        }
    }

    @Test("nobody sends again what may have been sent: after a lost answer as after a sender that died")
    func unknown() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            let lost = try #require(try await enqueue(draft("lost"), pool))
            let message = try #require(try await claim(pool))
            #expect(try await outbox.markUnknown(message, error: "no answer"))
            let died = try #require(try await enqueue(draft("died"), pool))
            let dying = try #require(try await claim(pool))
            _ = try await pool.withConnection {
                try await $0.execute(
                    "UPDATE trueup.outbox SET lease_until = now() - interval '1 second' WHERE state = 'sending'")
            }
            #expect(try await claim(pool) == nil)
            #expect(try await state(died, pool) == .unknown)
            try await hurry(pool)
            #expect(try await claim(pool) == nil)
            // The truth counts also when it comes late.
            #expect(try await outbox.markSent(dying))
            #expect(try await state(died, pool) == .sent)
            #expect(try await outbox.decide(.wasSent, message: lost))
            #expect(try await state(lost, pool) == .sent)
            #expect(try await claim(pool) == nil)
        }
    }

    /// As if their senders had died, and had had their time.
    private func abandon(_ pool: Pool) async throws {
        _ = try await pool.withConnection {
            try await $0.execute(
                "UPDATE trueup.outbox SET lease_until = now() - interval '1 second' WHERE state = 'sending'")
        }
    }

    @Test("whoever looks sees what a dead sender left as unknown, and one alone is told that it became so")
    func abandoned() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            var aboutReport = draft("of a report")
            aboutReport.about = ["report": "7"]
            let first = try #require(try await enqueue(draft("first"), pool))
            let second = try #require(try await enqueue(aboutReport, pool))
            _ = try await claim(pool)
            _ = try await claim(pool)
            let working = try await outbox.list([.sending])
            #expect(working.map(\.id) == [first, second] && working.allSatisfy { $0.leaseUntil != nil })
            #expect(try await !outbox.hasWork())
            #expect(try await outbox.expire().isEmpty)
            try await abandon(pool)
            #expect(try await outbox.hasWork())
            #expect(try await outbox.list([.sending]).isEmpty)
            #expect(try await outbox.list().map(\.state) == [.unknown, .unknown])
            #expect(try await outbox.message(id: first)?.lastError?.contains("ended before it said") == true)
            // Who sends a report's messages tells of those alone.
            #expect(try await outbox.expire(report: 7).map(\.id) == [second])
            #expect(try await outbox.expire().map(\.id) == [first])
            #expect(try await outbox.expire().isEmpty)
            #expect(try await !outbox.hasWork())
        }
    }

    @Test("what a dead sender left can be settled either way, also before anybody wrote down that it is unknown")
    func settlesAbandoned() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            let arrived = try #require(try await enqueue(draft("arrived"), pool))
            let lost = try #require(try await enqueue(draft("lost"), pool))
            _ = try await claim(pool)
            _ = try await claim(pool)
            #expect(try await !outbox.decide(.wasSent, message: arrived))
            try await abandon(pool)
            #expect(try await outbox.decide(.wasSent, message: arrived))
            #expect(try await outbox.decide(.sendAgain, message: lost))
            #expect(try await state(arrived, pool) == .sent)
            #expect(try await claim(pool)?.id == lost)
        }
    }

    @Test("what was tried is left out of the next claim and of what is due")
    func tried() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            let first = try #require(try await enqueue(draft("first"), pool))
            let second = try #require(try await enqueue(draft("second"), pool))
            #expect(try await outbox.dueCount([.email]) == 2)
            #expect(try await outbox.dueCount([.email], without: [first]) == 1)
            #expect(try await outbox.dueCount([.slack]) == 0)
            #expect(try await outbox.dueCount([.email], report: 7) == 0)
            #expect(try await outbox.claim([.email], without: [first], leaseSeconds: 60)?.id == second)
            let none = try await outbox.claim([.email], without: [first], leaseSeconds: 60)
            #expect(none == nil)
        }
    }

    @Test("an attempt that somebody else took over says nothing any more")
    func fenced() async throws {
        try await with { pool in
            let outbox = Outbox(pool: pool)
            let id = try #require(try await enqueue(draft(), pool))
            let stale = try #require(try await claim(pool))
            #expect(try await outbox.markUnknown(stale, error: "?"))
            #expect(try await outbox.decide(.sendAgain, message: id))
            let fresh = try #require(try await claim(pool))
            #expect(try await !outbox.markFailed(stale, error: "late", isPermanent: true))
            #expect(try await !outbox.markUnknown(stale, error: "late"))
            #expect(try await !outbox.markSent(stale))
            #expect(try await state(id, pool) == .sending)
            #expect(try await outbox.markSent(fresh))
            #expect(try await outbox.markSent(fresh))
            #expect(try await !outbox.markFailed(fresh, error: "late", isPermanent: false))
            #expect(try await state(id, pool) == .sent)
        }
    }

    @Test("the row that the message is about is told in the same transaction, and keeps a time that it has")
    func sentMark() async throws {
        try await with { pool in
            try await pool.withConnection {
                try await $0.run(script: "INSERT INTO agency_invoice_notice VALUES ('in_1', 'a', 1, NULL)")
            }
            _ = try await enqueue(draft(), pool)
            let message = try #require(try await claim(pool))
            #expect(try await Outbox(pool: pool).markSent(message))
            let isSame: Bool = try await pool.withConnection {
                try await $0.query(
                    """
                    SELECT n.sent_at = o.sent_at AS same FROM agency_invoice_notice n, trueup.outbox o
                    """)[0]["same"]
            }
            #expect(isSame)
        }
    }

    @Test("a message stays sent where the row cannot be told any more")
    func sentMarkGone() async throws {
        try await with { pool in
            var made = draft()
            made.sentMark?.table = "no\"such"
            let id = try #require(try await enqueue(made, pool))
            let message = try #require(try await claim(pool))
            #expect(try await Outbox(pool: pool).markSent(message))
            let now = try #require(try await Outbox(pool: pool).message(id: id))
            #expect(now.state == .sent && now.lastError?.contains("public.no\"such could not be told") == true)
        }
    }

    @Test(
        "what would end its line is refused",
        arguments: ["x\r\nBcc: y@z.example", "x\ny", "x\u{0}", "\u{7F}", "x\u{2028}y", "x\u{85}"])
    func oneLine(_ text: String) async throws {
        try await with { pool in
            let changes: [(inout OutboxDraft) -> Void] = [
                { $0.subject = text }, { $0.recipient = text }, { $0.headers = ["X": text] },
                { $0.headers = [text: "x"] }, { $0.attachments[0].name = text },
            ]
            for change in changes {
                var made = draft()
                change(&made)
                let bad = made
                await #expect(throws: OutboxError.self) { try await enqueue(bad, pool) }
            }
            let none = try await claim(pool)
            #expect(none == nil)
        }
    }
}
