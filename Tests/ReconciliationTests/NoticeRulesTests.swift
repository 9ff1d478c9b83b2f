import Reconciliation
import Testing

@Suite("Notice rules")
struct NoticeRulesTests {
    static let now: Int64 = 1_000_000_000
    let rules = NoticeRules(nowSeconds: now, settleSeconds: 300, canSend: true)

    static func pair(
        _ status: InvoiceStatus = .open, finalizedAgo: Int64? = 3_600, isNoticed: Bool = false, agency: Int64? = 3,
        email: String? = "office@agency.example"
    ) -> NoticePair {
        NoticePair(
            stripe: InvoiceFacts(
                id: "in_1", status: status, createdSeconds: now - 90_000, currency: "usd", total: 5_000,
                customer: "cus_1", finalizedAtSeconds: finalizedAgo.map { now - $0 }),
            isNoticed: isNoticed, agencyID: agency, email: email)
    }

    @Test(
        "every status, with and without a notice",
        arguments: [
            (InvoiceStatus.draft, FindingKind?.none), (.open, .missedFinalizedNotice), (.paid, .missedFinalizedNotice),
            (.uncollectible, .missedFinalizedNotice), (.void, nil), (.unknown("frozen"), .unknownStatus),
        ])
    func statuses(_ status: InvoiceStatus, _ kind: FindingKind?) {
        let verdict = rules.classify(Self.pair(status))
        #expect(verdict.kind == kind)
        #expect(verdict.defaultAction == (kind == nil ? .ignore : kind == .unknownStatus ? .review : .apply))
        #expect(rules.classify(Self.pair(status, isNoticed: true)).agrees)
    }

    @Test("a notice is missed only after the settle delay, to the second")
    func settle() {
        #expect(rules.classify(Self.pair(finalizedAgo: 300)).agrees)
        #expect(rules.classify(Self.pair(finalizedAgo: 301)).kind == .missedFinalizedNotice)
        #expect(rules.classify(Self.pair(finalizedAgo: nil)).agrees)
        #expect(rules.classify(Self.pair(finalizedAgo: -50)).agrees)
    }

    @Test("a person is asked where nobody can be told, and reads why")
    func reasons() {
        func verdict(_ pair: NoticePair, canSend: Bool = true) -> Verdict {
            var rules = rules
            rules.canSend = canSend
            let verdict = rules.classify(pair)
            #expect(verdict.kind == .missedFinalizedNotice)
            #expect(verdict.defaultAction == .review, "\(verdict.explanation)")
            return verdict
        }
        #expect(verdict(Self.pair(agency: nil)).explanation.contains("no agency has its customer, cus_1"))
        #expect(verdict(Self.pair(email: nil)).explanation.contains("agency 3 has no e-mail address"))
        #expect(verdict(Self.pair(email: "nobody")).explanation.contains("“nobody” is no address"))
        #expect(verdict(Self.pair(), canSend: false).explanation.contains("delivery.email is not configured"))
        var shared = Self.pair()
        shared.agencies = 2
        #expect(verdict(shared).explanation.contains("2 agencies"))
    }

    @Test("the explanation says how long ago")
    func ages() {
        for (ago, words) in [(600, "10 minutes"), (7_200, "2 hours"), (86_400 * 3, "3 days")] as [(Int64, String)] {
            let verdict = rules.classify(Self.pair(finalizedAgo: ago))
            #expect(verdict.explanation.contains("finalized \(words) ago"), "\(verdict.explanation)")
        }
    }

    @Test(
        "addresses that mail can be sent to",
        arguments: [
            ("a@b.co", true), ("first.last+tag@sub.example.org", true), ("o'neil@example.com", true), ("", false),
            ("a@b", false), ("@b.co", false), ("a@", false), ("a b@c.de", false), ("a@b@c.de", false),
            ("a@b..de", false), (".a@b.de", false), ("a@-b.de", false), ("a@b.de\r\nBcc: x@y.de", false),
            ("<a@b.de>", false), ("ä@b.de", false), ("a@b.de ", false), ("a\u{0}@b.de", false),
        ])
    func addresses(_ text: String, _ isPlausible: Bool) { #expect(MailAddress.isPlausible(text) == isPlausible) }

    @Test("classification is total, repeats itself, and explains every finding", arguments: 0..<40)
    func totality(_ seed: UInt64) {
        var random = Seeded(state: seed)
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
        for _ in 0..<300 {
            let rules = NoticeRules(
                nowSeconds: pick([0, 1_000, .max, .min]), settleSeconds: pick([0, 300, .max]),
                canSend: Bool.random(using: &random))
            let invoice = InvoiceFacts(
                id: pick(["", "in_1"]),
                status: InvoiceStatus(pick(["draft", "open", "paid", "void", "uncollectible", "", "x"])),
                createdSeconds: pick([.min, 0, .max]), currency: pick(["usd", ""]), total: pick([.min, 0, .max]),
                customer: pick([nil, "", "cus_1"]), finalizedAtSeconds: pick([nil, .min, 0, 500, .max]))
            let pair = NoticePair(
                stripe: invoice, isNoticed: Bool.random(using: &random), agencyID: pick([nil, 1, .min]),
                agencies: pick([0, 1, 2]), email: pick([nil, "", "a@b.de", "a@b.de\n"]))
            let verdict = rules.classify(pair)
            #expect(verdict == rules.classify(pair))
            #expect(verdict.agrees == verdict.explanation.isEmpty)
            guard let kind = verdict.kind else { continue }
            #expect(NoticeRules.kinds.contains(kind))
            #expect(kind.allowedActions.contains(verdict.defaultAction))
            guard verdict.defaultAction == .apply else { continue }
            #expect(rules.canSend && pair.agencyID != nil && pair.agencies < 2 && pair.email == "a@b.de")
        }
    }
}
