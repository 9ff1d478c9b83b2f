/// Pages of Stripe's dashboard, made from ids that look like ids and from nothing else.
package enum StripeLink {
    /// The page of an object, or `nil` when its id or kind is not one that Stripe would give.
    /// - Parameters:
    ///   - id: `in_…` or `pi_…` or `ch_…`.
    ///   - account: `acct_…`; left out of the address unless it looks like one.
    package static func url(_ id: String, account: String?, isLive: Bool) -> String? {
        let folder: String
        if id.hasPrefix("in_") {
            folder = "invoices"
        } else if id.hasPrefix("pi_") || id.hasPrefix("ch_") {
            folder = "payments"
        } else {
            return nil
        }
        guard isID(id) else { return nil }
        var url = "https://dashboard.stripe.com/"
        if let account, account.hasPrefix("acct_"), isID(account) { url += account + "/" }
        if !isLive { url += "test/" }
        return url + folder + "/" + id
    }

    /// A prefix, an underscore and letters, digits or underscores: at most 255 bytes, as Stripe says of its ids.
    package static func isID(_ text: String) -> Bool {
        guard text.utf8.count <= 255, let mark = text.utf8.firstIndex(of: 95) else { return false }
        let rest = text.utf8[text.utf8.index(after: mark)...]
        let prefix = text.utf8[..<mark]
        let isWord = { (byte: UInt8) in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
        }
        return !rest.isEmpty && !prefix.isEmpty && rest.allSatisfy(isWord) && prefix.allSatisfy(isWord)
    }
}
