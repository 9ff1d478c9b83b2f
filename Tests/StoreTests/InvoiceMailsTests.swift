import PostgreSQL
import Store
import Support
import Testing

@Suite("Mails about orders' invoices")
struct InvoiceMailsTests {
    private typealias Waiting = InvoiceMails.Waiting

    private static func with(_ body: (Connection) async throws -> Void) async throws {
        let connection = try await Connection.open(try await TestServer.database(), applicationName: "tests")
        try await InvoiceMails.expect("in_1", account: "a", idempotencyKey: "k", on: connection)
        try await body(connection)
        await connection.close()
    }

    private static func waiting(_ connection: Connection) async throws -> Waiting {
        try #require(try await InvoiceMails.waiting("in_1", account: "a", on: connection))
    }

    private static func begin(_ connection: Connection) async throws -> Waiting {
        try #require(try await InvoiceMails.begin(waiting(connection), account: "a", on: connection))
    }

    /// Makes the attempts older than they are.
    private static func age(_ seconds: Int64, _ connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET first_attempt_at = first_attempt_at - $1 * interval '1 second',
                last_attempt_at = last_attempt_at - $1 * interval '1 second'
            """, Double(seconds))
    }

    @Test("under a key that Stripe remembers it is asked again; otherwise it is looked, once what was done is listed")
    func steps() {
        func step(_ first: Int64?, _ last: Int64?, isKeyUsedUp: Bool = false) -> InvoiceMails.Step {
            Waiting(
                invoiceID: "in_1", idempotencyKey: "k", begun: 1, isKeyUsedUp: isKeyUsedUp,
                firstAttemptAgeSeconds: first, lastAttemptAgeSeconds: last
            ).next
        }
        #expect(step(nil, nil) == .send)
        #expect(step(0, 0) == .send)
        #expect(step(23 * 3_600 - 1, 0) == .send)
        #expect(step(23 * 3_600, 0) == .wait(seconds: 600))
        #expect(step(23 * 3_600, 599) == .wait(seconds: 1))
        #expect(step(23 * 3_600, 600) == .look)
        #expect(step(0, 0, isKeyUsedUp: true) == .wait(seconds: 600))
        #expect(step(600, 600, isKeyUsedUp: true) == .look)
        // The clock was set back: how old the key is, nobody knows.
        #expect(step(-1, 600) == .look)
        #expect(step(-7_200, -7_200) == .wait(seconds: 600))
    }

    @Test("of two who know the same note one makes the attempt, and none under a key that is too old")
    func begins() async throws {
        try await Self.with { connection in
            let note = try await Self.waiting(connection)
            #expect(note == Waiting(invoiceID: "in_1", idempotencyKey: "k") && note.next == .send)
            let first = try #require(try await InvoiceMails.begin(note, account: "a", on: connection))
            #expect(first.begun == 1 && first.firstAttemptAgeSeconds == 0 && first.lastAttemptAgeSeconds == 0)
            #expect(try await InvoiceMails.begin(note, account: "a", on: connection) == nil)
            #expect(try await Self.begin(connection).begun == 2)
            let young = try await Self.waiting(connection)
            try await Self.age(23 * 3_600, connection)
            #expect(try await InvoiceMails.begin(young, account: "a", on: connection) == nil)
            #expect(try await Self.waiting(connection).next == .look)
        }
    }

    @Test("an attempt that did nothing is taken back, unless another one was made under the key")
    func undone() async throws {
        try await Self.with { connection in
            try await InvoiceMails.fail(
                Self.begin(connection), account: "a", error: "no way", .undone, on: connection)
            let first = try await Self.waiting(connection)
            #expect(first == Waiting(invoiceID: "in_1", idempotencyKey: "k", begun: 1))
            try await InvoiceMails.fail(Self.begin(connection), account: "a", error: "lost", .open, on: connection)
            try await Self.age(3_600, connection)
            try await InvoiceMails.fail(
                Self.begin(connection), account: "a", error: "no way", .undone, on: connection)
            let last = try await Self.waiting(connection)
            #expect(last.begun == 3 && last.idempotencyKey == "k" && !last.isKeyUsedUp && last.next == .send)
            #expect(last.firstAttemptAgeSeconds.map { $0 >= 3_600 } == true)
        }
    }

    @Test("one that fails while another is under way takes nothing back")
    func atOnce() async throws {
        try await Self.with { connection in
            let slow = try await Self.begin(connection)
            let fast = try await Self.begin(connection)
            for attempt in [slow, fast] {
                try await InvoiceMails.fail(attempt, account: "a", error: "no way", .undone, on: connection)
            }
            #expect(try await Self.waiting(connection).firstAttemptAgeSeconds != nil)
        }
    }

    @Test("a key that Stripe keeps a failure for is used no more, and a new one only where nothing was begun since")
    func kept() async throws {
        try await Self.with { connection in
            let attempt = try await Self.begin(connection)
            try await InvoiceMails.fail(attempt, account: "a", error: "500", .kept, on: connection)
            let used = try await Self.waiting(connection)
            #expect(used.isKeyUsedUp && used.idempotencyKey == "k")
            #expect(try await InvoiceMails.begin(used, account: "a", on: connection) == nil)
            let pause: Int64 = try await connection.query(
                "SELECT ceil(extract(epoch FROM next_attempt_at - now()))::bigint AS n FROM trueup.invoice_mail"
            )[0]["n"]
            #expect((598...600).contains(pause), "what was done may not be listed yet")
            let renewed = try #require(try await InvoiceMails.renew(used, account: "a", on: connection))
            #expect(renewed == Waiting(invoiceID: "in_1", idempotencyKey: "k+1", begun: 1))
            #expect(try await InvoiceMails.renew(used, account: "a", on: connection) == nil)
            // An answer that comes after that is one about the old key.
            try await InvoiceMails.fail(attempt, account: "a", error: "late", .kept, on: connection)
            #expect(try await Self.waiting(connection) == renewed)
            let second = try await Self.begin(connection)
            try await InvoiceMails.fail(second, account: "a", error: "500", .kept, on: connection)
            let again = try await InvoiceMails.renew(Self.waiting(connection), account: "a", on: connection)
            #expect(again?.idempotencyKey == "k+2")
            #expect(try await InvoiceMails.renew(second, account: "a", on: connection) == nil)
        }
    }

    @Test("what nobody knows is for a person; an answer that comes after all still counts")
    func unknown() async throws {
        try await Self.with { connection in
            for id in ["in_2", "in_3"] {
                try await InvoiceMails.expect(id, account: "a", idempotencyKey: id, on: connection)
            }
            try await InvoiceMails.end("in_1", account: "a", .unknown("look"), on: connection)
            try await InvoiceMails.end("in_2", account: "a", .refused("no address"), on: connection)
            var standing = try await InvoiceMails.standing(limit: 10, on: connection)
            #expect(standing.waiting == 1 && standing.refused == 1 && standing.unknown == 1)
            #expect(standing.unmailed.map(\.invoiceID) == ["in_1", "in_2"])
            #expect(standing.unmailed.map(\.state) == ["unknown", "refused"])
            #expect(standing.unmailed.map(\.reason) == ["look", "no address"])
            standing = try await InvoiceMails.standing(limit: 1, on: connection)
            #expect(standing.unmailed.map(\.invoiceID) == ["in_1"])
            #expect(try await InvoiceMails.waiting("in_1", account: "a", on: connection) == nil)
            for id in ["in_1", "in_2"] { try await InvoiceMails.end(id, account: "a", .needless, on: connection) }
            standing = try await InvoiceMails.standing(limit: 10, on: connection)
            #expect(standing.refused == 1 && standing.unknown == 1, "what has ended stays")
            for id in ["in_1", "in_2"] { try await InvoiceMails.end(id, account: "a", .sent, on: connection) }
            standing = try await InvoiceMails.standing(limit: 10, on: connection)
            #expect(standing.refused == 1 && standing.unknown == 0)
        }
    }
}
