import Curl
import Stripe
import Support
import Testing

@Suite struct WebhookSignatureTests {
    private func outcome(_ vector: WebhookVector, secrets: [Secret]? = nil) -> String {
        do {
            try WebhookSignature.verify(
                payload: Array(vector.payload.utf8), header: vector.header,
                secrets: secrets ?? [Secret(vector.secret)], nowSeconds: vector.nowSeconds,
                toleranceSeconds: vector.toleranceSeconds)
            return "ok"
        } catch {
            #expect(!error.description.contains(vector.secret))
            switch error {
            case .malformed: return "malformed"
            case .noSignature: return "no_signature"
            case .mismatch: return "mismatch"
            case .timestamp: return "timestamp"
            case .noSecret: return "no_secret"
            }
        }
    }

    @Test("signatures are judged as by Stripe's own library", arguments: WebhookVector.all)
    func vectors(vector: WebhookVector) {
        #expect(outcome(vector) == vector.expected)
    }

    @Test("while a secret is rolled, either fits")
    func rolled() {
        let vector = WebhookVector.all[0]
        #expect(outcome(vector, secrets: [Secret("whsec_new"), Secret(vector.secret)]) == "ok")
        #expect(outcome(vector, secrets: [Secret("whsec_new"), Secret("")]) == "mismatch")
    }

    @Test("without a secret nothing is believed", arguments: [[], [Secret("")]])
    func noSecret(secrets: [Secret]) {
        #expect(outcome(WebhookVector.all[0], secrets: secrets) == "no_secret")
    }

    @Test(
        "a time with a sign, spaces or beyond 64 bits is no time",
        arguments: ["+5", "-5", " 5", "", "99999999999999999999"])
    func oddTime(time: String) {
        #expect(throws: WebhookSignature.Failure.malformed) {
            try WebhookSignature.verify(
                payload: [], header: "t=\(time),v1=00", secrets: [Secret("whsec_1")], nowSeconds: 5)
        }
    }

    @Test("the committed cases are the shared ones", .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
    func sameAsShared() throws {
        let shared = try OracleObject(StripeFiles.bytes("webhook_vectors.json"))
        let cases = (shared.members["vectors"] as? [[String: Any]] ?? []).map(OracleObject.init)
        #expect(cases.count == 17)
        #expect(cases.map { $0.text("payload") } == WebhookVector.all.map(\.payload))
        #expect(cases.map { $0.text("header") } == WebhookVector.all.map(\.header))
        #expect(cases.map { $0.text("expect") } == WebhookVector.all.map(\.expected))
    }
}
