import Foundation
import Stripe
import Support
import Testing

/// The decoder against Foundation's, on whole bodies.
@Suite(.enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
struct PageDecodingTests {
    static let invoicePages = ["invoices_page.json", "invoices_page.2026-07-29.dahlia.json"]

    @Test("every invoice of a page is what Foundation reads", arguments: invoicePages)
    func invoices(file: String) throws {
        let bytes = try StripeFiles.bytes(file)
        let page = try BodyDecoding.invoices(bytes)
        let expected = try OracleObject(bytes).list.map(\.invoice)
        #expect(page.hasMore)
        #expect(page.objects.count == 100)
        #expect(page.objects == expected)
        #expect(Set(page.objects.map(\.status)).count >= 4)
        #expect(page.objects.contains { $0.subscription != nil })
        #expect(page.objects.contains { $0.metadata.orderID != nil })
    }

    @Test("every payment intent of a page is what Foundation reads")
    func paymentIntents() throws {
        let bytes = try StripeFiles.bytes("payment_intents_page.json")
        let page = try BodyDecoding.paymentIntents(bytes)
        #expect(page.objects == (try OracleObject(bytes).list.map(\.paymentIntent)))
        #expect(page.objects.contains { $0.lastPaymentError?.code == "card_declined" })
        #expect(page.objects.contains { $0.invoice != nil })
    }

    @Test("every event of a page is what Foundation reads")
    func events() throws {
        let bytes = try StripeFiles.bytes("events_page.json")
        let page = try BodyDecoding.events(bytes)
        #expect(page.objects == (try OracleObject(bytes).list.map(\.event)))
        #expect(page.objects.contains { $0.objectType == "invoice" && $0.objectStatus != nil })
    }

    @Test(
        "Stripe's own fixtures are read, in both versions",
        arguments: ["fixtures3-2023-10-16.json", "fixtures3-2026-07-29.dahlia.json"])
    func fixtures(file: String) throws {
        let resources = try OracleObject(StripeFiles.bytes(file)).object("resources")
        let invoice = resources.object("invoice")
        #expect(try BodyDecoding.invoice(invoice.data) == invoice.invoice)
        let intent = resources.object("payment_intent")
        #expect(try BodyDecoding.paymentIntent(intent.data) == intent.paymentIntent)
        let event = resources.object("event")
        #expect(try BodyDecoding.event(event.data) == event.event)
        let item = try BodyDecoding.invoiceItem(resources.object("invoiceitem").data)
        #expect(item.amount == 1000)
    }

    @Test("recorded bodies of many versions are read")
    func recorded() throws {
        let samples = try OracleObject(StripeFiles.bytes("real_wire_samples.json"))
        let bodies = (samples.members["exchanges"] as? [[String: Any]] ?? []).map(OracleObject.init)
            .compactMap { $0.text("body") }.map { Array($0.utf8) }
        var seen: [String: Int] = [:]
        for body in bodies {
            let object = try OracleObject(body)
            let kind = object.text("object") ?? ""
            seen[kind, default: 0] += 1
            switch kind {
            case "invoice": #expect(try BodyDecoding.invoice(body) == object.invoice)
            case "payment_intent": #expect(try BodyDecoding.paymentIntent(body) == object.paymentIntent)
            case "invoiceitem": #expect(try BodyDecoding.invoiceItem(body).id == object.text("id"))
            default:
                // Anything else is not taken for an invoice.
                #expect(throws: DecodingFailure.self) { try BodyDecoding.invoice(body) }
            }
        }
        #expect(seen["invoice", default: 0] >= 5)
        #expect(seen["payment_intent", default: 0] >= 4)
    }

    @Test("members in any order, with any white space and escapes, decode the same", arguments: 0..<20 as Range<UInt64>)
    func shuffled(seed: UInt64) throws {
        for (file, isInvoice) in [("invoices_page.json", true), ("payment_intents_page.json", false)] {
            let bytes = try StripeFiles.bytes(file)
            var writer = ScrambledJSON(seed: seed)
            let scrambled = writer.write(try OracleObject(bytes).members)
            if isInvoice {
                #expect(try BodyDecoding.invoices(scrambled).objects == BodyDecoding.invoices(bytes).objects)
            } else {
                #expect(
                    try BodyDecoding.paymentIntents(scrambled).objects == BodyDecoding.paymentIntents(bytes).objects)
            }
        }
    }

    @Test("a page that ends anywhere too early is an error, never a shorter page", arguments: invoicePages)
    func truncated(file: String) throws {
        let bytes = try StripeFiles.bytes(file)
        let whole = bytes.lastIndex(of: UInt8(ascii: "}")) ?? 0
        for length in stride(from: 0, through: whole, by: 997) {
            let failure = #expect(throws: DecodingFailure.self) { try BodyDecoding.invoices(Array(bytes[..<length])) }
            #expect(failure?.kind == (length == 0 ? .empty : .broken))
        }
    }

    @Test("damaged bytes never crash the decoder", arguments: 0..<4 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bytes = try StripeFiles.bytes("payment_intents_page.json")
        var failures = 0
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            do {
                _ = try BodyDecoding.paymentIntents(damaged)
            } catch {
                failures += 1
                #expect(!error.words.isEmpty)
            }
        }
        #expect(failures > 0)
    }
}
