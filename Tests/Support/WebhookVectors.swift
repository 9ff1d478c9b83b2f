// Cases checked with stripe-python 16.1.0, WebhookSignature.verify_header.
public struct WebhookVector: Sendable, CustomStringConvertible {
    public let description: String
    public let payload: String
    public let header: String
    public let secret: String
    public let nowSeconds: Int64
    public let toleranceSeconds: Int64
    public let expected: String

    private static let secret = "whsec_trueup_test_secret_0123456789"

    private static let pretty = """
        {
          "id": "evt_test_webhook",
          "object": "event",
          "type": "invoice.paid",
          "created": 1706200000,
          "data": {
            "object": {
              "id": "in_1",
              "object": "invoice"
            }
          }
        }
        """

    public static let all: [WebhookVector] = [
        WebhookVector(
            description: "valid",
            payload: pretty,
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200010, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "valid, at tolerance edge (now = t+300)",
            payload: pretty,
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200300, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "expired (now = t+301)",
            payload: pretty,
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200301, toleranceSeconds: 300, expected: "timestamp"),
        WebhookVector(
            description: "future timestamp accepted by the SDKs (now = t-3600)",
            payload: pretty,
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706196400, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "secret rolled: two v1, second matches",
            payload: pretty,
            header: "t=1706200000"
                + ",v1=0000000000000000000000000000000000000000000000000000000000000000"
                + ",v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "v0 ignored, v1 matches",
            payload: pretty,
            header: "t=1706200000"
                + ",v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d"
                + ",v0=6666666666666666666666666666666666666666666666666666666666666666",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "only v0 present",
            payload: pretty,
            header: "t=1706200000,v0=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "no_signature"),
        WebhookVector(
            description: "wrong secret",
            payload: pretty,
            header: "t=1706200000,v1=c7dabd8cf0c6dc622773a3b26667f433058f6c8aed70d7cce3be0020d318ce41",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "mismatch"),
        WebhookVector(
            description: "tampered body",
            payload: pretty.replacing("in_1", with: "in_2"),
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "mismatch"),
        WebhookVector(
            description: "re-serialised (compact) body must fail",
            payload:
                pretty.filter { $0 != " " && $0 != "\n" },
            header: "t=1706200000,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "mismatch"),
        WebhookVector(
            description: "timestamp changed, signature kept",
            payload: pretty,
            header: "t=1706200001,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "mismatch"),
        WebhookVector(
            description: "no t",
            payload: pretty,
            header: "v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "malformed"),
        WebhookVector(
            description: "garbage header",
            payload: pretty,
            header: "i am not even a real signature header",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "malformed"),
        WebhookVector(
            description: "non-numeric t",
            payload: pretty,
            header: "t=abc,v1=7484fe3615973663b8f2a0b9841ef5b5d9aea56d1ccfea84d7e8539293e7390d",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "malformed"),
        WebhookVector(
            description: "utf-8 payload",
            payload: #"{"id":"evt_u","object":"event","note":"Łukasz — 東京 🚀","data":{"object":{}}}"#,
            header: "t=1706200000,v1=5dfca0d43c6167eee1cf4bc30a92dfd75f95e05a75ecb2fd64f9fbd62c1e6b47",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "empty payload",
            payload: #""#,
            header: "t=1706200000,v1=9e2e4c279442cd74c265ca2e957eb0475f4344670f7c8bee40add0cda19030e9",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "ok"),
        WebhookVector(
            description: "uppercase hex must fail (SDKs compare exact lower-case hex)",
            payload: pretty,
            header: "t=1706200000,v1=7484FE3615973663B8F2A0B9841EF5B5D9AEA56D1CCFEA84D7E8539293E7390D",
            secret: secret, nowSeconds: 1706200000, toleranceSeconds: 300, expected: "mismatch"),
    ]
}
