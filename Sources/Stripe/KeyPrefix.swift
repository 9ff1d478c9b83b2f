import Curl

/// What a key says about itself. See https://docs.stripe.com/keys
struct KeyPrefix: Equatable {
    let mode: AccountMode
    let isRestricted: Bool

    /// The reason for a refusal, which never holds a part of the key.
    struct Refusal: Error, Equatable {
        let reason: String
    }

    private static let known: [(prefix: String, mode: AccountMode, isRestricted: Bool)] = [
        ("sk_live_", .live, false), ("sk_test_", .test, false),
        ("rk_live_", .live, true), ("rk_test_", .test, true),
    ]

    init(of key: Secret) throws(Refusal) {
        let text = key.expose()
        if text.isEmpty {
            throw Refusal(reason: "the key is empty; set a secret key (sk_…) or a restricted key (rk_…)")
        }
        if text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
            throw Refusal(reason: "the key holds white space or characters that no key has; copy it again")
        }
        if text.hasPrefix("pk_") {
            throw Refusal(
                reason: "pk_ is a publishable key, made for browsers: it cannot read invoices; use sk_… or rk_…")
        }
        if text.hasPrefix("whsec_") {
            throw Refusal(reason: "whsec_ is a webhook signing secret, not a key; use sk_… or rk_…")
        }
        guard let found = Self.known.first(where: { text.hasPrefix($0.prefix) && text != $0.prefix }) else {
            throw Refusal(reason: "the key begins with none of sk_live_, sk_test_, rk_live_ and rk_test_")
        }
        mode = found.mode
        isRestricted = found.isRestricted
    }
}
