import Curl
import Foundation
import Support
import Testing

@Suite("Mail over SMTP")
struct MailClientTests {
    static func mail(to recipient: String = "finance@example.com") throws -> Mail {
        Mail(
            from: try Mailbox(parsing: "Trueup <trueup@example.com>"), to: [try Mailbox(address: recipient)],
            subject: "Plain", text: "Hello.\n", messageID: "7@example.com", dateSeconds: 1_792_400_173)
    }

    /// What the client says of one mail to this recipient.
    static func outcome(_ client: MailClient, to recipient: String) async throws -> MailError? {
        let mail = try mail(to: recipient)
        do throws(MailError) {
            try await client.send(mail)
            return nil
        } catch {
            return error
        }
    }

    @Test("a mail arrives as it was written: names, subject, texts, files, identity")
    func arrives() async throws {
        let binary = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }
        let text =
            ".a line with a dot\n\n..two\n.\nTrailing blank \nÜmläute und ein 🦊\n"
            + String(repeating: "x", count: 2_000)
        var mail = try Self.mail()
        mail.from = try Mailbox(name: "Trüup, \"the\" Reconciler", address: "trueup@example.com")
        mail.to = [
            try Mailbox(
                name: "Ünal & Söhne GmbH, Buchhaltung, mit einem Namen, der in keine Zeile passt",
                address: "a@example.com"),
            try Mailbox(name: "O'Neil \\ \"Co\"", address: "b@example.com"),
        ]
        mail.subject = "Rechnung für Größenordnung Süd: $1,400.00 fällig am 19. Oktober – bitte prüfen 🦊"
        mail.text = text
        mail.html = "<p>.Größe = <b>1</b></p>\n"
        mail.attachments = [
            .init(name: "report.pdf", contentType: "application/pdf", bytes: binary),
            .init(name: "Übersicht \"2026\".csv", contentType: "text/csv", bytes: Array("a,b\r\n.\r\n".utf8)),
            .init(name: "empty.bin", contentType: "application/octet-stream", bytes: []),
        ]
        mail.headers = [("X-Trueup-Run", "12"), ("X-Words", "ä =?x? " + String(repeating: "long ", count: 40) + "end")]
        try await MailServerProcess.with("plain") { server in
            try await server.client().send(mail)
            let got = try #require(try server.received().first)
            #expect(got.sender == "trueup@example.com" && got.recipients == ["a@example.com", "b@example.com"])
            #expect(got.from == [[mail.from.name ?? "", "trueup@example.com"]])
            #expect(got.to == mail.to.map { [$0.name ?? "", $0.address] })
            #expect(got.header("Subject") == mail.subject)
            #expect(got.header("Message-ID") == "<7@example.com>")
            #expect(got.header("Auto-Submitted") == "auto-generated")
            #expect(got.header("X-Trueup-Run") == "12" && got.header("X-Words") == mail.headers[1].value)
            #expect(got.date == 1_792_400_173)
            #expect(got.text == text + "\n" && got.html == mail.html)
            #expect(got.attachments.map(\.name) == mail.attachments.map(\.name))
            #expect(got.attachments.map(\.type) == mail.attachments.map(\.contentType))
            #expect(got.attachments.map(\.base64) == mail.attachments.map { Data($0.bytes).base64EncodedString() })
            #expect(got.defects.isEmpty && got.isASCII && !got.hasBareLineEnds && got.longestLine <= 998)
        }
    }

    @Test("texts and subjects of any length and script come back the same", arguments: 1...8)
    func anyText(_ seed: UInt64) async throws {
        var random = Random(state: seed)
        let pieces = ["a", "=", " ", "\t", ".", "ß", "漢", "🦊", "é", "\u{202E}", "\n", "--=_trueup_mixed", "?=", "=?"]
        try await MailServerProcess.with("plain") { server in
            let client = try server.client()
            var sent: [Mail] = []
            for _ in 0..<12 {
                func text(_ count: Int) -> String {
                    (0..<Int.random(in: 1...count, using: &random)).map { _ in
                        pieces[Int.random(in: 0..<pieces.count, using: &random)]
                    }.joined()
                }
                var mail = try Self.mail()
                mail.subject = text(120).replacing("\n", with: "").replacing("\t", with: "")
                mail.text = text(3_000)
                if mail.text.last == "\n" { mail.text += "." }
                sent.append(mail)
                try await client.send(mail)
            }
            let got = try server.received()
            #expect(got.map(\.text) == sent.map { $0.text + "\n" })
            #expect(got.map { $0.header("Subject") } == sent.map(\.subject))
            #expect(got.allSatisfy { $0.defects.isEmpty && $0.longestLine <= 998 && $0.isASCII })
        }
    }

    @Test(
        "a refusal names the server's code, and the mail was not accepted",
        arguments: [
            ("rcpt-550", 550, true), ("rcpt-451", 451, false), ("data-554", 554, true), ("data-452", 452, false),
        ])
    func refusals(_ word: String, _ code: Int, _ isPermanent: Bool) async throws {
        try await MailServerProcess.with("plain") { server in
            let error = try #require(try await Self.outcome(server.client(), to: "\(word)@example.com"))
            #expect(error.kind == .refused(code: code))
            #expect(!error.outcomeIsUnknown && error.isPermanent == isPermanent)
            #expect(error.description.contains("\(code)"), "\(error)")
        }
    }

    @Test("a connection that breaks before the mail's end leaves nothing unknown, after it everything")
    func drops() async throws {
        try await MailServerProcess.with("plain") { server in
            let before = try #require(try await Self.outcome(server.client(), to: "drop-rcpt@example.com"))
            #expect(before.kind == .connectionLost && !before.outcomeIsUnknown)
            let after = try #require(try await Self.outcome(server.client(), to: "drop-data@example.com"))
            #expect(after.kind == .connectionLost && after.outcomeIsUnknown && !after.isPermanent)
            #expect(after.description.contains("may have accepted"))
            #expect(try server.received().count == 1)
        }
    }

    @Test("a server that hangs is given up after the time limit, and the error says whether it had the mail")
    func hangs() async throws {
        try await MailServerProcess.with("plain") { server in
            let client = try server.client { $0.timeoutMilliseconds = 1_500 }
            let before = try #require(try await Self.outcome(client, to: "hang-rcpt@example.com"))
            #expect(before.kind == .timedOut && !before.outcomeIsUnknown)
            let after = try #require(try await Self.outcome(client, to: "hang-data@example.com"))
            #expect(after.kind == .timedOut && after.outcomeIsUnknown)
        }
    }

    @Test("cancelling stops a conversation before the mail's end, and awaits the answer after it")
    func cancels() async throws {
        try await MailServerProcess.with("plain") { server in
            let client = try server.client()
            let early = Task { try await Self.outcome(client, to: "hang-rcpt@example.com") }
            try await Task.sleep(for: .milliseconds(400))
            early.cancel()
            let error = try #require(try await early.value)
            #expect(error.kind == .cancelled && !error.outcomeIsUnknown)
            let late = Task { try await Self.outcome(client, to: "slow-data@example.com") }
            while try server.received().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            late.cancel()
            #expect(try await late.value == nil)
        }
    }

    @Test("the login comes percent-encoded out of the URL, and no error tells it")
    func login() async throws {
        try await MailServerProcess.with("login") { server in
            let right = "post%40office:hunter2%3A%2F%3F%23@"
            #expect(try await Self.outcome(server.client(login: right), to: "a@example.com") == nil)
            let wrong = try #require(
                try await Self.outcome(server.client(login: "post%40office:canary@"), to: "a@example.com"))
            #expect(wrong.kind == .loginRefused && !wrong.isPermanent && !wrong.outcomeIsUnknown)
            let none = try #require(try await Self.outcome(server.client(), to: "a@example.com"))
            #expect(none.kind == .refused(code: 530) && !none.isPermanent)
            for error in [wrong, none] {
                #expect(!"\(error)".contains("canary") && !"\(error)".contains("post@office"), "\(error)")
            }
            #expect(try server.received().count == 1)
        }
    }

    @Test("a server that repeats the password in its answer does not get it into an error")
    func echo() async throws {
        try await MailServerProcess.with("plain") { server in
            // Without a login nothing is masked; the server's words are there.
            let plain = try #require(try await Self.outcome(server.client(), to: "rcpt-550@example.com"))
            #expect(plain.description.contains("no mailbox for hunter2 here"))
        }
        try await MailServerProcess.with("login") { server in
            let client = try server.client(login: "post%40office:hunter2%3A%2F%3F%23@")
            let error = try #require(try await Self.outcome(client, to: "rcpt-550@example.com"))
            #expect(error.kind == .refused(code: 550) && !error.description.contains("hunter2:/?#"))
        }
    }

    @Test(
        "a server that repeats what it was told in AUTH gets no form of the password into an error",
        arguments: ["echo-plain", "echo-login"])
    func echoedLogin(_ mode: String) async throws {
        try await MailServerProcess.with(mode) { server in
            let client = try server.client(login: "mailuser:s3cr3tpw@")
            let error = try #require(try await Self.outcome(client, to: "a@example.com"))
            #expect(error.kind == .loginRefused && error.detail.contains("no such login: ***"), "\(error)")
            // PLAIN's argument, and LOGIN's two.
            for told in ["s3cr3tpw", "AG1haWx1c2VyAHMzY3IzdHB3", "bWFpbHVzZXI", "czNjcjN0cHc"] {
                #expect(!"\(error)".contains(told), "\(error)")
            }
        }
    }

    @Test("a login of short words takes nothing out of the words that say what went wrong")
    func shortLogin() {
        let mask = LoginMask(user: "u", password: Secret("p"))
        #expect(mask.masked("Operation timed out after 300 ms") == "Operation timed out after 300 ms")
        #expect(mask.masked("535 u:p and p, AHUAcA== too") == "535 *** and ***, ***== too")
        let other = LoginMask(user: "mail", password: Secret("hunter2:/?#"))
        #expect(other.masked("cannot connect to mail.example.com") == "cannot connect to mail.example.com")
        #expect(other.masked("(hunter2:/?#) mail:hunter2%3A%2F%3F%23@x") == "(***) ***@x")
        #expect(other.masked("aHVudGVyMjovPyM= bWFpbA==x") == "***= ***==x")
        #expect(LoginMask(user: "u", password: Secret("")).masked("u") == "u")
    }

    @Test("a cancelled mail whose end was sent waits for its answer no longer than the grace, and is unknown then")
    func grace() async throws {
        try await MailServerProcess.with("plain") { server in
            let client = try server.client { $0.graceMilliseconds = 500 }
            let late = Task { try await Self.outcome(client, to: "hang-data@example.com") }
            while try server.received().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            let start = ContinuousClock.now
            late.cancel()
            let error = try #require(try await late.value)
            #expect(error.kind == .cancelled && error.outcomeIsUnknown, "\(error)")
            #expect(ContinuousClock.now - start < .seconds(15))
        }
    }

    @Test("TLS from the first byte and STARTTLS work where the certificate holds, and fail where it does not")
    func tls() async throws {
        for (mode, scheme) in [("tls", "smtps"), ("starttls", "smtp")] {
            try await MailServerProcess.with(mode) { server in
                let trusting = try server.client(scheme) {
                    $0.requiresTLS = true
                    $0.certificateAuthorityFile = server.authority
                }
                #expect(try await Self.outcome(trusting, to: "a@example.com") == nil, "\(mode)")
                let strict = try server.client(scheme) { $0.requiresTLS = true }
                let error = try #require(try await Self.outcome(strict, to: "a@example.com"))
                #expect(error.kind == .tls && !error.outcomeIsUnknown, "\(mode): \(error)")
                #expect(try server.received().count == 1)
            }
        }
    }

    @Test("a server without STARTTLS gets neither login nor mail where TLS is a must")
    func noTLS() async throws {
        try await MailServerProcess.with("login") { server in
            let client = try server.client(login: "post%40office:hunter2%3A%2F%3F%23@") { $0.requiresTLS = true }
            let error = try #require(try await Self.outcome(client, to: "a@example.com"))
            #expect(error.kind == .tls && error.description.contains("STARTTLS"))
            #expect(try server.received().isEmpty)
        }
    }

    @Test("a port where nobody listens is a refused connection")
    func nobody() async throws {
        let client = try MailClient(url: Secret("smtp://127.0.0.1:1"))
        let error = try #require(try await Self.outcome(client, to: "a@example.com"))
        #expect(error.kind == .couldNotConnect && !error.outcomeIsUnknown && error.origin == "smtp://127.0.0.1:1")
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
