import Curl
import Support
import Testing

@Suite("Mail that is refused before anything is sent")
struct MailRefusalTests {
    /// Nothing listens there: what is refused beforehand has another kind than `couldNotConnect`.
    private func kind(_ change: (inout Mail) -> Void) async throws -> MailError.Kind? {
        var mail = try MailClientTests.mail()
        change(&mail)
        let client = try MailClient(url: Secret("smtp://127.0.0.1:1"))
        let made = mail
        do throws(MailError) {
            try await client.send(made)
            return nil
        } catch {
            #expect(!error.outcomeIsUnknown)
            return error.kind
        }
    }

    @Test(
        "a line break or control character in a header",
        arguments: ["x\r\nBcc: y@example.com", "x\ny", "x\ry", "x\u{0}", "\u{7F}", "x\u{85}y", "x\u{2028}y"])
    func headers(_ text: String) async throws {
        #expect(try await kind { $0.subject = text } == .refusedHeader)
        #expect(try await kind { $0.headers = [("X-A", text)] } == .refusedHeader)
        #expect(try await kind { $0.headers = [(text, "a")] } == .refusedHeader)
        #expect(try await kind { $0.messageID = "a@" + text } == .refusedHeader)
        #expect(
            try await kind { $0.attachments = [.init(name: text, contentType: "a/b", bytes: [])] } == .refusedHeader)
        #expect(
            try await kind { $0.attachments = [.init(name: "a", contentType: "a/" + text + "\n", bytes: [])] }
                == .refusedHeader)
        #expect(throws: MailError.self) { try Mailbox(name: text, address: "a@example.com") }
    }

    @Test("headers that the message has anyway, and names that are paths")
    func reserved() async throws {
        for name in ["Bcc", "bcc", "To", "Content-Type", "content-foo", "Message-ID", "", "A B", "A:"] {
            #expect(try await kind { $0.headers = [(name, "x")] } == .refusedHeader, "\(name)")
        }
        for name in ["", "../a", "a\\b", String(repeating: "a", count: 256)] {
            #expect(
                try await kind { $0.attachments = [.init(name: name, contentType: "a/b", bytes: [])] } == .refusedHeader
            )
        }
        for id in ["", "a", "<a@b>", "a b@c", "a@b@c"] {
            #expect(try await kind { $0.messageID = id } == .refusedHeader, "\(id)")
        }
        #expect(try await kind { $0.to = [] } == .refusedAddress)
        #expect(try await kind { _ in } == .couldNotConnect)
    }

    @Test(
        "addresses that would end their command",
        arguments: [
            "", "a", "a@", "@b", "a@b@c", "a b@c.de", "a@b.de>", "<a@b.de", "a@b.de\r\nRCPT TO:<x@y.de>", "ä@b.de",
            "a@b.de\u{0}", "\"a\"@b.de", "a,b@c.de",
        ])
    func addresses(_ text: String) {
        #expect(throws: MailError.self) { try Mailbox(address: text) }
        #expect(throws: MailError.self) { try Mailbox(parsing: "Name <\(text)>") }
    }

    @Test("a sender of the settings is a name and an address")
    func parsing() throws {
        #expect(try Mailbox(parsing: "a@b.de") == Mailbox(address: "a@b.de"))
        #expect(try Mailbox(parsing: "Trueup <a@b.de>") == Mailbox(name: "Trueup", address: "a@b.de"))
        #expect(try Mailbox(parsing: "\"Tr, ue\" <a@b.de>") == Mailbox(name: "Tr, ue", address: "a@b.de"))
        #expect(try Mailbox(parsing: "<a@b.de>") == Mailbox(address: "a@b.de"))
        #expect(try Mailbox(address: "a@b.de").domain == "b.de")
    }

    @Test(
        "URLs that are no mail server, and no error tells what was in them",
        arguments: [
            "", "canary", "https://u:canary@example.com", "smtp://u:canary", "smtp://canary@example.com",
            "smtp://u:12/canary@example.com", "smtp://u:12#canary@example.com", "smtp://u:12?canary@example.com",
            "smtp://u:can\nary@example.com", "smtp://u:canary%0A@example.com", "file:///canary",
            "smtp://u:can ary@e.de",
        ])
    func urls(_ text: String) {
        let error = #expect(throws: MailError.self) { try MailClient(url: Secret(text)) }
        #expect(error?.kind == .refusedURL)
        #expect(
            error.map { !"\($0)".contains("canary") && !"\($0)".contains("u:12") } == true,
            "\(String(describing: error))")
    }
}
