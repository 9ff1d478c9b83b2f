import Support
import Testing

@Suite("Webhook signatures over HTTP")
struct WebhookVectorTests {
    /// The codes that stand for the library's words. What is signed rightly is then found to be no whole event: the
    /// vectors' payloads have neither a mode nor an object that could be one.
    static let codes = [
        "ok": "not_an_event", "timestamp": "signature_too_old", "mismatch": "signature_mismatch",
        "malformed": "signature_malformed", "no_signature": "no_signature",
    ]

    @Test("every vector that Stripe's own library was asked about", arguments: WebhookVector.all.indices)
    func vectors(_ index: Int) async throws {
        let vector = WebhookVector.all[index]
        var setup = CounterSetup()
        setup.nowSeconds = vector.nowSeconds
        setup.secrets = [vector.secret]
        try await Counter.with(setup) { counter in
            for path in ["/stripe/webhook", "/stripe/credits-webhook"] {
                let reply = try await counter.ask(
                    .post, path, body: Array(vector.payload.utf8), headers: [("Stripe-Signature", vector.header)])
                #expect(reply.status == 400)
                #expect(reply.code == Self.codes[vector.expected], "\(vector.description): \(reply.text)")
                #expect(!reply.text.contains(vector.secret))
            }
            #expect(!counter.logs.text.contains(vector.secret))
        }
    }

    @Test("either secret counts during a rotation, and no other")
    func rotation() async throws {
        var setup = CounterSetup()
        setup.secrets = ["whsec_new", "whsec_old"]
        try await Counter.with(setup) { counter in
            let event = try await counter.paid().event
            for secret in ["whsec_old", "whsec_new"] {
                #expect(try await counter.deliver(event, account: "task_health", secret: secret).status == 200)
            }
            let other = try await counter.deliver(event, account: "task_health", secret: "whsec_other")
            #expect(other.status == 400 && other.code == "signature_mismatch")
            #expect(try await counter.balance() == 10)
        }
    }
}
