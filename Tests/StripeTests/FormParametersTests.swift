import Stripe
import Testing

@Suite struct FormParametersTests {
    @Test(
        "values are encoded as Stripe reads them",
        arguments: [
            ([("a", .text("b c&d=é+"))], "a=b%20c%26d%3D%C3%A9%2B"),
            ([("a", .integer(-5)), ("b", .flag(true)), ("c", .null)], "a=-5&b=true&c="),
            ([("a", .array([.text("x"), .object([("k", .integer(1))])]))], "a%5B0%5D=x&a%5B1%5D%5Bk%5D=1"),
            (
                [("metadata", .object([("order_id", .text("7")), ("gone", .null)]))],
                "metadata%5Border_id%5D=7&metadata%5Bgone%5D="
            ),
            ([("a", .object([("b", .object([("c", .text("v"))]))]))], "a%5Bb%5D%5Bc%5D=v"),
            ([("created[gte]", .integer(5))], "created%5Bgte%5D=5"),
            ([("a", .array([])), ("b", .object([]))], ""),
            ([], ""),
        ] as [([(String, FormValue)], String)])
    func encoding(pairs: [(String, FormValue)], expected: String) {
        #expect(FormParameters(pairs).encoded == expected)
    }

    @Test("idempotency keys are UUIDs of version 4, each another one")
    func keys() {
        let keys = (0..<1_000).map { _ in IdempotencyKey.random() }
        #expect(Set(keys).count == 1_000)
        #expect(
            keys.allSatisfy {
                $0.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil
            })
    }

    @Test(
        "keys in foreign text are masked",
        arguments: [
            ("Invalid API Key provided: sk_test_****1234", "Invalid API Key provided: sk_test_***"),
            ("a rk_live_AbC9 b whsec_x/ sk_live_", "a rk_live_*** b whsec_***/ sk_live_***"), ("no_key", "no_key"),
            ("é sk_live_x é", "é sk_live_*** é"),
        ])
    func masking(text: String, expected: String) {
        #expect(KeyMask.masked(text) == expected)
    }
}
